//! PostgreSQL's text forms ↔ JSON, by type number (`pg_type.oid` of built-in types).

use serde_json::Value;

use crate::sql::table::{bytes, decimal, double, json};

const JSON: u32 = 114;
const JSONB: u32 = 3802;

/// The text to bind for a value; `None` is NULL. The server reads it as the parameter's type.
pub(super) fn parameter(value: &Value, kind: u32) -> Option<String> {
    match value {
        Value::Null => None,
        // A JSON parameter given as text is JSON already, as it is for psql.
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if kind != JSON && kind != JSONB => Some(array(items)),
        other => Some(other.to_string()),
    }
}

fn array(items: &[Value]) -> String {
    let parts: Vec<String> = items
        .iter()
        .map(|item| match item {
            Value::Null => "NULL".to_owned(),
            Value::Array(inner) => array(inner),
            Value::String(text) => quoted(text),
            Value::Object(_) => quoted(&item.to_string()),
            plain => plain.to_string(),
        })
        .collect();
    format!("{{{}}}", parts.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A column's text as JSON.
pub(super) fn column(text: &str, kind: u32) -> Value {
    if let Some(element) = element_of(kind) {
        return Elements { text, at: 0 }.list(element, 0).unwrap_or_else(|| text.into());
    }
    match kind {
        16 => Value::Bool(text == "t"),
        17 => text
            .strip_prefix("\\x")
            .and_then(|digits| hex::decode(digits).ok())
            .map_or_else(|| text.into(), |raw| bytes(&raw)),
        20 | 21 | 23 | 26 => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        700 | 701 => text.parse().map_or_else(|_| text.into(), |number| double(number, text)),
        1700 => decimal(text),
        JSON | JSONB => json(text),
        1114 | 1184 => instant(text).into(),
        _ => text.into(),
    }
}

/// `2026-11-28 09:00:00+00` as `2026-11-28T09:00:00Z`. Instants without zone get none; infinities
/// and years before Christ stay as they are.
fn instant(text: &str) -> String {
    match text.split_once(' ') {
        Some((date, time)) if !time.contains(' ') => {
            let time = time.strip_suffix("+00").map(|time| format!("{time}Z"));
            format!("{date}T{}", time.as_deref().unwrap_or(&text[date.len() + 1..]))
        }
        _ => text.to_owned(),
    }
}

/// The element's type of an array type.
fn element_of(kind: u32) -> Option<u32> {
    Some(match kind {
        199 => JSON,
        1000 => 16,
        1001 => 17,
        1005 => 21,
        1007 => 23,
        1016 => 20,
        1028 => 26,
        1021 => 700,
        1022 => 701,
        1115 => 1114,
        1185 => 1184,
        1231 => 1700,
        3807 => JSONB,
        // Types whose text form is their JSON: names, texts, dates, addresses, identifiers.
        1002 | 1003 | 1009 | 1014 | 1015 | 651 | 1041 | 1040 | 1182 | 1183 | 1187 | 1270 | 2951 => {
            25
        }
        _ => return None,
    })
}

/// How deep arrays may lie in each other; PostgreSQL's own limit.
const MAX_DEPTH: usize = 6;

/// Reads `{1,NULL,"a \"b\"",{…}}`.
struct Elements<'a> {
    text: &'a str,
    at: usize,
}

impl Elements<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn list(&mut self, element: u32, depth: usize) -> Option<Value> {
        // Arrays that do not count from 1 say so first: `[0:2]={…}`.
        if depth == 0 && self.peek()? == b'[' {
            self.at = self.text.find('=')? + 1;
        }
        self.eat(b'{')?;
        let mut items = Vec::new();
        if self.eat(b'}').is_some() {
            return Some(Value::Array(items));
        }
        loop {
            items.push(match self.peek()? {
                b'{' if depth < MAX_DEPTH => self.list(element, depth + 1)?,
                b'"' => column(&self.quoted()?, element),
                _ => match self.plain()? {
                    "NULL" => Value::Null,
                    text => column(text, element),
                },
            });
            if self.eat(b'}').is_some() {
                return Some(Value::Array(items));
            }
            self.eat(b',')?;
        }
    }

    fn plain(&mut self) -> Option<&str> {
        let rest = &self.text[self.at..];
        let end = rest.find([',', '}'])?;
        self.at += end;
        Some(&rest[..end])
    }

    fn quoted(&mut self) -> Option<String> {
        self.eat(b'"')?;
        let mut out = String::new();
        let mut chars = self.text[self.at..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += offset + 1;
                    return Some(out);
                }
                '\\' => out.push(chars.next()?.1),
                c => out.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn columns_become_json() {
        for (text, kind, expected) in [
            ("t", 16, json!(true)),
            ("42", 20, json!(42)),
            ("1.5", 701, json!(1.5)),
            ("NaN", 701, json!("NaN")),
            ("12.50", 1700, json!(12.5)),
            ("\\x00ff", 17, json!("AP8=")),
            ("{\"a\": [1]}", JSONB, json!({"a": [1]})),
            ("2026-11-28 09:00:00.5+00", 1184, json!("2026-11-28T09:00:00.5Z")),
            ("2026-11-28 09:00:00", 1114, json!("2026-11-28T09:00:00")),
            ("infinity", 1184, json!("infinity")),
            ("0044-03-15 12:00:00+00 BC", 1184, json!("0044-03-15 12:00:00+00 BC")),
            ("1 day", 1186, json!("1 day")),
            ("{1,NULL,3}", 1007, json!([1, null, 3])),
            ("{}", 1007, json!([])),
            ("{{1,2},{3,4}}", 1016, json!([[1, 2], [3, 4]])),
            ("[0:1]={5,6}", 1007, json!([5, 6])),
            (r#"{"a \"b\"\\","NULL",c}"#, 1009, json!(["a \"b\"\\", "NULL", "c"])),
            (r#"{"{\"a\": 1}"}"#, 3807, json!([{"a": 1}])),
            ("{1,2", 1007, json!("{1,2")),
            ("(1,two)", 2249, json!("(1,two)")),
        ] {
            assert_eq!(column(text, kind), expected, "{text}");
        }
    }

    #[test]
    fn parameters_become_text() {
        for (value, kind, expected) in [
            (json!(null), 23, None),
            (json!("a'b"), 25, Some("a'b")),
            (json!(7), 23, Some("7")),
            (json!(true), 16, Some("true")),
            (json!({"a": 1}), JSONB, Some(r#"{"a":1}"#)),
            (json!([1, "x"]), JSON, Some(r#"[1,"x"]"#)),
            (json!([1, null, [2]]), 1007, Some("{1,NULL,{2}}")),
            (json!(["a\"b\\", "NULL"]), 1009, Some(r#"{"a\"b\\","NULL"}"#)),
        ] {
            assert_eq!(parameter(&value, kind).as_deref(), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn lists_of_text_come_back(items in proptest::collection::vec(".{0,8}", 0..6)) {
            let list = json!(items);
            let text = parameter(&list, 1009).unwrap();
            prop_assert_eq!(column(&text, 1009), list);
        }

        #[test]
        fn no_text_is_too_odd(text in "[\\[\\]{}\",\\\\=a1é]{0,24}") {
            for kind in [1007, 1009, 3807, 1184, 17] {
                let _ = column(&text, kind);
            }
        }
    }
}
