//! Labels that templates of an alert use.

use bongsu_promql::flow::{LabelFlow, Presence};

use super::catalogue as lints;
use super::{Findings, Subject, matching};
use crate::rule::RuleKind;

pub(super) fn lint(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let RuleKind::Alerting { annotations, .. } = &subject.rule.kind else { return };
    for (name, text) in &subject.rule.labels {
        let used = references(text);
        if used.value {
            let words = ["$value".to_owned(), ".Value".to_owned()];
            let message = format!(
                "label {name} holds the value: with each new value the alert is another one"
            );
            findings.at_words(
                &lints::VALUE_IN_LABEL,
                &words,
                &message,
                "put the value into an annotation",
            );
        }
    }
    let texts = subject.rule.labels.iter().chain(annotations);
    let mut told = Vec::new();
    for (name, text) in texts {
        for label in references(text).labels {
            if !told.contains(&label) {
                lost(subject, name, &label, findings);
                told.push(label);
            }
        }
    }
}

fn lost(subject: &Subject<'_>, text: &str, label: &str, findings: &mut Findings<'_>) {
    let Presence::Never(loss) = LabelFlow::get(&subject.flow.labels, label) else { return };
    let why = matching::reason(subject, *loss);
    let words = [
        format!("labels.{label}"),
        format!("Labels.{label}"),
        format!("labels \"{label}\""),
        format!("Labels \"{label}\""),
    ];
    findings.at_words(
        &lints::TEMPLATE_LABEL,
        &words,
        &format!("{text} uses label {label}, which the result does not have: {why}"),
        "keep the label in the expression, or leave it out of the text",
    );
}

/// What a text reads of the alert.
#[derive(Debug, Default, PartialEq, Eq)]
struct References {
    /// Labels, but for those the text looks for first (`if`, `with`).
    labels: Vec<String>,
    /// Whether the value is read.
    value: bool,
}

/// Reads the actions of a Go template. `.Labels` counts only where the dot is the alert.
fn references(text: &str) -> References {
    let mut found = References::default();
    let mut asked = Vec::new();
    // Of each open block whether it moves the dot.
    let mut blocks: Vec<bool> = Vec::new();
    for action in actions(text) {
        let words = words(action);
        let first = words.first().copied().unwrap_or_default();
        let at_alert = !blocks.contains(&true);
        match first {
            "end" => {
                blocks.pop();
            }
            "if" => blocks.push(false),
            "range" | "with" | "block" | "define" => blocks.push(true),
            _ => {}
        }
        let (labels, value) = of_action(&words, at_alert);
        found.value |= value;
        if matches!(first, "if" | "with") || (first == "else" && words.get(1) == Some(&"if")) {
            asked.extend(labels);
        } else {
            found.labels.extend(labels);
        }
    }
    found.labels.retain(|label| !asked.contains(label));
    found
}

/// Labels and whether the value is read.
fn of_action(words: &[&str], at_alert: bool) -> (Vec<String>, bool) {
    let is_map =
        |word: &str| matches!(word, "$labels" | "$.Labels") || (at_alert && word == ".Labels");
    let mut labels = Vec::new();
    let mut value = false;
    for (at, word) in words.iter().enumerate() {
        value |= matches!(*word, "$value" | "$.Value") || (at_alert && *word == ".Value");
        if let Some((map, label)) = word.rsplit_once('.')
            && is_map(map)
        {
            labels.push(label.to_owned());
        }
        let quoted = words.get(at + 2).map(|word| word.trim_matches(['"', '`']));
        if let (&"index", Some(map), Some(label)) = (word, words.get(at + 1), quoted)
            && is_map(map)
        {
            labels.push(label.to_owned());
        }
    }
    (labels, value)
}

/// What stands between `{{` and `}}`.
fn actions(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once("{{")?;
        let end = end_of_action(after);
        rest = after.get(end..).unwrap_or_default();
        Some(&after[..end])
    })
}

/// Byte of the `}}` that is not in a string.
fn end_of_action(text: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '`') => quote = Some(c),
            None if text[at..].starts_with("}}") => return at,
            None => {}
        }
    }
    text.len()
}

/// Names with their dots, and strings with their quotes.
fn words(action: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = action;
    while let Some(c) = rest.chars().next() {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
        let end = if matches!(c, '"' | '`') {
            rest[1..].find(c).map_or(rest.len(), |end| end + 2)
        } else if is_name(c) {
            rest.find(|c: char| !is_name(c)).unwrap_or(rest.len())
        } else {
            rest = &rest[c.len_utf8()..];
            continue;
        };
        words.push(&rest[..end]);
        rest = &rest[end..];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::references;

    #[test]
    fn labels_and_values_are_found() {
        let cases: &[(&str, &[&str], bool)] = &[
            ("no template", &[], false),
            (
                "{{ $labels.job }} at {{.Labels.instance}} is {{ $value | humanize }}",
                &["job", "instance"],
                true,
            ),
            ("{{ index $labels \"a b\" }}{{ printf \"%s }} \" $labels.x }}", &["a b", "x"], false),
            ("{{ $labels }}", &[], false),
            (
                "{{ if $labels.pod }}{{ $labels.pod }}{{ else }}{{ $labels.job }}{{ end }}",
                &["job"],
                false,
            ),
            (
                "{{ range query \"up\" }}{{ .Labels.x }}{{ .Value }}{{ $labels.y }}{{ end }}{{ .Labels.z }}",
                &["y", "z"],
                false,
            ),
            ("{{ with $labels.a }}{{ . }}{{ end }}", &[], false),
            ("{{ $.Labels.a }} {{ printf \"%.2f\" .Value }}", &["a"], true),
            ("{{ unclosed $labels.a", &["a"], false),
        ];
        for (text, labels, value) in cases {
            let found = references(text);
            assert_eq!(
                (found.labels.iter().map(String::as_str).collect::<Vec<_>>(), found.value),
                (labels.to_vec(), *value),
                "{text}"
            );
        }
    }
}
