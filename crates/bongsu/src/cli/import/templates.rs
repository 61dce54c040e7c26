//! Making the configuration name the template files that were unpacked beside it.

use bongsu_lang::yaml::{self, Kind, Limits};

/// The configuration with `templates` naming the unpacked files, and whether it really does:
/// entries on lines of their own are rewritten, a list on one line is left for the user.
pub(super) fn point_at_templates(config: &str) -> (String, bool) {
    let Ok(Some(root)) = yaml::parse(config, &Limits::default()) else {
        return (config.to_owned(), false);
    };
    let entries = match root.get("templates").map(|node| &node.kind) {
        Some(Kind::Sequence(entries)) if !entries.is_empty() => entries,
        Some(Kind::Sequence(_)) => return (config.to_owned(), false),
        _ => return (format!("{config}\ntemplates:\n- templates/*.tmpl\n"), true),
    };
    let mut lines: Vec<String> = config.lines().map(str::to_owned).collect();
    let Some(line) = lines.get_mut(entries[0].place.line.saturating_sub(1)) else {
        return (config.to_owned(), false);
    };
    let before: String = line.chars().take(entries[0].place.column.saturating_sub(1)).collect();
    if before.trim() != "-" {
        return (config.to_owned(), false);
    }
    *line = format!("{before}templates/*.tmpl");
    (lines.join("\n") + "\n", true)
}

/// A plain file name with the ending of templates; anything else could leave the directory.
pub(super) fn is_template(name: &str) -> bool {
    (name.ends_with(".tmpl") || name.ends_with(".tpl"))
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_named() {
        let plain = "route:\n  receiver: a\nreceivers:\n- name: a\n";
        for (templates, want, done) in [
            ("templates:\n- /etc/am/*.tmpl\n- /other\n", "- templates/*.tmpl\n- /other\n", true),
            ("", "templates:\n- templates/*.tmpl\n", true),
            ("templates: ['/etc/am/*.tmpl']\n", "templates: ['/etc/am/*.tmpl']\n", false),
        ] {
            let (config, is) = point_at_templates(&format!("{plain}{templates}"));
            assert!(config.ends_with(want), "{config}");
            assert_eq!(is, done, "{templates}");
        }
    }

    #[test]
    fn names_that_stay_inside() {
        for (name, want) in [
            ("a.tmpl", true),
            ("../a.tmpl", false),
            (".tmpl", false),
            ("a/b.tmpl", false),
            ("x", false),
        ] {
            assert_eq!(is_template(name), want, "{name}");
        }
    }
}
