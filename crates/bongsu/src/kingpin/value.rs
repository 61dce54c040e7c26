//! Checks of flag values, with Go's error sentences.

use std::time::Duration;

use bongsu_model::go_quote;

use super::Kind;

/// Checks `value` for a flag of `kind`.
pub(super) fn check(kind: Kind, value: &str) -> Result<(), String> {
    match kind {
        Kind::Switch | Kind::Text | Kind::Texts => Ok(()),
        Kind::Integer => value
            .parse::<i64>()
            .map(drop)
            .map_err(|_| format!("strconv.ParseFloat: parsing {}: invalid syntax", quoted(value))),
        Kind::Duration => parse_go_duration(value).map(drop),
        Kind::OneOf(words) if words.contains(&value) => Ok(()),
        Kind::OneOf(words) => {
            Err(format!("enum value must be one of {}, got '{value}'", words.join(",")))
        }
        Kind::ExistingFile => existing_file(value),
    }
}

/// Fails unless the path exists and is no directory.
pub(super) fn existing_file(path: &str) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(format!("'{path}' is a directory")),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("path '{path}' does not exist"))
        }
        Err(e) => Err(format!("stat {path}: {e}")),
    }
}

/// Reads a Go duration: `0`, or numbers with units (`1h30m`, `1.5s`, `250ms`). Negative ones are
/// read as zero, which every flag here takes as "none".
pub(crate) fn parse_go_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (unit, tail) = rest.split_at(end);
        rest = tail;
        total += number
            * match unit {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                "" => return Err(format!("time: missing unit in duration {}", quoted(text))),
                _ => {
                    let unit = quoted(unit);
                    return Err(format!("time: unknown unit {unit} in duration {}", quoted(text)));
                }
            };
    }
    if total > i64::MAX as f64 {
        return Err(invalid());
    }
    Ok(if negative { Duration::ZERO } else { Duration::from_nanos(total.round() as u64) })
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = go_quote(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_reads_them() {
        for (text, want) in [
            ("0", Ok(0)),
            ("0s", Ok(0)),
            ("1m30s", Ok(90_000)),
            ("1.5h", Ok(5_400_000)),
            ("500ms", Ok(500)),
            ("-1s", Ok(0)),
            ("5", Err("time: missing unit in duration \"5\"")),
            ("1x", Err("time: unknown unit \"x\" in duration \"1x\"")),
            ("bad", Err("time: invalid duration \"bad\"")),
            ("", Err("time: invalid duration \"\"")),
        ] {
            let got = parse_go_duration(text).map(|d| d.as_millis());
            assert_eq!(got, want.map_err(str::to_owned), "{text}");
        }
    }
}
