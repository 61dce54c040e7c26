//! What a report says, as one number.
//!
//! In: an occurrence, and the fields that do not count. Out: a hash that is the same for two reports
//! exactly if they say the same, whatever the order of keys. It is stored, and so the same everywhere
//! and for good. Nobody is kept from making two reports look alike: it would be their own.

use bongsu_model::{Json, Number, Occurrence};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

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
        ("name", occurrence.name.as_str()),
        ("status", occurrence.state.as_str()),
        ("severity", occurrence.severity.as_str()),
        ("fingerprint", &occurrence.fingerprint),
    ];
    let mut all = Pairs::default();
    for (name, said) in own {
        if !skip.has(name) {
            all.add(name, |place| text(said, place));
        }
    }
    if !skip.has("source") {
        all.add("source", |place| list(occurrence.source.iter().map(|of| text(of, 0)), place));
    }
    for (name, held) in occurrence.fields.iter() {
        if !held.is_null() && !is_volatile(name) && !skip.has(name) {
            all.add(name, |place| value(held, place, name, skip));
        }
    }
    all.hash(0).to_le_bytes()
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

/// What is hashed: things of different kinds are hashed differently.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Literal,
    Whole,
    Negative,
    Float,
    List,
    Map,
}

impl Kind {
    /// The hash of what stands in a place: a number that is the hash of the key it stands under.
    fn hash(self, bytes: &[u8], place: u64) -> u128 {
        xxh3_128_with_seed(bytes, place.wrapping_add(self as u64))
    }

    fn hash_two(self, one: u128, other: u128, place: u64) -> u128 {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&one.to_le_bytes());
        bytes[16..].copy_from_slice(&other.to_le_bytes());
        self.hash(&bytes, place)
    }
}

/// A value, without what stands below an ignored path. The depth is that of a parsed document, which
/// the reader bounds.
fn value(json: &Json, place: u64, path: &str, skip: Ignored<'_>) -> u128 {
    match json {
        Json::Null => Kind::Literal.hash(b"null", place),
        Json::Bool(truth) => Kind::Literal.hash(if *truth { b"true" } else { b"false" }, place),
        Json::Number(of) => number(of, place),
        Json::Text(of) => text(of, place),
        Json::List(items) => list(items.iter().map(|item| value(item, 0, path, skip)), place),
        Json::Map(of) => {
            let mut pairs = Pairs::default();
            for (key, held) in of.iter() {
                let below = skip.below(path, key);
                if !skip.has(&below) {
                    pairs.add(key, |place| value(held, place, &below, skip));
                }
            }
            pairs.hash(place)
        }
    }
}

fn text(text: &str, place: u64) -> u128 {
    Kind::Text.hash(text.as_bytes(), place)
}

/// Numbers that are written differently say something different.
fn number(number: &Number, place: u64) -> u128 {
    match (number.as_u64(), number.as_i64()) {
        (Some(whole), _) => Kind::Whole.hash(&whole.to_le_bytes(), place),
        (None, Some(negative)) => Kind::Negative.hash(&negative.to_le_bytes(), place),
        (None, None) => {
            let float = number.as_f64().unwrap_or_default();
            Kind::Float.hash(&float.to_bits().to_le_bytes(), place)
        }
    }
}

fn list(items: impl Iterator<Item = u128>, place: u64) -> u128 {
    let (count, all) = items
        .fold((0, 0), |(count, before), item| (count + 1, Kind::List.hash_two(before, item, 0)));
    Kind::List.hash_two(count, all, place)
}

/// Pairs of a map: their sum is the same in any order.
#[derive(Default)]
struct Pairs {
    count: u128,
    sum: u128,
}

impl Pairs {
    fn add(&mut self, key: &str, value: impl FnOnce(u64) -> u128) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(value(xxh3_64(key.as_bytes())));
    }

    fn hash(&self, place: u64) -> u128 {
        Kind::Map.hash_two(self.count, self.sum, place)
    }
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
        insta::assert_snapshot!(hex::encode(hash), @"dedc5a6a17c0387e844bd8a5785e0603");
    }
}
