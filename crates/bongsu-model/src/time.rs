//! Instants that remember the offset they were written with.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant and the UTC offset its sender wrote: `2024-03-05T10:16:00+09:00` goes out to
/// webhooks and templates as it came in. Order and equality look at the instant only.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// The instant.
    pub at: Timestamp,
    /// The offset to print it with.
    pub offset: Offset,
}

impl Time {
    /// An instant printed in UTC.
    pub fn utc(at: Timestamp) -> Self {
        Self { at, offset: Offset::UTC }
    }

    /// RFC 3339 with as many fractional digits as needed (none to nine), as Go marshals a time.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let pieces = jiff::fmt::temporal::DateTimeParser::new().parse_timestamp(text).ok()?;
        let offset = if text.ends_with(['Z', 'z']) {
            Offset::UTC
        } else {
            let tail = text.get(text.len().checked_sub(6)?..)?;
            let sign = match tail.as_bytes()[0] {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let hours: i32 = tail.get(1..3)?.parse().ok()?;
            let minutes: i32 = tail.get(4..6)?.parse().ok()?;
            Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?
        };
        Some(Self { at: pieces, offset })
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self::utc(at)
    }
}

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.offset == Offset::UTC {
            // jiff prints `Z` for a bare timestamp and `+00:00` with an explicit UTC offset.
            write!(f, "{}", self.at)
        } else {
            write!(f, "{}", self.at.display_with_offset(self.offset))
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("not an RFC 3339 time: {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn keeps_offset_and_fraction() {
        for text in [
            "2024-03-05T10:16:00.123456789+09:00",
            "2024-03-05T10:15:30Z",
            "2024-03-05T01:00:00.5-03:30",
        ] {
            assert_eq!(Time::parse_rfc3339(text).unwrap().to_string(), text);
        }
        assert!(Time::parse_rfc3339("yesterday").is_none());
    }
}
