//! All of an occurrence as JSON, every well-known field in its place.
//!
//! In: an occurrence. Out: its fields under their names, as a value or as text.

use serde_json::{Map, Value};

use super::{Occurrence, time_text};
use crate::json::write_text;

/// What a well-known field holds unless the sender says otherwise.
#[derive(Clone, Copy)]
enum Default {
    Null,
    False,
    Zero,
    Map,
    List,
}

impl Default {
    fn text(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::False => "false",
            Self::Zero => "0",
            Self::Map => "{}",
            Self::List => "[]",
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::False => Value::Bool(false),
            Self::Zero => 0.into(),
            Self::Map => Value::Object(Map::new()),
            Self::List => Value::Array(Vec::new()),
        }
    }
}

/// Name, the same with what stands around it in JSON text, default.
type Wanted = (&'static str, &'static str, Default);

macro_rules! defaults {
    ($($default:ident $name:literal,)*) => {
        [$(($name, concat!(",\"", $name, "\":"), Default::$default)),*]
    };
}

/// Fields that every occurrence has, in the order they are written in.
static DEFAULTS: [Wanted; 29] = defaults![
    Null "firingStartTime",
    Null "firingStartTimeSinceLastResolved",
    Zero "firingCounter",
    Zero "unresolvedCounter",
    Null "environment",
    False "isFullDuplicate",
    False "isPartialDuplicate",
    Null "duplicateReason",
    Null "service",
    Null "apiKeyRef",
    Null "message",
    Null "description",
    Null "description_format",
    False "pushed",
    Null "event_id",
    Null "url",
    Null "imageUrl",
    Map "labels",
    False "deleted",
    Null "dismissUntil",
    False "dismissed",
    Null "assignee",
    Null "providerId",
    Null "providerType",
    Null "note",
    Null "startedAt",
    False "isNoisy",
    List "enriched_fields",
    Null "incident",
];

/// Names of one length in [`DEFAULTS`] at most, and the longest.
const ALIKE: usize = 4;
const LONGEST: usize = 32;

/// Places in [`DEFAULTS`] by the length of the name.
static PLACES: [[Option<u8>; ALIKE]; LONGEST + 1] = {
    let mut places = [[None; ALIKE]; LONGEST + 1];
    let mut at = 0;
    while at < DEFAULTS.len() {
        let alike = &mut places[DEFAULTS[at].0.len()];
        let mut free = 0;
        while alike[free].is_some() {
            free += 1;
        }
        alike[free] = Some(at as u8);
        at += 1;
    }
    places
};

/// The place of a name in [`DEFAULTS`].
fn place(name: &str) -> Option<usize> {
    let alike = PLACES.get(name.len())?.iter().map_while(|at| at.map(usize::from));
    alike.into_iter().find(|at| DEFAULTS[*at].0 == name)
}

impl Occurrence {
    /// All fields under their names.
    pub fn to_json(&self) -> Value {
        let mut all = Map::new();
        all.insert("id".to_owned(), self.id.as_str().into());
        all.insert("name".to_owned(), self.name.as_str().into());
        all.insert("status".to_owned(), self.state.as_str().into());
        all.insert("severity".to_owned(), self.severity.as_str().into());
        all.insert("lastReceived".to_owned(), time_text(self.received_at).into());
        all.insert("fingerprint".to_owned(), self.fingerprint.as_str().into());
        let source = self.source.iter().map(|source| Value::from(source.as_str()));
        all.insert("source".to_owned(), source.collect());
        for (name, _, default) in &DEFAULTS {
            let value = self.fields.get(name).map(Value::from);
            all.insert((*name).to_owned(), value.unwrap_or_else(|| default.value()));
        }
        for (name, value) in self.fields.iter() {
            if place(name).is_none() {
                all.insert(name.as_str().to_owned(), value.into());
            }
        }
        Value::Object(all)
    }

    /// Appends the text of [`Occurrence::to_json`], without building it.
    pub fn write_json(&self, out: &mut String) {
        out.push_str("{\"id\":");
        write_text(&self.id, out);
        out.push_str(",\"name\":");
        write_text(&self.name, out);
        let mut plain = |key: &str, text: &str| {
            out.push_str(key);
            out.push_str(text);
        };
        plain(",\"status\":\"", self.state.as_str());
        plain("\",\"severity\":\"", self.severity.as_str());
        plain("\",\"lastReceived\":\"", &time_text(self.received_at));
        plain("\",\"fingerprint\":", "");
        write_text(&self.fingerprint, out);
        out.push_str(",\"source\":[");
        for (at, source) in self.source.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_text(source, out);
        }
        out.push(']');
        let mut given = [None; DEFAULTS.len()];
        let mut others = Vec::with_capacity(self.fields.len());
        for (name, value) in self.fields.iter() {
            match place(name) {
                Some(at) => given[at] = Some(value),
                None => others.push((name, value)),
            }
        }
        for ((_, key, default), given) in DEFAULTS.iter().zip(given) {
            out.push_str(key);
            match given {
                Some(value) => value.write(out),
                None => out.push_str(default.text()),
            }
        }
        for (name, value) in others {
            out.push(',');
            write_text(name, out);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::{DEFAULTS, Occurrence, place};
    use crate::json::tests::{any_text, any_value};
    use crate::{JsonMap, Timestamp};

    #[test]
    fn every_default_has_its_place() {
        for (at, (name, ..)) in DEFAULTS.iter().enumerate() {
            assert_eq!(place(name), Some(at), "{name}");
        }
        for name in ["", "labelz", "note ", &"x".repeat(32), &"x".repeat(33)] {
            assert_eq!(place(name), None, "{name}");
        }
    }

    fn any_name() -> impl Strategy<Value = String> {
        let known = DEFAULTS.map(|(name, ..)| name.to_owned());
        prop_oneof![any_text(), proptest::sample::select(known.to_vec())]
    }

    proptest! {
        #[test]
        fn the_text_is_that_of_the_json(
            name in any_text(),
            source in proptest::collection::vec(any_text(), 0..3),
            fields in proptest::collection::vec((any_name(), any_value()), 0..40),
        ) {
            let given = [("name".to_owned(), json!(name)), ("source".to_owned(), json!(source))];
            let given: JsonMap = given.into_iter().collect();
            let made = Occurrence::from_fields(given, Timestamp::UNIX_EPOCH, |_| None);
            let mut occurrence = made.unwrap().0;
            let fields: Map<String, Value> = fields.into_iter().collect();
            occurrence.fields.extend(fields);
            let mut text = String::new();
            occurrence.write_json(&mut text);
            prop_assert_eq!(text, serde_json::to_string(&occurrence.to_json()).unwrap());
        }
    }
}
