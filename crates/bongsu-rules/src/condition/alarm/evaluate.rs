//! The state of a metric alarm, as CloudWatch computes it.
//!
//! In: the datapoints of the evaluation range, M, N and how missing ones are treated. Out: a state.

use serde::{Deserialize, Serialize};

/// What a datapoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datapoint {
    /// Within the threshold.
    Good,
    /// Beyond it.
    Breaching,
    /// There is none for this period.
    Missing,
}

/// `TreatMissingData`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreatMissing {
    /// Not looked at; too few points that are there are insufficient data.
    #[default]
    Missing,
    /// As good.
    NotBreaching,
    /// As breaching.
    Breaching,
    /// The state stays.
    Ignore,
}

impl TreatMissing {
    /// All, with the names CloudWatch has for them.
    pub const ALL: [(&str, Self); 4] = [
        ("missing", Self::Missing),
        ("notBreaching", Self::NotBreaching),
        ("breaching", Self::Breaching),
        ("ignore", Self::Ignore),
    ];
}

/// The state of an alarm; of several of one name the greatest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not enough is known.
    #[default]
    InsufficientData,
    /// Within the threshold.
    Ok,
    /// Beyond it.
    Alarm,
}

/// The state after an evaluation that follows `before`.
///
/// `range` are the datapoints retrieved, oldest first: more than `periods` (N), so that late ones
/// are found. The newest N that are there decide; only if there are fewer, missing ones count.
/// `to_alarm` is M, at least 1 and at most N.
pub fn evaluate(
    range: &[Datapoint],
    to_alarm: usize,
    periods: usize,
    treat: TreatMissing,
    before: State,
) -> State {
    let needed = to_alarm.clamp(1, periods.max(1));
    let there: Vec<Datapoint> = range
        .iter()
        .rev()
        .copied()
        .filter(|point| *point != Datapoint::Missing)
        .take(periods.max(1))
        .collect();
    let breaching = there.iter().filter(|point| **point == Datapoint::Breaching).count();
    let good = there.len() - breaching;
    let absent = periods.max(1) - there.len();
    if breaching >= needed {
        return State::Alarm;
    }
    if absent == 0 {
        return State::Ok;
    }
    match treat {
        TreatMissing::NotBreaching => State::Ok,
        TreatMissing::Breaching if breaching + absent >= needed => State::Alarm,
        TreatMissing::Breaching => State::Ok,
        TreatMissing::Missing | TreatMissing::Ignore if good > 0 => State::Ok,
        TreatMissing::Ignore => before,
        // Nothing speaks against an alarm, and what speaks for it is as old as M points.
        TreatMissing::Missing if oldest_breaching(range) >= needed => State::Alarm,
        TreatMissing::Missing => State::InsufficientData,
    }
}

/// How many periods ago, the newest being 1, the oldest breaching point is; 0 without any.
fn oldest_breaching(range: &[Datapoint]) -> usize {
    let first = range.iter().position(|point| *point == Datapoint::Breaching);
    first.map_or(0, |at| range.len() - at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(points: &str, m: usize) -> String {
        let range: Vec<Datapoint> = points
            .split_whitespace()
            .map(|point| match point {
                "0" => Datapoint::Good,
                "X" => Datapoint::Breaching,
                _ => Datapoint::Missing,
            })
            .collect();
        let treatments = [
            TreatMissing::Missing,
            TreatMissing::Ignore,
            TreatMissing::Breaching,
            TreatMissing::NotBreaching,
        ];
        let word = |treat| {
            let from = |before| evaluate(&range, m, 3, treat, before);
            match (from(State::Ok), from(State::Alarm)) {
                (State::Ok, State::Alarm) => "keep",
                (State::Ok, State::Ok) => "ok",
                (State::Alarm, State::Alarm) => "alarm",
                (State::InsufficientData, State::InsufficientData) => "insufficient",
                other => panic!("{other:?}"),
            }
        };
        treatments.map(word).join(" ")
    }

    /// The tables of the user guide, of both its versions: 3 of 3 and 2 of 3 with five points.
    #[test]
    fn the_tables_of_the_guide() {
        for (m, points, expected) in [
            (3, "0 - X - X", "ok ok ok ok"),
            (3, "0 - - - -", "ok ok ok ok"),
            (3, "- - - - -", "insufficient keep alarm ok"),
            (3, "0 X X - X", "alarm alarm alarm alarm"),
            (3, "- - - - X", "insufficient keep alarm ok"),
            (3, "X - - - -", "alarm keep alarm ok"),
            (3, "- - X - -", "alarm keep alarm ok"),
            (3, "- - - - 0", "ok ok ok ok"),
            (2, "0 - X - X", "alarm alarm alarm alarm"),
            (2, "0 0 X 0 X", "alarm alarm alarm alarm"),
            (2, "0 - X - -", "ok ok alarm ok"),
            (2, "- - - - 0", "ok ok alarm ok"),
            (2, "- - - - X", "insufficient keep alarm ok"),
            (2, "- - - X -", "alarm keep alarm ok"),
        ] {
            assert_eq!(states(points, m), expected, "{m} of 3: {points}");
        }
    }
}
