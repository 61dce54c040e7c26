//! Rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA(c))`.
//!
//! In: the text of `AlarmRule`. Out: a [`CompositeRule`], which says whether it holds for the states
//! of alarms.

use std::fmt::{self, Display, Formatter};

use super::evaluate::State;

/// Longest rule, as CloudWatch has it.
const MAX_TEXT: usize = 10_240;
/// Parentheses and negations inside each other.
const MAX_DEPTH: usize = 32;
/// Alarms of one rule.
const MAX_ALARMS: usize = 1000;

/// A rule over the states of other alarms.
#[derive(Clone, Debug, PartialEq)]
pub enum CompositeRule {
    /// `ALARM(name)`, `OK(name)`, `INSUFFICIENT_DATA(name)`.
    Is(State, String),
    /// `TRUE`, `FALSE`.
    Always(bool),
    /// `NOT`.
    Not(Box<CompositeRule>),
    /// `AND`.
    All(Vec<CompositeRule>),
    /// `OR`.
    Any(Vec<CompositeRule>),
    /// `AT_LEAST(2, ALARM, (a, b, c))`, `AT_LEAST(50%, NOT OK, (…))`.
    AtLeast {
        /// How many alarms.
        count: usize,
        /// In which state.
        state: State,
        /// Or in any other.
        negated: bool,
        /// Among these.
        alarms: Vec<String>,
    },
}

impl CompositeRule {
    /// Reads a rule.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("a rule has at most {MAX_TEXT} bytes"));
        }
        let mut parser = Parser { rest: text.trim_start(), alarms: 0 };
        let rule = parser.any(0)?;
        if parser.rest.is_empty() { Ok(rule) } else { Err(parser.unexpected()) }
    }

    /// Whether it holds.
    pub fn holds(&self, state: &impl Fn(&str) -> State) -> bool {
        match self {
            Self::Is(wanted, name) => state(name) == *wanted,
            Self::Always(holds) => *holds,
            Self::Not(inner) => !inner.holds(state),
            Self::All(parts) => parts.iter().all(|part| part.holds(state)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(state)),
            Self::AtLeast { count, state: wanted, negated, alarms } => {
                let is = |name: &&String| (state(name) == *wanted) != *negated;
                alarms.iter().filter(is).count() >= *count
            }
        }
    }

    /// The alarms it names, in order.
    pub fn alarms(&self) -> Vec<&str> {
        match self {
            Self::Is(_, name) => vec![name],
            Self::Always(_) => Vec::new(),
            Self::Not(inner) => inner.alarms(),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::alarms).collect(),
            Self::AtLeast { alarms, .. } => alarms.iter().map(String::as_str).collect(),
        }
    }
}

/// As it is read.
impl Display for CompositeRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(state, name) => write!(f, "{}({})", word(*state), Quoted(name)),
            Self::Always(true) => f.write_str("TRUE"),
            Self::Always(false) => f.write_str("FALSE"),
            Self::Not(inner) => write!(f, "NOT {}", inner.part(true)),
            Self::All(parts) => joined(parts, " AND ", |part| part.part(true), f),
            Self::Any(parts) => joined(parts, " OR ", |part| part.part(false), f),
            Self::AtLeast { count, state, negated, alarms } => {
                let not = if *negated { "NOT " } else { "" };
                write!(f, "AT_LEAST({count}, {not}{}, (", word(*state))?;
                joined(alarms, ", ", |name| Quoted(name), f)?;
                f.write_str("))")
            }
        }
    }
}

impl CompositeRule {
    /// As a part of another one; `tight` where `AND` is no part.
    fn part(&self, tight: bool) -> Part<'_> {
        let grouped = matches!(self, Self::Any(_)) || tight && matches!(self, Self::All(_));
        Part { rule: self, grouped }
    }
}

struct Part<'r> {
    rule: &'r CompositeRule,
    grouped: bool,
}

impl Display for Part<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { rule, grouped } = self;
        if *grouped { write!(f, "({rule})") } else { write!(f, "{rule}") }
    }
}

/// A name; one with both quotes cannot be read.
struct Quoted<'n>(&'n str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let quote = if self.0.contains('"') { '\'' } else { '"' };
        write!(f, "{quote}{}{quote}", self.0)
    }
}

fn joined<'p, T, D: Display>(
    parts: &'p [T],
    between: &str,
    shown: impl Fn(&'p T) -> D,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        let between = if at > 0 { between } else { "" };
        write!(f, "{between}{}", shown(part))?;
    }
    Ok(())
}

const STATES: [(&str, State); 3] =
    [("ALARM", State::Alarm), ("OK", State::Ok), ("INSUFFICIENT_DATA", State::InsufficientData)];

fn word(state: State) -> &'static str {
    STATES.iter().find(|(_, known)| *known == state).map_or("", |(word, _)| word)
}

struct Parser<'t> {
    /// Without white space before it.
    rest: &'t str,
    alarms: usize,
}

impl<'t> Parser<'t> {
    fn unexpected(&self) -> String {
        let start: String = self.rest.chars().take(20).collect();
        if start.is_empty() {
            "the rule ends too early".to_owned()
        } else {
            format!("unexpected {start:?}")
        }
    }

    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The word that follows, without taking it.
    fn word(&self) -> &'t str {
        let end = self.rest.find(|c: char| !c.is_ascii_alphabetic() && c != '_');
        &self.rest[..end.unwrap_or(self.rest.len())]
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.word() == word && self.take(word)
    }

    fn any(&mut self, depth: usize) -> Result<CompositeRule, String> {
        let mut parts = vec![self.all(depth)?];
        while self.take_word("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts, CompositeRule::Any))
    }

    fn all(&mut self, depth: usize) -> Result<CompositeRule, String> {
        let mut parts = vec![self.one(depth)?];
        while self.take_word("AND") {
            parts.push(self.one(depth)?);
        }
        Ok(single(parts, CompositeRule::All))
    }

    fn one(&mut self, depth: usize) -> Result<CompositeRule, String> {
        if depth > MAX_DEPTH {
            return Err("nested too deeply".to_owned());
        }
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            self.expect(")")?;
            return Ok(inner);
        }
        match self.word() {
            "NOT" => {
                self.take("NOT");
                Ok(CompositeRule::Not(Box::new(self.one(depth + 1)?)))
            }
            "TRUE" => Ok(CompositeRule::Always(self.take("TRUE"))),
            "FALSE" => Ok(CompositeRule::Always(!self.take("FALSE"))),
            "AT_LEAST" => {
                self.take("AT_LEAST");
                self.at_least()
            }
            _ => {
                let state = self.state()?;
                self.expect("(")?;
                let name = self.name()?;
                self.expect(")")?;
                Ok(CompositeRule::Is(state, name))
            }
        }
    }

    fn state(&mut self) -> Result<State, String> {
        let word = self.word();
        match STATES.iter().find(|(name, _)| *name == word) {
            Some((name, state)) => {
                self.take(name);
                Ok(*state)
            }
            None => Err(self.unexpected()),
        }
    }

    /// In quotes, or up to a comma or parenthesis.
    fn name(&mut self) -> Result<String, String> {
        self.alarms += 1;
        if self.alarms > MAX_ALARMS {
            return Err(format!("a rule names at most {MAX_ALARMS} alarms"));
        }
        for quote in ['"', '\''] {
            if let Some(inner) = self.rest.strip_prefix(quote) {
                let end = inner.find(quote).ok_or("a quote is not closed")?;
                self.rest = inner[end + 1..].trim_start();
                return Ok(of_arn(&inner[..end]));
            }
        }
        let end = self.rest.find([',', '(', ')']).unwrap_or(self.rest.len());
        let name = self.rest[..end].trim();
        if name.is_empty() {
            return Err("the name of an alarm is missing".to_owned());
        }
        self.rest = &self.rest[end..];
        Ok(of_arn(name))
    }

    fn at_least(&mut self) -> Result<CompositeRule, String> {
        self.expect("(")?;
        let digits = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let number: usize = self.rest[..digits].parse().map_err(|_| self.unexpected())?;
        self.rest = self.rest[digits..].trim_start();
        let percent = self.take("%");
        self.expect(",")?;
        let negated = self.take_word("NOT");
        let state = self.state()?;
        self.expect(",")?;
        self.expect("(")?;
        let mut alarms = vec![self.name()?];
        while self.take(",") {
            alarms.push(self.name()?);
        }
        self.expect(")")?;
        self.expect(")")?;
        let count = if percent { (alarms.len() * number.min(100)).div_ceil(100) } else { number };
        Ok(CompositeRule::AtLeast { count: count.max(1), state, negated, alarms })
    }
}

/// The name at the end of an alarm's ARN; other names as they are.
fn of_arn(name: &str) -> String {
    let end = name.strip_prefix("arn:").and_then(|rest| rest.split_once(":alarm:"));
    end.map_or(name, |(_, name)| name).to_owned()
}

fn single(
    mut parts: Vec<CompositeRule>,
    join: fn(Vec<CompositeRule>) -> CompositeRule,
) -> CompositeRule {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for text in [
            "ALARM(a b)",
            "NOT NOT OK(\"a, (b)\")",
            "TRUE OR NOT (FALSE AND OK(x)) AND INSUFFICIENT_DATA('say \"it\"')",
            "((ALARM(a) OR ALARM(b)) OR ALARM(c)) AND (ALARM(a) AND (ALARM(b) AND ALARM(c)))",
            "AT_LEAST(50%, NOT OK, (a, b, 'c, d')) OR ALARM(arn:aws:cloudwatch:eu:1:alarm:e f)",
        ] {
            let rule = CompositeRule::parse(text).unwrap();
            assert_eq!(CompositeRule::parse(&rule.to_string()), Ok(rule), "{text}");
        }
    }

    #[test]
    fn holds_for_states() {
        let state = |name: &str| match name {
            "up" | "also up" => State::Ok,
            "down" => State::Alarm,
            _ => State::InsufficientData,
        };
        for (rule, expected) in [
            ("ALARM(down)", true),
            ("ALARM(\"also up\")", false),
            ("OK(up) AND ALARM(down)", true),
            ("OK(down) OR OK(up) AND ALARM(up)", false),
            ("(OK(down) OR OK(up)) AND NOT ALARM(up)", true),
            ("NOT NOT INSUFFICIENT_DATA('x')", true),
            ("TRUE AND NOT FALSE", true),
            ("AT_LEAST(2, OK, (up, \"also up\", down))", true),
            ("AT_LEAST(70%, OK, (up, also up, down))", false),
            ("AT_LEAST(1, NOT OK, (up, down))", true),
            ("ALARM(arn:aws:cloudwatch:eu-west-1:1:alarm:down)", true),
        ] {
            let read = CompositeRule::parse(rule).unwrap();
            assert_eq!(read.holds(&state), expected, "{rule}");
        }
    }

    #[test]
    fn refuses() {
        let deep = format!("{}TRUE{}", "(".repeat(40), ")".repeat(40));
        let long = "NOT ".repeat(5000);
        for (rule, message) in [
            ("", "the rule ends too early"),
            ("ALARM()", "the name of an alarm is missing"),
            ("ALARM(a) ALARM(b)", "unexpected \"ALARM(b)\""),
            ("ALARM(\"a)", "a quote is not closed"),
            ("alarm(a)", "unexpected \"alarm(a)\""),
            ("ALARM(a) AND", "the rule ends too early"),
            ("AT_LEAST(x, OK, (a))", "unexpected \"x, OK, (a))\""),
            (&deep, "nested too deeply"),
            (&long, "a rule has at most 10240 bytes"),
        ] {
            assert_eq!(CompositeRule::parse(rule), Err(message.to_owned()));
        }
    }
}
