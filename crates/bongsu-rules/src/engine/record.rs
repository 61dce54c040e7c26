//! What must be kept so that a restart changes nothing.
//!
//! A record is whole: the last one of its key counts. Times are nanoseconds since 1970, because
//! instants of evaluation are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bongsu_model::{LabelHash, Labels, Timestamp};
use serde::{Deserialize, Serialize};

use super::judge::History;
use crate::condition::Terms;
use crate::condition::alarm::State;

/// Identity of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupId {
    /// The file or object.
    pub file: Arc<str>,
    /// The group's name in it.
    pub name: Arc<str>,
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.file, self.name)
    }
}

/// Identity of a rule: another expression or duration leaves it the same, other labels do not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleId {
    /// Its group.
    pub group: GroupId,
    /// Name of the alert or series.
    pub name: Arc<str>,
    /// Of its labels as written.
    pub labels: LabelHash,
    /// Which of equal ones, from 0.
    pub nth: u32,
}

/// Where an alert is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It was firing and no longer is.
    Inactive,
    /// It holds, not yet long enough.
    Pending,
    /// It fires.
    Firing,
}

impl Phase {
    /// Prometheus' name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// All there is to know of one alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertState {
    /// Its identity within the rule, without external labels.
    pub labels: Labels,
    /// As last expanded.
    pub annotations: Labels,
    /// The labels of its sample where a policy needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Labels>,
    /// The value last seen.
    #[serde(with = "float_text")]
    pub value: f64,
    /// Where it is.
    pub phase: Phase,
    /// Since when it holds.
    #[serde(with = "nanoseconds")]
    pub active_at: Timestamp,
    /// Since when it fires.
    #[serde(default, with = "nanoseconds_or_none", skip_serializing_if = "Option::is_none")]
    pub fired_at: Option<Timestamp>,
    /// Since when it no longer fires.
    #[serde(default, with = "nanoseconds_or_none", skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// Since when it only fires because of `keep_firing_for`.
    #[serde(default, with = "nanoseconds_or_none", skip_serializing_if = "Option::is_none")]
    pub keep_firing_since: Option<Timestamp>,
    /// When it was last sent.
    #[serde(default, with = "nanoseconds_or_none", skip_serializing_if = "Option::is_none")]
    pub last_sent_at: Option<Timestamp>,
}

/// One change of what must be kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// An alert as it now is.
    Alert {
        /// Its rule.
        rule: RuleId,
        /// It.
        alert: AlertState,
    },
    /// An alert that is no more.
    Gone {
        /// Its rule.
        rule: RuleId,
        /// Which.
        labels: Labels,
    },
    /// What else a rule remembers.
    Rule {
        /// Which.
        rule: RuleId,
        /// Its memory.
        memory: Memory,
    },
    /// A group was evaluated.
    Group {
        /// Which.
        group: GroupId,
        /// The instant.
        #[serde(with = "nanoseconds")]
        at: Timestamp,
    },
}

/// What a rule remembers besides its alerts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Outcomes of the last evaluations, for M of N.
    #[serde(default, with = "histories", skip_serializing_if = "BTreeMap::is_empty")]
    pub history: BTreeMap<Labels, History>,
    /// Combinations seen, for kinds that look for new or silent ones.
    #[serde(default)]
    pub terms: Terms,
    /// The state of an alarm of CloudWatch; `None` before its first evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<State>,
}

mod nanoseconds {
    use bongsu_model::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::engine::schedule;

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(schedule::nanoseconds(*at))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(schedule::instant)
    }
}

mod nanoseconds_or_none {
    use bongsu_model::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::engine::schedule;

    pub(super) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(schedule::nanoseconds).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(schedule::instant))
    }
}

/// JSON has no infinite numbers, and alerts have.
mod float_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

mod histories {
    use std::collections::BTreeMap;

    use bongsu_model::Labels;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::History;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Labels, History>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Labels, History>, D::Error> {
        Ok(Vec::<(Labels, History)>::deserialize(from)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back() {
        let id = RuleId {
            group: GroupId { file: Arc::from("f"), name: Arc::from("g") },
            name: Arc::from("A"),
            labels: LabelHash(7),
            nth: 0,
        };
        let labels = Labels::from_pairs([("alertname", "A")]);
        let alert = AlertState {
            labels: labels.clone(),
            annotations: Labels::default(),
            series: None,
            value: f64::INFINITY,
            phase: Phase::Firing,
            active_at: Timestamp::new(5, 123_456_789).unwrap(),
            fired_at: Some(Timestamp::UNIX_EPOCH),
            resolved_at: None,
            keep_firing_since: None,
            last_sent_at: None,
        };
        let mut memory = Memory::default();
        memory.history.insert(labels.clone(), History::default());
        memory.terms.seen.insert(labels.clone(), 5);
        memory.alarm = Some(State::Alarm);
        for record in [
            Record::Alert { rule: id.clone(), alert },
            Record::Gone { rule: id.clone(), labels },
            Record::Rule { rule: id.clone(), memory },
            Record::Group { group: id.group, at: Timestamp::new(-1, 0).unwrap() },
        ] {
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record, "{text}");
        }
    }
}
