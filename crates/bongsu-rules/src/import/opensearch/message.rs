//! Mustache messages of actions as templates of annotations.

/// What is the same in every message of a trigger.
pub(super) struct Known<'a> {
    pub(super) monitor: &'a str,
    pub(super) trigger: &'a str,
    pub(super) severity: &'a str,
}

/// The text with what is known filled in and what series have as templates; and what it asked for
/// that nothing has.
pub(super) fn converted(text: &str, known: &Known<'_>) -> (String, Vec<String>) {
    let mut out = String::new();
    let mut lost = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        out.push_str(&rest[..start]);
        let after = &rest[start + 2..];
        let Some(end) = after.find("}}") else {
            // What is not closed is text; it must not open a template of ours.
            out.push_str("{{ \"{{\" }}");
            rest = after;
            continue;
        };
        let inner = after[..end].trim_start_matches('{').trim();
        rest = after[end + 2..].strip_prefix('}').unwrap_or(&after[end + 2..]);
        match value(inner, known) {
            Some(value) => out.push_str(&value),
            None if inner.starts_with('!') => {}
            None => {
                if !inner.starts_with('/') && !lost.iter().any(|known| known == inner) {
                    lost.push(inner.to_owned());
                }
            }
        }
    }
    out.push_str(rest);
    (out, lost)
}

fn value(name: &str, known: &Known<'_>) -> Option<String> {
    Some(match name {
        "ctx.monitor.name" => known.monitor.replace("{{", ""),
        "ctx.trigger.name" => known.trigger.replace("{{", ""),
        "ctx.trigger.severity" => known.severity.replace("{{", ""),
        "ctx.results.0.hits.total.value" | "ctx.results.0.hits.total" => "{{ $value }}".to_owned(),
        "bucket_keys" | "ctx.alert.bucket_keys" => "{{ $labels }}".to_owned(),
        name if name.starts_with("ctx.results.0.aggregations.") && name.ends_with(".value") => {
            "{{ $value }}".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in() {
        let known = Known { monitor: "m", trigger: "t", severity: "1" };
        for (text, expected, missing) in [
            (
                "{{ctx.monitor.name}} {{{ctx.trigger.name}}}: {{ ctx.results.0.hits.total.value }}",
                "m t: {{ $value }}",
                "",
            ),
            (
                "at {{ctx.periodStart}}{{! no }}{{#ctx.newAlerts}}{{bucket_keys}}{{/ctx.newAlerts}}",
                "at {{ $labels }}",
                "ctx.periodStart,#ctx.newAlerts",
            ),
            ("open {{ end", "open {{ \"{{\" }} end", ""),
        ] {
            let (text, lost) = converted(text, &known);
            assert_eq!((text.as_str(), lost.join(",").as_str()), (expected, missing));
        }
    }
}
