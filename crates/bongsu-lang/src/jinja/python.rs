//! Texts as Python writes them. Fingerprints of the platform whose payload mappings people bring
//! along are hashes over these.

use serde_json::Value;

/// `str()` of a value: `True`, `None`, a list or map as literal with single quotes.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => literal(other),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs =
                map.iter().map(|(key, value)| format!("{}: {}", quoted(key), literal(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// `json.dumps()` with its defaults: a blank after `,` and `:`, everything beyond ASCII escaped.
pub fn json_text(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(json_text).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| {
                format!("{}: {}", ascii(&Value::from(key.as_str()).to_string()), json_text(value))
            });
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => ascii(&other.to_string()),
    }
}

fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn as_python_writes() {
        for (value, text, dumped) in [
            (json!("a"), "a", r#""a""#),
            (json!(null), "None", "null"),
            (json!(true), "True", "true"),
            (json!(1.5), "1.5", "1.5"),
            (json!(["it's", "b\n"]), r#"["it's", 'b\n']"#, r#"["it's", "b\n"]"#),
            (json!({"k": [1, "한"]}), "{'k': [1, '한']}", r#"{"k": [1, "\ud55c"]}"#),
        ] {
            assert_eq!(super::text(&value), text);
            assert_eq!(super::json_text(&value), dumped);
        }
    }
}
