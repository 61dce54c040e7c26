//! Texts in receivers and templates: names that do not exist, values copied from documentation.

use std::sync::Arc;

use bongsu_lang::gotmpl;
use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::{Diagnostic, Place, Source};

use super::Lints;
use crate::alertmanager::{codes, quoted};

/// Functions of sprig, Helm and Grafana that people expect, and what to write instead.
const MISSING_FUNCTIONS: [(&str, &str); 24] = [
    (
        "default",
        "write {{ if .Labels.x }}{{ .Labels.x }}{{ else }}fallback{{ end }}, or {{ or .Labels.x \"fallback\" }}",
    ),
    ("ternary", "write {{ if eq .Status \"firing\" }}a{{ else }}b{{ end }}"),
    ("replace", "write {{ reReplaceAll \"old\" \"new\" .Labels.x }}"),
    ("trunc", "write {{ printf \"%.150s\" .Labels.x }}"),
    ("contains", "write {{ match \"text\" .Labels.x }}"),
    ("hasPrefix", "write {{ match \"^text\" .Labels.x }}"),
    ("hasSuffix", "write {{ match \"text$\" .Labels.x }}"),
    ("regexMatch", "write {{ match \"regex\" .Labels.x }}"),
    ("regexReplaceAll", "write {{ reReplaceAll \"regex\" \"new\" .Labels.x }}"),
    ("lower", "write {{ .Labels.x | toLower }}"),
    ("upper", "write {{ .Labels.x | toUpper }}"),
    ("trim", "write {{ .Labels.x | trimSpace }}"),
    ("quote", "write {{ printf \"%q\" .Labels.x }}"),
    ("coalesce", "write {{ or .Labels.x .Labels.y }}"),
    ("empty", "write {{ if not .Labels.x }}"),
    ("indent", "write {{ reReplaceAll \"(?m)^\" \"  \" .Annotations.x }}"),
    ("nindent", "write {{ reReplaceAll \"(?m)^\" \"  \" .Annotations.x }}"),
    ("b64enc", "write {{ .Labels.x | base64encode }}"),
    ("b64dec", "write {{ .Labels.x | base64decode }}"),
    ("toString", "write {{ printf \"%v\" .Labels.x }}"),
    ("first", "write {{ index .Alerts 0 }}"),
    ("humanize", "format the number in the alerting rule's annotation, where humanize exists"),
    ("humanizePercentage", "format the number in the alerting rule's annotation, where it exists"),
    ("env", "alert text cannot read the environment; put the value into the template"),
];

/// Data only Grafana's alerts have.
const MISSING_FIELDS: [(&str, &str); 6] = [
    ("ValueString", "put the value into an annotation of the alerting rule"),
    ("DashboardURL", "put the link into an annotation of the alerting rule"),
    ("PanelURL", "put the link into an annotation of the alerting rule"),
    ("SilenceURL", "link to {{ .ExternalURL }}/#/silences/new"),
    ("ImageURL", "put the link into an annotation of the alerting rule"),
    ("OrgID", "put it into a label of the alerting rule"),
];

/// Warnings about the text of a template file (or of one templated setting).
pub fn check_template_text(source: &Arc<Source>) -> Vec<Diagnostic> {
    let place = |line, column| Some(Place { source: Arc::clone(source), line, column });
    let mut warnings: Vec<Diagnostic> = findings(&source.text)
        .into_iter()
        .map(|finding| {
            let (line, column) = line_and_column(&source.text, finding.at);
            Diagnostic::warning(codes::TEMPLATE_NAME, finding.message)
                .at(place(line, column))
                .help(finding.help)
        })
        .collect();
    if warnings.is_empty()
        && let Err(error) = gotmpl::check_syntax(&source.text)
    {
        warnings.push(
            Diagnostic::warning(codes::TEMPLATE_SYNTAX, error.message.clone())
                .at(place(error.line, error.column)),
        );
    }
    warnings
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Looks at every scalar of receivers and at the URLs of `global`.
pub(super) fn check(root: &Node, lints: &mut Lints<'_>) {
    for key in ["receivers", "global"] {
        if let Some(node) = root.get(key) {
            walk(node, key, lints);
        }
    }
}

fn walk(node: &Node, key: &str, lints: &mut Lints<'_>) {
    match &node.kind {
        Kind::Scalar { text, .. } => scalar(node, key, text, lints),
        Kind::Sequence(items) => items.iter().for_each(|item| walk(item, key, lints)),
        Kind::Mapping(entries) => {
            for entry in entries {
                walk(&entry.value, entry.key.text().unwrap_or_default(), lints);
            }
        }
    }
}

fn scalar(node: &Node, key: &str, text: &str, lints: &mut Lints<'_>) {
    if text.contains("{{") {
        let findings = findings(text);
        if findings.is_empty()
            && let Err(error) = gotmpl::check_syntax(text)
        {
            let message = format!("this template cannot be read: {}", error.message);
            let help = "every notification with it would fail";
            lints.warn(codes::TEMPLATE_SYNTAX, node, message, help);
        }
        for finding in findings {
            lints.warn(codes::TEMPLATE_NAME, node, finding.message, finding.help);
        }
    } else if holds_credential(key) && looks_copied(text) {
        lints.warn(
            codes::PLACEHOLDER,
            node,
            format!("the value of {key} looks like a placeholder from documentation"),
            "put the real value in, better in a file named by the key with _file at its end",
        );
    }
}

fn holds_credential(key: &str) -> bool {
    !key.ends_with("_file")
        && ["url", "key", "token", "secret", "password", "credentials", "token_id"]
            .iter()
            .any(|word| key.ends_with(word))
}

/// `YOUR_KEY`, `<token>`, `xxxx`, `https://hooks.slack.com/services/...`.
pub(crate) fn looks_copied(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let tail = lower.rsplit('/').next().unwrap_or_default();
    let letters: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    let words = [
        "your_",
        "your-",
        "placeholder",
        "changeme",
        "change-me",
        "change_me",
        "replace_me",
        "replace-me",
    ];
    let angle = lower.starts_with('<') && lower.ends_with('>') && lower != "<secret>";
    angle
        || words.iter().any(|word| lower.contains(word))
        || lower.contains("/...")
        || tail == "todo"
        || (tail.len() >= 8 && tail.chars().all(|c| c == 'x'))
        || (letters.len() >= 4 && letters.chars().all(|c| c == 'x'))
}

/// Something named in a template that does not exist, and where.
struct Finding {
    at: usize,
    message: String,
    help: &'static str,
}

/// Names inside `{{ }}`, outside quotes and comments.
fn findings(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(open) = text[start..].find("{{").map(|at| start + at + 2) {
        let end = text[open..].find("}}").map_or(text.len(), |at| open + at);
        names(&text[open..end], open, &mut found);
        start = end;
    }
    found
}

fn names(action: &str, offset: usize, found: &mut Vec<Finding>) {
    let trimmed = action.trim_start_matches(['-', ' ']);
    if trimmed.starts_with("/*") {
        return;
    }
    let bytes = action.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'`' | b'\'') => at = after_quote(bytes, at, quote),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let end = action[at..]
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .map_or(bytes.len(), |length| at + length);
                let before = at.checked_sub(1).map(|i| bytes[i]);
                let word = &action[at..end];
                name(word, before, offset + at, found);
                at = end;
            }
            _ => at += 1,
        }
    }
}

fn after_quote(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
    }
    at + 1
}

fn name(word: &str, before: Option<u8>, at: usize, found: &mut Vec<Finding>) {
    let (list, what): (&[(&str, &'static str)], _) = match before {
        Some(b'$') => return,
        Some(b'.') => (&MISSING_FIELDS, "field"),
        Some(c) if c.is_ascii_digit() => return,
        _ => (&MISSING_FUNCTIONS, "function"),
    };
    if let Some((_, help)) = list.iter().find(|(missing, _)| *missing == word) {
        let message = format!("Alertmanager templates have no {what} {}", quoted(word));
        found.push(Finding { at, message, help });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_does_not_exist() {
        for (text, expected) in [
            ("{{ .Labels.x | default \"y\" }}", vec!["function \"default\""]),
            (
                "{{ if contains \"a\" .X }}{{ trunc 3 .Y }}{{ end }}",
                vec!["function \"contains\"", "function \"trunc\""],
            ),
            ("{{ .ValueString }}", vec!["field \"ValueString\""]),
            ("{{ .Labels.default }}", vec![]),
            ("{{ template \"slack.default.text\" . }}", vec![]),
            ("{{/* default */}} default", vec![]),
            ("{{ $default }}", vec![]),
            ("{{ printf `default` }}", vec![]),
            ("{{ \"unfinished", vec![]),
        ] {
            let found: Vec<String> = findings(text)
                .into_iter()
                .map(|f| f.message.replace("Alertmanager templates have no ", ""))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn knows_placeholders() {
        for text in [
            "YOUR_SLACK_WEBHOOK_URL",
            "https://hooks.slack.com/services/...",
            "https://hooks.slack.com/services/YOUR/SLACK/your-hook",
            "<your key>",
            "xxxxxxxx",
            "changeme",
            "https://placeholder.invalid/slack",
        ] {
            assert!(looks_copied(text), "{text}");
        }
        for text in ["<secret>", "https://example.com/x", "a1b2c3d4", "http://team/xx"] {
            assert!(!looks_copied(text), "{text}");
        }
    }

    #[test]
    fn finds_the_place_in_a_file() {
        let text = "line\n  {{ x | default 1 }}\n".to_owned();
        let source = Arc::new(Source { name: "a.tmpl".into(), text });
        let place = check_template_text(&source)[0].place.clone().unwrap();
        assert_eq!((place.line, place.column), (2, 10));
    }
}
