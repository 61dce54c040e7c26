//! The commands of a script.

use anyhow::{Context, Result, anyhow, bail};
use bongsu_promql::notation::{SeriesLine, parse_series};
use regex::Regex;

/// One command.
pub(crate) enum Command {
    Clear,
    Load(Load),
    Eval(Eval),
}

/// `load STEP` with its series.
pub(crate) struct Load {
    /// Milliseconds between values.
    pub(crate) step: i64,
    /// Classic histograms are loaded as native ones, too.
    pub(crate) with_custom_buckets: bool,
    pub(crate) series: Vec<SeriesLine>,
}

/// `eval …` with what is expected of it.
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) expr: String,
    pub(crate) when: When,
    pub(crate) expects: Vec<(Expect, Text)>,
    pub(crate) expected: Expected,
}

impl Eval {
    fn expects(&self, what: Expect) -> bool {
        self.expects.iter().any(|(expect, _)| *expect == what)
    }

    pub(crate) fn fails(&self) -> bool {
        self.expects(Expect::Fail)
    }

    pub(crate) fn is_ordered(&self) -> bool {
        self.expects(Expect::Ordered)
    }
}

/// Times in milliseconds.
#[derive(Clone, Copy)]
pub(crate) enum When {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// What is said of an evaluation besides its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Fail,
    Warn,
    NoWarn,
    Info,
    NoInfo,
    Ordered,
}

/// The words of a remark or failure.
#[derive(Debug)]
pub(crate) enum Text {
    Any,
    Exactly(String),
    Matching(Regex),
}

impl Text {
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => wanted == text,
            Self::Matching(regex) => regex.is_match(text),
        }
    }
}

/// The value.
#[derive(Debug)]
pub(crate) enum Expected {
    Scalar(f64),
    Text(String),
    Series(Vec<SeriesLine>),
}

/// Reads a script. A block ends at an empty line.
pub(crate) fn commands(text: &str) -> Result<Vec<Command>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (number, line) = (at + 1, lines[at]);
        at += 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let end =
            lines[at..].iter().position(|line| line.is_empty()).map_or(lines.len(), |n| at + n);
        let word = line.split_whitespace().next().unwrap_or("");
        let command = match word {
            "clear" => Command::Clear,
            _ if word.starts_with("load") => {
                let block = &lines[at..end];
                at = end;
                Command::Load(load(line, block).with_context(|| format!("line {number}"))?)
            }
            _ if word.starts_with("eval") => {
                let block = &lines[at..end];
                at = end;
                Command::Eval(eval(number, line, block).with_context(|| format!("line {number}"))?)
            }
            _ => bail!("line {number}: unknown command {line}"),
        };
        commands.push(command);
    }
    Ok(commands)
}

fn load(line: &str, block: &[&str]) -> Result<Load> {
    let (word, step) = line.split_once(char::is_whitespace).context("load needs a step")?;
    let mut series: Vec<SeriesLine> = Vec::new();
    for line in block {
        let read = parse_series(line).map_err(|error| anyhow!("{line}: {}: {error}", error.at))?;
        // A series given twice has the values of its last line.
        match series.iter_mut().find(|known| known.labels == read.labels) {
            Some(known) => *known = read,
            None => series.push(read),
        }
    }
    Ok(Load { step: duration(step)?, with_custom_buckets: word == "load_with_nhcb", series })
}

fn eval(number: usize, line: &str, block: &[&str]) -> Result<Eval> {
    let instant =
        Regex::new(r"^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+))?\s+(.+)$")?;
    let range = Regex::new(
        r"^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$",
    )?;
    let (parts, when, expr) = if let Some(parts) = instant.captures(line) {
        let at = parts.get(2).map_or(Ok(0), |at| duration(at.as_str()))?;
        let expr = parts[3].to_owned();
        (parts, When::Instant(at), expr)
    } else if let Some(parts) = range.captures(line) {
        let [start, end, step] = [&parts[2], &parts[3], &parts[4]].map(duration);
        let expr = parts[5].to_owned();
        (parts, When::Range { start: start?, end: end?, step: step? }, expr)
    } else {
        bail!("cannot read {line}");
    };
    let mut expects = Vec::new();
    match parts.get(1).map(|mode| mode.as_str()) {
        Some("fail") => expects.push((Expect::Fail, Text::Any)),
        Some("warn") => expects.push((Expect::Warn, Text::Any)),
        Some("info") => expects.push((Expect::Info, Text::Any)),
        Some("ordered") => expects.push((Expect::Ordered, Text::Any)),
        _ => {}
    }
    let mut expected = Expected::Series(Vec::new());
    for line in block {
        if let Some(rest) = line.strip_prefix("expected_fail_message") {
            expects.push((Expect::Fail, Text::Exactly(rest.trim().to_owned())));
        } else if let Some(rest) = line.strip_prefix("expected_fail_regexp") {
            expects.push((Expect::Fail, Text::Matching(Regex::new(rest.trim())?)));
        } else if let Some(rest) = line.strip_prefix("expect string ") {
            let text = rest.trim_matches('"').to_owned();
            expected = Expected::Text(text);
        } else if let Some(rest) = line.strip_prefix("expect ") {
            expects.push(expect(rest)?);
        } else if let Some(scalar) = scalar(line) {
            expected = Expected::Scalar(scalar);
        } else {
            let read = parse_series(line).map_err(|error| anyhow!("{line}: {error}"))?;
            if let Expected::Series(series) = &mut expected {
                series.push(read);
            }
        }
    }
    Ok(Eval { line: number, expr, when, expects, expected })
}

/// `warn`, `info msg: …`, `fail regex: …`.
fn expect(text: &str) -> Result<(Expect, Text)> {
    let (what, words) = text.split_once(' ').unwrap_or((text, ""));
    let what = match what {
        "fail" => Expect::Fail,
        "warn" => Expect::Warn,
        "no_warn" => Expect::NoWarn,
        "info" => Expect::Info,
        "no_info" => Expect::NoInfo,
        "ordered" => Expect::Ordered,
        other => bail!("unknown expectation {other}"),
    };
    let words = words.trim();
    let text = if let Some(message) = words.strip_prefix("msg:") {
        Text::Exactly(message.trim().to_owned())
    } else if let Some(regex) = words.strip_prefix("regex:") {
        Text::Matching(Regex::new(regex.trim())?)
    } else {
        Text::Any
    };
    Ok((what, text))
}

/// A lone number.
fn scalar(line: &str) -> Option<f64> {
    let unsigned = line.trim_start_matches(['+', '-']);
    let number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || matches!(unsigned.to_ascii_lowercase().as_str(), "inf" | "nan");
    number.then(|| line.strip_prefix('+').unwrap_or(line).parse().ok()).flatten()
}

/// Milliseconds of `1m30s`, `10s53ms` or `0`.
fn duration(text: &str) -> Result<i64> {
    let mut total = 0;
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(0);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).context("no unit")?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |length| digits + length);
        let count: i64 = rest[..digits].parse().with_context(|| format!("duration {text}"))?;
        let factor = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "y" => 365 * 86_400_000,
            unit => bail!("unknown unit {unit}"),
        };
        total += count * factor;
        rest = &rest[unit_end..];
    }
    Ok(total)
}
