//! Go's `time.Time`, `time.Location` and `time.Duration` as templates see them.

mod duration;
mod format;
mod layout;
mod methods;
mod parse;

use std::sync::Arc;

use bongsu_model::Time;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

pub(crate) use duration::text as duration_text;
pub(crate) use methods::{call, int_name, signature};

/// An instant and the zone it is shown in.
#[derive(Clone, Debug)]
pub struct GoTime {
    /// The instant.
    pub at: Timestamp,
    /// The zone.
    pub zone: Zone,
}

/// A `*time.Location`.
#[derive(Clone, Debug)]
pub enum Zone {
    /// Coordinated universal time.
    Utc,
    /// A fixed offset with an abbreviation, empty if the sender wrote only the offset.
    Fixed(Offset, Arc<str>),
    /// A zone of the IANA database.
    Named(TimeZone),
    /// The server's own zone.
    Local(TimeZone),
}

impl Zone {
    /// A zone by name: `UTC` or nothing, `Local`, or an IANA name in its exact case.
    ///
    /// # Errors
    /// Go's message for a name nobody knows.
    pub fn load(name: &str, local: &TimeZone) -> Result<Self, String> {
        match name {
            "" | "UTC" => return Ok(Self::Utc),
            "Local" => return Ok(Self::Local(local.clone())),
            _ => {}
        }
        // The database is looked up without regard to case, Go's is not.
        match TimeZone::get(name) {
            Ok(zone) if zone.iana_name() == Some(name) => Ok(Self::Named(zone)),
            _ => Err(format!("unknown time zone {name}")),
        }
    }

    /// Go's `Location.String`.
    pub fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Fixed(_, name) => name,
            Self::Named(zone) => zone.iana_name().unwrap_or("UTC"),
            Self::Local(_) => "Local",
        }
    }

    /// Offset and abbreviation in force at an instant.
    pub(crate) fn in_force(&self, at: Timestamp) -> (Offset, String) {
        match self {
            Self::Utc => (Offset::UTC, "UTC".to_owned()),
            Self::Fixed(offset, name) => (*offset, name.as_ref().to_owned()),
            Self::Named(zone) | Self::Local(zone) => {
                let info = zone.to_offset_info(at);
                (info.offset(), info.abbreviation().to_owned())
            }
        }
    }

    /// The instant a clock in this zone shows `clock`; within a gap, the later reading.
    pub(crate) fn instant(&self, clock: DateTime) -> Result<Timestamp, String> {
        let found = match self {
            Self::Utc => Offset::UTC.to_timestamp(clock),
            Self::Fixed(offset, _) => offset.to_timestamp(clock),
            Self::Named(zone) | Self::Local(zone) => zone.to_timestamp(clock),
        };
        found.map_err(|_| OUT_OF_RANGE.to_owned())
    }
}

pub(crate) const OUT_OF_RANGE: &str = "time out of range";

impl GoTime {
    /// Go's zero time, 1 January of the year 1, UTC.
    pub fn zero() -> Self {
        Self { at: zero_instant(), zone: Zone::Utc }
    }

    /// An instant in UTC.
    pub fn utc(at: Timestamp) -> Self {
        Self { at, zone: Zone::Utc }
    }

    /// What a clock in the time's zone shows.
    pub(crate) fn clock(&self) -> DateTime {
        self.zone.in_force(self.at).0.to_datetime(self.at)
    }

    /// Written in a Go layout.
    pub fn format(&self, layout: &str) -> String {
        format::format(self, layout)
    }

    /// Read in a Go layout; UTC unless the text names a zone.
    ///
    /// # Errors
    /// Go's message.
    pub fn parse(layout: &str, text: &str) -> Result<Self, String> {
        parse::parse(layout, text)
    }

    /// As JSON shows it: RFC 3339 with up to nine fractional digits.
    pub fn rfc3339(&self) -> String {
        self.format("2006-01-02T15:04:05.999999999Z07:00")
    }

    /// Nanoseconds since the zero time.
    pub(crate) fn since_zero(&self) -> i128 {
        self.at.as_nanosecond() - zero_instant().as_nanosecond()
    }

    /// The same zone at another instant.
    pub(crate) fn moved(&self, nanoseconds: i128) -> Result<Self, String> {
        let at = Timestamp::from_nanosecond(self.at.as_nanosecond() + nanoseconds)
            .map_err(|_| OUT_OF_RANGE.to_owned())?;
        Ok(Self { at, zone: self.zone.clone() })
    }

    /// `self - other`, saturating at Go's longest durations.
    pub(crate) fn sub(&self, other: &Self) -> i64 {
        let difference = self.at.as_nanosecond() - other.at.as_nanosecond();
        i64::try_from(difference).unwrap_or(if difference > 0 { i64::MAX } else { i64::MIN })
    }
}

/// Go's `String`: the debugging form with offset and abbreviation.
impl std::fmt::Display for GoTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

/// Keeps the sender's offset; Go names neither the offset nor, for a zero offset, anything but UTC.
impl From<Time> for GoTime {
    fn from(time: Time) -> Self {
        let zone = if time.offset == Offset::UTC {
            Zone::Utc
        } else {
            Zone::Fixed(time.offset, Arc::from(""))
        };
        Self { at: time.at, zone }
    }
}

fn zero_instant() -> Timestamp {
    const ZERO_SECONDS: i64 = -62_135_596_800;
    Timestamp::from_second(ZERO_SECONDS).unwrap_or(Timestamp::MIN)
}
