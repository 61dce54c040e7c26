//! What an expression means where upstream's evaluators disagree.
//!
//! The parts that are documented without doubt are decided here, on their own: a comparison of
//! `severity` goes by rank, one of `source` by containment, one of dates by instants. They are
//! replaced by what they are. If nothing is left but these that is the answer; else the rest is
//! evaluated by the product, with the disputed parts fixed. For what has no such part:
//!
//! - `source` is a list, and only the workflow evaluator sees it as one: its answer counts;
//! - an evaluator that failed has no answer, nor has one known to take null for something else; if
//!   the others agree, theirs counts. That covers numbers in texts, the `alert.` prefix, null and
//!   missing fields.

use std::sync::LazyLock;

use bongsu_lang::cel::Program;
use jiff::Timestamp;
use regex::{Captures, Regex};
use serde_json::Value;

use super::upstream::{Answers, Fields};

/// The expected answer and the rule it is from; `None` if no rule decides.
pub(super) fn expected(
    text: &str,
    alert: &Value,
    answers: &Answers,
) -> Option<(bool, &'static str)> {
    if let Some(agreed) = answers.agreed() {
        return Some((agreed, "all evaluators agree"));
    }
    if let Some(decided) = decided(text, alert) {
        return Some(decided);
    }
    if SOURCE.is_match(text)
        && let Some(answer) = answers.workflow
    {
        return Some((answer, "source is a list"));
    }
    answers.answered(fields(text, alert)).map(|answer| (answer, "those that did not fail agree"))
}

/// The answer with the documented parts decided; `None` if there is none of them.
pub(super) fn decided(text: &str, alert: &Value) -> Option<(bool, &'static str)> {
    let rest = replace(text, alert);
    if rest == text {
        return None;
    }
    let plain = rest.replace("true", "").replace("false", "").replace("null", "");
    let rule = if plain.chars().all(|c| c.is_whitespace() || "()!&|".contains(c)) {
        "severity by rank, source by containment, dates as instants"
    } else {
        "severity by rank, source by containment, dates as instants; the rest by the product"
    };
    let program = Program::parse(&rest).ok()?;
    Some((program.matches(alert).matched(), rule))
}

const LITERAL: &str = r#"("[^"]*"|'[^']*'|-?\d+(?:\.\d+)?)"#;

fn pattern(text: &str) -> Regex {
    let text = text.replace("LITERAL", LITERAL).replace("OP", "(==|!=|>=|<=|>|<)");
    #[expect(clippy::expect_used, reason = "a constant")]
    Regex::new(&text).expect("a pattern that compiles")
}

// What stands before a name tells `severity` from `labels.severity`.
static SEVERITY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(^|[^.\w])(?:alert\.)?severity\s*OP\s*LITERAL"));
static SEVERITY_AFTER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(^|[^.\w])LITERAL\s*OP\s*(?:alert\.)?severity\b"));
static SEVERITY_IN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(^|[^.\w])(?:alert\.)?severity\s+in\s*\[([^\]]*)\]"));
static SOURCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(^|[^.\w])(?:alert\.)?source\b"));
static SOURCE_IS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(^|[^.\w])(?:alert\.)?source\s*(==|!=)\s*LITERAL"));
static SOURCE_HAS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(^|[^.\w])(?:alert\.)?source\.contains\(\s*LITERAL\s*\)"));
static IN_SOURCE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(^|[^.\w])LITERAL\s+in\s+(?:alert\.)?source\b"));
static DATE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(^|[^.\w])(?:alert\.)?([A-Za-z_]\w*)\s*OP\s*LITERAL"));

/// What a part of an expression is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    True,
    False,
    Null,
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl Answer {
    fn written(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Null => "null",
        }
    }
}

fn replace(text: &str, alert: &Value) -> String {
    let severity = |op: &str, literal: &str| {
        let want = literal_rank(literal);
        Some(match (rank(&alert["severity"]), op) {
            // Where there is no severity no comparison holds, nor does its opposite.
            (None, _) => Answer::Null,
            (Some(have), "!=") => Answer::from(have != want || want == 0),
            (Some(have), _) => Answer::from(have != 0 && want != 0 && holds(op, have.cmp(&want))),
        })
    };
    let source = |literal: &str| {
        let sources = alert["source"].as_array()?;
        Some(sources.iter().any(|source| source.as_str() == Some(unquoted(literal))))
    };
    let text = each(&SEVERITY, text, |found| severity(&found[2], &found[3]));
    let text = each(&SEVERITY_AFTER, &text, |found| severity(flipped(&found[3]), &found[2]));
    let text = each(&SEVERITY_IN, &text, |found| {
        let literals = || found[2].split(',').map(str::trim).filter(|word| !word.is_empty());
        if alert["severity"].is_null() {
            let asked = literals().any(|word| word == "null");
            return Some(if asked { Answer::True } else { Answer::Null });
        }
        let equal = |literal| severity("==", literal) == Some(Answer::True);
        Some(Answer::from(literals().any(equal)))
    });
    let text = each(&SOURCE_IS, &text, |found| {
        Some(Answer::from(source(&found[3])? == (&found[2] == "==")))
    });
    let text = each(&SOURCE_HAS, &text, |found| source(&found[2]).map(Answer::from));
    let text = each(&IN_SOURCE, &text, |found| source(&found[2]).map(Answer::from));
    each(&DATE, &text, |found| {
        let (have, want) = (alert[&found[2]].as_str()?, unquoted(&found[4]));
        Some(Answer::from(holds(&found[3], instant(have)?.cmp(&instant(want)?))))
    })
}

static QUOTED: LazyLock<Regex> = LazyLock::new(|| pattern(r#"("[^"]*"|'[^']*')"#));
static PATH: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(\s*\()?"));

/// Whether the fields an expression names are there. A variable of a macro counts as one.
fn fields(text: &str, alert: &Value) -> Fields {
    let text = QUOTED.replace_all(text, "''");
    let mut least = Fields::Present;
    for found in PATH.captures_iter(&text) {
        let mut keys: Vec<&str> = found[1].split('.').collect();
        if found.get(2).is_some() {
            // The last is a function.
            keys.pop();
        }
        if keys.first() == Some(&"alert") {
            keys.remove(0);
        }
        if keys.is_empty() || ["true", "false", "null", "in"].contains(&keys[0]) {
            continue;
        }
        match alert.pointer(&format!("/{}", keys.join("/"))) {
            None => return Fields::Missing,
            Some(Value::Null) => least = Fields::Null,
            Some(_) => {}
        }
    }
    least
}

/// Replaces what is decided; the first group is what stands before and stays.
fn each(pattern: &Regex, text: &str, decide: impl Fn(&Captures<'_>) -> Option<Answer>) -> String {
    pattern
        .replace_all(text, |found: &Captures<'_>| match decide(found) {
            Some(answer) => format!("{}{}", &found[1], answer.written()),
            None => found[0].to_owned(),
        })
        .into_owned()
}

fn unquoted(literal: &str) -> &str {
    literal.trim_matches(['"', '\''])
}

fn holds(op: &str, order: std::cmp::Ordering) -> bool {
    match op {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn flipped(op: &str) -> &str {
    match op {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        same => same,
    }
}

/// 5 for critical to 1 for low, 0 for what is none; `None` for none at all.
fn rank(severity: &Value) -> Option<u8> {
    match severity {
        Value::Null => None,
        Value::String(name) => Some(literal_rank(&format!("{name:?}"))),
        other => Some(literal_rank(&other.to_string())),
    }
}

fn literal_rank(literal: &str) -> u8 {
    let quoted = literal.starts_with(['"', '\'']);
    match (quoted, unquoted(literal).to_ascii_lowercase().as_str()) {
        (true, "critical") | (false, "5") => 5,
        (true, "high") | (false, "4") => 4,
        (true, "warning") | (false, "3") => 3,
        (true, "info") | (false, "2") => 2,
        (true, "low") | (false, "1") => 1,
        _ => 0,
    }
}

/// A date with or without time and offset; without one it is UTC.
fn instant(text: &str) -> Option<Timestamp> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.len() < 10 {
        return None;
    }
    text.parse().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}
