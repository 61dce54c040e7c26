//! Instants as alert sources write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// Values above are milliseconds, above that microseconds, above that nanoseconds.
const MILLIS: f64 = 1e11;

/// RFC 3339 and its looser forms (a blank for the `T`, no seconds, an offset without a colon, no
/// offset: UTC), `YYYY.MM.DD hh:mm:ss`, mail dates, and seconds, milliseconds, microseconds or
/// nanoseconds since 1970 told apart by size.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let number = text.strip_suffix('Z').unwrap_or(text).parse::<f64>();
    if let Some(seconds) = number.ok().filter(|n| n.is_finite()) {
        return since_1970(seconds);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    if let Ok(local) = text.parse::<DateTime>() {
        return local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    }
    for format in ["%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%.f%z"] {
        if let Ok(instant) = Timestamp::strptime(format, text) {
            return Some(instant);
        }
    }
    let without_zone = text.strip_suffix(" UTC").or_else(|| text.strip_suffix('Z')).unwrap_or(text);
    for format in [
        "%Y.%m.%d %H:%M:%S",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y/%m/%d %H:%M:%S",
        "%a %b %d %Y %H:%M:%S",
        "%d-%b-%Y %H:%M:%S",
    ] {
        if let Ok(local) = DateTime::strptime(format, without_zone) {
            return Offset::UTC.to_timestamp(local).ok();
        }
    }
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// From a number since 1970 in the unit its size suggests.
pub(super) fn since_1970(number: f64) -> Option<Timestamp> {
    let size = number.abs();
    let seconds = if size < MILLIS {
        number
    } else if size < MILLIS * 1e3 {
        number / 1e3
    } else if size < MILLIS * 1e6 {
        number / 1e6
    } else {
        number / 1e9
    };
    // Times are shown in milliseconds; the sixth digit is noise of the division.
    Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn many_ways_to_say_one_instant() {
        for text in [
            "2026-01-10T08:00:00Z",
            "2026-01-10T17:00:00+09:00",
            "2026-01-10T08:00:00.000+0000",
            "2026-01-10 08:00:00",
            "2026-01-10T08:00:00",
            "2026-01-10 08:00:00 +0000",
            "2026.01.10 08:00:00",
            "2026-01-10 08:00 UTC",
            "2026-01-10 08:00:00 UTC",
            "1768032000",
            "1768032000.0",
            "1768032000Z",
            "1768032000000",
            "1768032000000000",
            "Sat, 10 Jan 2026 08:00:00 +0000",
        ] {
            let instant = super::parse(text);
            assert_eq!(instant.unwrap().to_string(), "2026-01-10T08:00:00Z", "{text}");
        }
        for text in ["yesterday", "", "NaN", "2026-13-01T00:00:00Z"] {
            assert_eq!(super::parse(text), None, "{text}");
        }
    }
}
