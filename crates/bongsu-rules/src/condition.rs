//! Conditions that are not one expression: counts of logs, spikes, silence, new terms, thresholds,
//! combinations of other alerts.
//!
//! In: how the condition is written, rows that a data source answered. Out: labelled values at an
//! instant, which the state machine takes like the answer of an expression.

pub mod alarm;
mod comparison;
pub mod question;
mod reduce;

use std::fmt;
use std::time::Duration;

pub use alarm::Alarm;
pub use comparison::{Comparison, Operator};
pub use reduce::{Reduced, Row, Terms, reduce};

/// What is asked and how the answer is judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Events in a window.
    Frequency {
        /// Which events.
        events: Events,
        /// The count that is wrong.
        threshold: Comparison,
    },
    /// The count of a window against the one before it.
    Spike {
        /// Which events.
        events: Events,
        /// The window compared with.
        reference: Duration,
        /// How many times more, or less.
        factor: f64,
        /// Which way.
        direction: Direction,
        /// Fewer events in the reference window say nothing.
        min_reference: f64,
        /// Fewer events in the window say nothing.
        min_current: f64,
    },
    /// Fewer events than expected, also none.
    Flatline {
        /// Which events.
        events: Events,
        /// The least count that is right.
        below: f64,
        /// A series without events is forgotten after this; `None`: never.
        forget_after: Option<Duration>,
    },
    /// A combination of values never seen before.
    NewTerm {
        /// Which events; `group_by` is empty.
        events: Events,
        /// The fields whose combinations are remembered.
        fields: Vec<String>,
        /// How far back a combination counts as known.
        history: Duration,
    },
    /// Different values of a field in a window.
    Cardinality {
        /// Which events.
        events: Events,
        /// The field.
        field: String,
        /// The number that is wrong.
        threshold: Comparison,
    },
    /// A statistic of a numeric field in a window.
    Metric {
        /// Which events.
        events: Events,
        /// The field.
        field: String,
        /// Which statistic.
        statistic: Statistic,
        /// The value that is wrong.
        threshold: Comparison,
        /// Fewer events say nothing.
        min_events: f64,
    },
    /// The share of events that match a second query, 0 … 100.
    Percentage {
        /// All events.
        events: Events,
        /// The ones counted.
        matching: String,
        /// The share that is wrong.
        threshold: Comparison,
        /// Fewer events in all say nothing.
        min_events: f64,
    },
    /// The value of an expression against a number.
    Threshold {
        /// The expression without the comparison.
        expr: String,
        /// The value that is wrong.
        threshold: Comparison,
        /// What an evaluation that lacks a known series counts as.
        missing: Missing,
    },
    /// Other alerts: those of the same group as they are now if they stand before it, those of other
    /// groups as they last were.
    Composite {
        /// `A and not (B or C)`.
        when: BoolExpr,
    },
    /// An alarm of CloudWatch.
    Alarm(Alarm),
}

/// Events of a data source that holds logs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// Index pattern or stream; empty: the data source's default.
    pub index: String,
    /// In the data source's language; empty: all.
    pub query: String,
    /// How far back.
    pub window: Duration,
    /// Allowance for late arrivals: the window ends this long before now.
    pub delay: Duration,
    /// Fields that make a series each.
    pub group_by: Vec<String>,
}

/// Which way a spike goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// More than before.
    #[default]
    Up,
    /// Less than before.
    Down,
    /// Either.
    Both,
}

/// Statistics of a numeric field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// Arithmetic mean.
    Avg,
    /// Sum.
    Sum,
    /// Least.
    Min,
    /// Greatest.
    Max,
    /// Number of values.
    Count,
    /// A percentile, 0 … 100.
    Percentile(f64),
}

/// What an evaluation counts as in which a known series has no value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// As not breaching: an expression's answer without it.
    #[default]
    NotBreaching,
    /// As breaching.
    Breaching,
    /// As if it had not been evaluated.
    Ignore,
}

/// Names of alerts with `and`, `or`, `not`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoolExpr {
    /// Whether an alert of this name fires.
    Firing(String),
    /// Not.
    Not(Box<BoolExpr>),
    /// Both.
    And(Box<BoolExpr>, Box<BoolExpr>),
    /// Either.
    Or(Box<BoolExpr>, Box<BoolExpr>),
}

/// As [`BoolExpr::parse`] reads it, with the parentheses it needs.
impl fmt::Display for BoolExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = |f: &mut fmt::Formatter<'_>, part: &Self, bare: bool| match bare {
            true => write!(f, "{part}"),
            false => write!(f, "({part})"),
        };
        match self {
            Self::Firing(name) => f.write_str(name),
            Self::Not(part) => {
                f.write_str("not ")?;
                inside(f, part, matches!(**part, Self::Firing(_) | Self::Not(_)))
            }
            Self::And(a, b) => {
                inside(f, a, !matches!(**a, Self::Or(..)))?;
                f.write_str(" and ")?;
                // It is read from the left.
                inside(f, b, matches!(**b, Self::Firing(_) | Self::Not(_)))
            }
            Self::Or(a, b) => {
                inside(f, a, true)?;
                f.write_str(" or ")?;
                inside(f, b, !matches!(**b, Self::Or(..)))
            }
        }
    }
}

/// Parentheses and negations inside each other.
const MOST_NESTED: usize = 32;

impl BoolExpr {
    /// Reads `A and not (B or C)`; `not` binds closest, then `and`.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        let expression = Self::either(&mut words, 0)?;
        match words.next() {
            None => Ok(expression),
            Some(word) => Err(format!("unexpected {word:?}")),
        }
    }

    fn either<'w>(words: &mut Words<'w, impl Iterator<Item = &'w str>>, depth: usize) -> Parsed {
        let mut left = Self::both(words, depth)?;
        while words.next_if(|word| word.eq_ignore_ascii_case("or")).is_some() {
            left = Self::Or(Box::new(left), Box::new(Self::both(words, depth)?));
        }
        Ok(left)
    }

    fn both<'w>(words: &mut Words<'w, impl Iterator<Item = &'w str>>, depth: usize) -> Parsed {
        let mut left = Self::one(words, depth)?;
        while words.next_if(|word| word.eq_ignore_ascii_case("and")).is_some() {
            left = Self::And(Box::new(left), Box::new(Self::one(words, depth)?));
        }
        Ok(left)
    }

    fn one<'w>(words: &mut Words<'w, impl Iterator<Item = &'w str>>, depth: usize) -> Parsed {
        if depth > MOST_NESTED {
            return Err("nested too deeply".to_owned());
        }
        match words.next() {
            Some(word) if word.eq_ignore_ascii_case("not") => {
                Ok(Self::Not(Box::new(Self::one(words, depth + 1)?)))
            }
            Some("(") => {
                let inner = Self::either(words, depth + 1)?;
                match words.next() {
                    Some(")") => Ok(inner),
                    _ => Err("a parenthesis is not closed".to_owned()),
                }
            }
            Some(word) if word != ")" && !["and", "or"].contains(&&*word.to_lowercase()) => {
                Ok(Self::Firing(word.to_owned()))
            }
            Some(word) => Err(format!("the name of an alert is missing before {word:?}")),
            None => Err("the name of an alert is missing at the end".to_owned()),
        }
    }

    /// Whether it holds, told which alerts fire.
    pub fn holds(&self, fires: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Firing(name) => fires(name),
            Self::Not(inner) => !inner.holds(fires),
            Self::And(a, b) => a.holds(fires) && b.holds(fires),
            Self::Or(a, b) => a.holds(fires) || b.holds(fires),
        }
    }

    /// The alerts it names, in order.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Firing(name) => vec![name],
            Self::Not(inner) => inner.names(),
            Self::And(a, b) | Self::Or(a, b) => [a.names(), b.names()].concat(),
        }
    }
}

type Words<'w, I> = std::iter::Peekable<I>;
type Parsed = Result<BoolExpr, String>;

#[cfg(test)]
mod tests {
    use super::BoolExpr;

    #[test]
    fn combinations() {
        let fires = |name: &str| ["A", "C"].contains(&name);
        for (text, holds) in [
            ("A", true),
            ("B", false),
            ("A and not B", true),
            ("B and A or C", true),
            ("B and (A or C)", false),
            ("not (A and B) AND C", true),
            ("not not A", true),
            ("A or (B or C) and (A and not (B or C))", true),
            ("(A or B) and (C or B) or A", true),
        ] {
            let read = BoolExpr::parse(text).unwrap();
            assert_eq!(read.holds(&fires), holds, "{text}");
            assert_eq!(BoolExpr::parse(&read.to_string()), Ok(read), "{text}");
        }
        for text in ["", "A B", "and", "A and", "(A", "A)", "not", &"(".repeat(100)] {
            assert!(BoolExpr::parse(text).is_err(), "{text}");
        }
    }
}
