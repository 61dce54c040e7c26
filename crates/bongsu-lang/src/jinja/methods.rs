//! Methods of texts, lists and maps as people write them in Jinja: `results.keys()`, `name.upper()`.
//!
//! In: a value, the method, its arguments. Out: a value; `None` where the value has no such method.

use serde_json::Value as Json;

use super::python;

/// Calls a method that only reads.
pub fn method(of: &Json, name: &str, arguments: &[Json]) -> Option<Result<Json, String>> {
    match of {
        Json::Object(map) => Some(Ok(match name {
            "keys" => map.keys().map(|key| Json::from(key.as_str())).collect(),
            "values" => map.values().cloned().collect(),
            "items" => {
                map.iter().map(|(k, v)| Json::from(vec![k.as_str().into(), v.clone()])).collect()
            }
            "get" => {
                let key = arguments.first().map(python::text).unwrap_or_default();
                let found = map.get(&key).or_else(|| arguments.get(1));
                found.cloned().unwrap_or(Json::Null)
            }
            _ => return None,
        })),
        Json::Array(items) => match name {
            "count" => {
                Some(Ok(items.iter().filter(|i| arguments.first() == Some(i)).count().into()))
            }
            _ => None,
        },
        Json::String(text) => of_text(text, name, arguments),
        _ => None,
    }
}

fn of_text(text: &str, name: &str, arguments: &[Json]) -> Option<Result<Json, String>> {
    let argument = |at: usize| arguments.get(at).map(python::text);
    let wanted = |at: usize| argument(at).ok_or_else(|| format!("{name}() needs an argument"));
    let trimmed = |by: Option<String>, start: bool, end: bool| {
        let is_one = |c: char| by.as_ref().map_or(c.is_whitespace(), |by| by.contains(c));
        let text = if start { text.trim_start_matches(is_one) } else { text };
        if end { text.trim_end_matches(is_one) } else { text }.into()
    };
    Some(match name {
        "lower" => Ok(text.to_lowercase().into()),
        "upper" => Ok(text.to_uppercase().into()),
        "strip" => Ok(trimmed(argument(0), true, true)),
        "lstrip" => Ok(trimmed(argument(0), true, false)),
        "rstrip" => Ok(trimmed(argument(0), false, true)),
        "startswith" => wanted(0).map(|with| text.starts_with(&with).into()),
        "endswith" => wanted(0).map(|with| text.ends_with(&with).into()),
        "split" => Ok(match argument(0).filter(|by| !by.is_empty()) {
            Some(by) => text.split(by.as_str()).map(Json::from).collect(),
            None => text.split_whitespace().map(Json::from).collect(),
        }),
        "replace" => wanted(0).and_then(|from| Ok((from, wanted(1)?))).map(|(from, to)| {
            if from.is_empty() { text.into() } else { text.replace(&from, &to).into() }
        }),
        "join" => match arguments.first() {
            Some(Json::Array(items)) => {
                Ok(items.iter().map(python::text).collect::<Vec<_>>().join(text).into())
            }
            _ => Err("join() needs a list".to_owned()),
        },
        "find" => wanted(0).map(|part| {
            let at = text.find(&part).map(|at| text[..at].chars().count());
            at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1).into()
        }),
        "isdigit" => Ok((!text.is_empty() && text.chars().all(|c| c.is_ascii_digit())).into()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn as_in_python() {
        for (of, name, arguments, want) in [
            (json!({"a": 1, "b": 2}), "keys", vec![], Some(json!(["a", "b"]))),
            (json!({"a": 1}), "items", vec![], Some(json!([["a", 1]]))),
            (json!({"a": 1}), "get", vec![json!("z"), json!(7)], Some(json!(7))),
            (json!("a,b"), "split", vec![json!(",")], Some(json!(["a", "b"]))),
            (json!(" a "), "strip", vec![], Some(json!("a"))),
            (json!("-"), "join", vec![json!(["a", 1])], Some(json!("a-1"))),
            (json!("한b"), "find", vec![json!("b")], Some(json!(1))),
            (json!("ab"), "__class__", vec![], None),
            (json!(1), "keys", vec![], None),
        ] {
            let got = super::method(&of, name, &arguments).map(Result::unwrap);
            assert_eq!(got, want, "{of} {name}");
        }
    }
}
