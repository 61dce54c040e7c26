//! Names of metrics and labels as Prometheus makes them of OpenTelemetry's: other characters become
//! underscores, the unit and `_total` go to the end.
//!
//! Source: the compatibility chapter of the OpenTelemetry specification, and what Prometheus 3.5 does
//! with `translation_strategy: UnderscoreEscapingWithSuffixes`.

/// Units by their code.
const UNITS: [(&str, &str); 27] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
    ("1", ""),
    ("", ""),
];

/// The same behind `per`.
const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

/// What of a metric changes its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `_total`
    Counter,
    /// `_ratio` for the unit `1`
    Gauge,
    Other,
}

/// Name of the series of a metric.
pub(super) fn metric(name: &str, unit: &str, shape: Shape) -> String {
    let split = |c: char| !c.is_ascii_alphanumeric() && c != ':';
    let mut words: Vec<&str> = name.split(split).filter(|word| !word.is_empty()).collect();
    let (main, per) = unit_words(unit);
    let has = |words: &[&str], word: &str| words.contains(&word);
    if !main.is_empty() && !has(&words, &main) {
        words.push(&main);
    }
    if !per.is_empty() && !has(&words, &per) {
        words.extend(["per", &per]);
    }
    let last = match shape {
        Shape::Counter => Some("total"),
        Shape::Gauge if unit == "1" => Some("ratio"),
        Shape::Gauge | Shape::Other => None,
    };
    if let Some(last) = last {
        words.retain(|word| *word != last);
        words.push(last);
    }
    let name = words.join("_");
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// The unit in words: itself and what it is divided by. What stands in braces is a note.
fn unit_words(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let word = |code: &str, known: &[(&str, &str)]| {
        let code = code.trim();
        if code.contains(['{', '}']) {
            return String::new();
        }
        let word = known.iter().find(|(known, _)| *known == code).map_or(code, |(_, word)| word);
        let split = |c: char| !c.is_ascii_alphanumeric();
        word.split(split).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_")
    };
    (word(main, &UNITS), word(per, &PER_UNITS))
}

/// Name of a label of an attribute.
pub(super) fn label(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = key.chars().map(plain).collect();
    match name.as_bytes() {
        [b'0'..=b'9', ..] => format!("key_{name}"),
        [b'_', b'_', ..] | [] => name,
        [b'_', ..] => format!("key{name}"),
        _ => name,
    }
}
