//! Templates inside the configuration.

/// Checks a template that may use only Go's own functions (URLs, responder types).
pub(super) fn check_plain(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(end) = rest[start..].find("}}") else {
            return Err("template: :1: unclosed action".to_owned());
        };
        rest = &rest[start + end + 2..];
    }
    Ok(())
}
