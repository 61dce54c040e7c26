//! What is read is what serde_json reads, and is written as it writes it.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::{Json, JsonMap};

/// Short, in number, and with repeated keys.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,2}", "\\PC{0,40}", "[\\x00-\\x7f\"\\\\é한]{0,40}"]
}

pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 60, 24, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((any_text(), inner), 0..24)
                .prop_map(|pairs| pairs.into_iter().collect::<Map<String, Value>>().into()),
        ]
    })
}

/// What can be done to a map.
#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u64),
    Remove(u8),
    ShiftRemove(u8),
    Retain(u8),
    Add(u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    let key = 0..90_u8;
    prop_oneof![
        8 => (key.clone(), any::<u64>()).prop_map(|(key, value)| Step::Insert(key, value)),
        3 => key.clone().prop_map(Step::Remove),
        1 => key.clone().prop_map(Step::ShiftRemove),
        1 => (2..5_u8).prop_map(Step::Retain),
        2 => key.prop_map(Step::Add),
    ]
}

proptest! {
    #[test]
    fn a_text_is_read_and_written_as_by_serde_json(value in any_value()) {
        let text = value.to_string();
        let json: Json = serde_json::from_str(&text).unwrap();
        // A text of a float may be read as its neighbour; both readers do it alike.
        let read: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(json.to_string(), read.to_string());
        prop_assert_eq!(serde_json::to_string(&json).unwrap(), read.to_string());
        prop_assert_eq!(&Json::from(&read), &json);
        prop_assert_eq!(Value::from(json), read);
    }

    #[test]
    fn a_map_does_what_that_of_serde_json_does(
        steps in proptest::collection::vec(any_step(), 0..300)
    ) {
        let (mut ours, mut theirs) = (JsonMap::new(), Map::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    let before = ours.insert(format!("key {key}"), value).map(Value::from);
                    prop_assert_eq!(before, theirs.insert(format!("key {key}"), value.into()));
                }
                Step::Remove(key) => {
                    let before = ours.remove(&format!("key {key}")).map(Value::from);
                    prop_assert_eq!(before, theirs.remove(&format!("key {key}")));
                }
                Step::ShiftRemove(key) => {
                    let before = ours.shift_remove(&format!("key {key}")).map(Value::from);
                    prop_assert_eq!(before, theirs.shift_remove(&format!("key {key}")));
                }
                Step::Retain(by) => {
                    ours.retain(|key, _| key.len() % usize::from(by) != 0);
                    theirs.retain(|key, _| key.len() % usize::from(by) != 0);
                }
                Step::Add(key) => {
                    let value = ours.get_or_null(format!("key {key}"));
                    if value.is_null() {
                        *value = true.into();
                    }
                    theirs.entry(format!("key {key}")).or_insert(true.into());
                }
            }
            for key in 0..90 {
                let key = format!("key {key}");
                prop_assert_eq!(ours.get(&key).map(Value::from), theirs.get(&key).cloned());
            }
            let pairs: Vec<&str> = ours.keys().map(|key| key.as_str()).collect();
            prop_assert_eq!(pairs, theirs.keys().collect::<Vec<_>>());
        }
        prop_assert_eq!(JsonMap::from(&theirs), ours);
    }
}

#[test]
fn what_is_no_json_is_refused_alike() {
    let deep = "[".repeat(1000);
    for text in ["", "{", r#"{"a" 1}"#, r#"{1: 2}"#, "nul", r#""\x""#, "1e999", "[1,]", &deep] {
        let ours = serde_json::from_str::<Json>(text).map_err(|error| error.to_string());
        let theirs = serde_json::from_str::<Value>(text).map_err(|error| error.to_string());
        assert_eq!(ours.map(Value::from), theirs, "{text:.20}");
    }
}

#[test]
fn a_repeated_key_keeps_its_place() {
    let json: Json = serde_json::from_str(r#"{"a": 1, "b": 2, "a": {"c": [], "c": "x"}}"#).unwrap();
    assert_eq!(json.to_string(), r#"{"a":{"c":"x"},"b":2}"#);
}

#[test]
fn maps_are_alike_whatever_their_order() {
    let read = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    assert_eq!(read(r#"{"a": 1, "b": 2}"#), read(r#"{"b": 2, "a": 1}"#));
    assert_ne!(read(r#"{"a": 1, "b": 2}"#), read(r#"{"a": 1, "c": 2}"#));
    assert_ne!(read(r#"{"a": 1}"#), read(r#"{"a": 1, "b": 2}"#));
}

/// An alert holds about eighty of them.
#[test]
fn a_value_is_small() {
    assert!(size_of::<Json>() <= 24, "{} bytes", size_of::<Json>());
}
