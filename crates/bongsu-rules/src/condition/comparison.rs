//! `> 50`: a comparison with a number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A comparison of a value with a number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How.
    pub op: Operator,
    /// With what.
    pub value: f64,
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operator {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
}

/// Longer ones before those they begin with.
const OPERATORS: [(&str, Operator); 6] = [
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

impl Operator {
    /// From `>`, `<=` …
    pub fn parse(text: &str) -> Option<Self> {
        OPERATORS.iter().find(|(word, _)| *word == text).map(|(_, op)| *op)
    }

    /// As written.
    pub fn as_str(self) -> &'static str {
        OPERATORS.iter().find(|(_, op)| *op == self).map_or("", |(word, _)| word)
    }
}

impl Comparison {
    /// Reads `> 50`.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("{text:?} is no comparison: write an operator and a number, `> 50`");
        let (word, op) =
            OPERATORS.iter().find(|(word, _)| text.starts_with(word)).ok_or_else(wrong)?;
        let value: f64 = text[word.len()..].trim().parse().map_err(|_| wrong())?;
        if value.is_nan() { Err(wrong()) } else { Ok(Self { op: *op, value }) }
    }

    /// Whether `value` compares so; a NaN only differs.
    pub fn holds(&self, value: f64) -> bool {
        match self.op {
            Operator::Greater => value > self.value,
            Operator::GreaterOrEqual => value >= self.value,
            Operator::Less => value < self.value,
            Operator::LessOrEqual => value <= self.value,
            Operator::Equal => value == self.value,
            Operator::NotEqual => value != self.value,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.op.as_str(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::Comparison;

    #[test]
    fn reads_and_prints() {
        for (text, inside, outside) in [
            ("> 50", 51.0, 50.0),
            (">=1e3", 1000.0, 999.0),
            ("!= 0", f64::NAN, 0.0),
            (" < -1 ", -2.0, f64::NAN),
        ] {
            let comparison = Comparison::parse(text).unwrap();
            assert!(comparison.holds(inside) && !comparison.holds(outside), "{text}");
            assert_eq!(Comparison::parse(&comparison.to_string()), Ok(comparison));
        }
        for text in ["", "50", "> x", "=> 5", "> NaN"] {
            assert!(Comparison::parse(text).is_err(), "{text}");
        }
    }
}
