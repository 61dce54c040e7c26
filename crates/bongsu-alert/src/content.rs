//! What a report says, as one number.
//!
//! In: an occurrence, and the fields that do not count. Out: a hash that is the same for two reports
//! exactly if they say the same, whatever the order of keys. It is stored, and so the same everywhere
//! and for good. Nobody is kept from making two reports look alike: it would be their own.

use bongsu_model::{Json, Number, Occurrence};
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

/// Fields that differ from report to report without meaning anything: instants of receipt, and what
/// is counted or filled in here. The id is one, too: many senders make one up for each message.
fn is_volatile(field: &str) -> bool {
    matches!(
        field,
        "lastReceived"
            | "event_id"
            | "firingStartTime"
            | "firingStartTimeSinceLastResolved"
            | "firingCounter"
            | "unresolvedCounter"
            | "isFullDuplicate"
            | "isPartialDuplicate"
            | "pushed"
    )
}

/// 128 bits of everything a report says but its volatile fields and `ignore` (dotted paths).
pub fn content_hash(occurrence: &Occurrence, ignore: &[String]) -> [u8; 16] {
    let skip = Ignored(ignore);
    let own = [
        ("name", text(&occurrence.name)),
        ("status", text(occurrence.state.as_str())),
        ("severity", text(occurrence.severity.as_str())),
        ("fingerprint", text(&occurrence.fingerprint)),
        ("source", list(occurrence.source.iter().map(|source| text(source)))),
    ];
    let own = own.into_iter().filter(|(name, _)| !skip.has(name));
    let fields = occurrence.fields.iter().filter_map(|(name, held)| {
        let counts = !held.is_null() && !is_volatile(name) && !skip.has(name);
        counts.then(|| (name.as_str(), value(held, name, skip)))
    });
    map(own.chain(fields)).to_le_bytes()
}

/// Dotted paths that do not count.
#[derive(Clone, Copy)]
struct Ignored<'a>(&'a [String]);

impl Ignored<'_> {
    fn has(self, path: &str) -> bool {
        self.0.iter().any(|ignored| ignored == path)
    }

    /// The path of a key; nobody asks for it where nothing is ignored.
    fn below(self, path: &str, key: &str) -> String {
        if self.0.is_empty() { String::new() } else { format!("{path}.{key}") }
    }
}

/// What is hashed that is no text: things of different kinds are hashed differently.
#[derive(Clone, Copy)]
enum Kind {
    Literal = 1,
    Whole,
    Negative,
    Float,
    List,
    Pair,
    Map,
}

impl Kind {
    fn hash(self, bytes: &[u8]) -> u128 {
        xxh3_128_with_seed(bytes, self as u64)
    }

    fn hash_two(self, one: u128, other: u128) -> u128 {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&one.to_le_bytes());
        bytes[16..].copy_from_slice(&other.to_le_bytes());
        self.hash(&bytes)
    }
}

/// A value, without what stands below an ignored path. The depth is that of a parsed document, which
/// the reader bounds.
fn value(json: &Json, path: &str, skip: Ignored<'_>) -> u128 {
    match json {
        Json::Null => Kind::Literal.hash(b"null"),
        Json::Bool(truth) => Kind::Literal.hash(if *truth { b"true" } else { b"false" }),
        Json::Number(of) => number(of),
        Json::Text(of) => text(of),
        Json::List(items) => list(items.iter().map(|item| value(item, path, skip))),
        Json::Map(of) => map(of.iter().filter_map(|(key, held)| {
            let below = skip.below(path, key);
            (!skip.has(&below)).then(|| (key.as_str(), value(held, &below, skip)))
        })),
    }
}

fn text(text: &str) -> u128 {
    xxh3_128(text.as_bytes())
}

/// Numbers that are written differently say something different.
fn number(number: &Number) -> u128 {
    match (number.as_u64(), number.as_i64()) {
        (Some(whole), _) => Kind::Whole.hash(&whole.to_le_bytes()),
        (None, Some(negative)) => Kind::Negative.hash(&negative.to_le_bytes()),
        (None, None) => {
            let float = number.as_f64().unwrap_or_default();
            Kind::Float.hash(&float.to_bits().to_le_bytes())
        }
    }
}

fn list(items: impl Iterator<Item = u128>) -> u128 {
    items.fold(Kind::List.hash(b""), |before, item| Kind::List.hash_two(before, item))
}

/// The sum of the pairs is the same in any order.
fn map<'k>(pairs: impl Iterator<Item = (&'k str, u128)>) -> u128 {
    let pair = |(key, value): (&str, u128)| Kind::Pair.hash_two(text(key), value);
    let (count, sum) = pairs
        .fold((0_u128, 0_u128), |(count, sum), next| (count + 1, sum.wrapping_add(pair(next))));
    Kind::Map.hash_two(count, sum)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bongsu_model::{JsonMap, Occurrence, Timestamp};
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::content_hash;

    const IGNORED: [&str; 3] = ["a", "b.a", "c.a.b"];

    /// Of few values and names, so that two are often the same.
    fn any_value() -> impl Strategy<Value = Value> {
        let leaves = [
            json!(null),
            json!(true),
            json!(false),
            json!(0),
            json!(1),
            json!(-1),
            json!(0.0),
            json!(-0.0),
            json!(1.0),
            json!(u64::MAX),
            json!(1.8446744073709552e19),
            json!(""),
            json!("a"),
            json!("1"),
            json!("null"),
            json!("true"),
            json!("b.a"),
        ];
        proptest::sample::select(leaves.to_vec()).prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                any_map(inner).prop_map(Value::from),
            ]
        })
    }

    fn any_map(of: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        let pair = (proptest::sample::select(vec!["a", "b", "c", "", "pushed"]), of);
        proptest::collection::vec(pair, 0..4)
            .prop_map(|pairs| pairs.into_iter().map(|(key, of)| (key.to_owned(), of)).collect())
    }

    fn occurrence(name: &str, source: &[String], fields: &Map<String, Value>) -> Occurrence {
        let mut all = JsonMap::from(fields);
        all.insert("name", name);
        all.insert(
            "source",
            source.iter().map(|source| source.as_str().into()).collect::<Vec<_>>(),
        );
        Occurrence::from_fields(all, Timestamp::UNIX_EPOCH, |_| None).unwrap().0
    }

    /// Text that two values share exactly if they say the same.
    fn canonical(of: &Value, path: &str, ignored: &[String]) -> String {
        match of {
            Value::Array(items) => {
                format!(
                    "{:?}",
                    items.iter().map(|i| canonical(i, path, ignored)).collect::<Vec<_>>()
                )
            }
            Value::Object(map) => {
                let below = |key: &str| format!("{path}.{key}");
                let pairs = map.iter().filter(|(key, _)| !ignored.contains(&below(key)));
                let pair = |(key, of): (&String, &Value)| {
                    (key.clone(), canonical(of, &below(key), ignored))
                };
                format!("{:?}", pairs.map(pair).collect::<BTreeMap<_, _>>())
            }
            other => other.to_string(),
        }
    }

    fn said(
        name: &str,
        source: &[String],
        fields: &Map<String, Value>,
        ignored: &[String],
    ) -> String {
        let counts = |(key, of): &(&String, &Value)| {
            !of.is_null() && *key != "pushed" && !ignored.contains(key)
        };
        let fields: BTreeMap<&String, String> = fields
            .iter()
            .filter(counts)
            .map(|(key, of)| (key, canonical(of, key, ignored)))
            .collect();
        format!("{name:?} {source:?} {fields:?}")
    }

    fn any_source() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[ab]{0,1}", 0..3)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// Also if the second is the first with its fields in another order.
        #[test]
        fn the_hash_is_the_same_exactly_if_the_same_is_said(
            names in ("[ab]", "[ab]"),
            sources in (any_source(), any_source()),
            fields in (any_map(any_value()), any_map(any_value())),
            turned: bool,
            ignores: bool,
        ) {
            let ignored: Vec<String> = match ignores {
                true => IGNORED.map(str::to_owned).to_vec(),
                false => Vec::new(),
            };
            let first = (&names.0, &sources.0, &fields.0);
            let turned_fields = fields.0.clone().into_iter().rev().collect();
            let second = match turned {
                true => (&names.0, &sources.0, &turned_fields),
                false => (&names.1, &sources.1, &fields.1),
            };
            let hash = |(name, source, fields): (&String, &Vec<String>, &Map<String, Value>)| {
                content_hash(&occurrence(name, source, fields), &ignored)
            };
            let text = |(name, source, fields): (&String, &Vec<String>, &Map<String, Value>)| {
                said(name, source, fields, &ignored)
            };
            prop_assert_eq!(hash(first) == hash(second), text(first) == text(second));
        }
    }

    /// It is stored.
    #[test]
    fn the_hash_is_the_same_for_good() {
        let fields = json!({"n": [1, -1, 1.5, null, true], "labels": {"한": "글"}});
        let fields = fields.as_object().unwrap();
        let hash = content_hash(&occurrence("x", &["a".to_owned()], fields), &[]);
        insta::assert_snapshot!(hex::encode(hash), @"f38291b970a29a4677d498b31bd76aa6");
    }
}
