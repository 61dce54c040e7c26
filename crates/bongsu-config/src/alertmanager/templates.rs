//! Templates inside the configuration that are checked when it loads.

use bongsu_lang::gotmpl::{FunctionSet, TemplateSet};

/// Checks a template that may use only Go's own functions (URLs, responder types); the error is
/// Go's wording.
pub(super) fn check_plain(text: &str) -> Result<(), String> {
    TemplateSet::new(FunctionSet::default()).check_text(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::check_plain;

    #[test]
    fn only_the_languages_own_functions_exist() {
        for (text, expected) in [
            ("http://x/{{ .GroupLabels.a }}", None),
            ("http://x/{{ urlquery .Status }}", None),
            ("http://x/{{ .A", Some("template: :1: unclosed action")),
            ("{{ toUpper .A }}", Some("template: :1: function \"toUpper\" not defined")),
        ] {
            assert_eq!(check_plain(text).err().as_deref(), expected, "{text}");
        }
    }
}
