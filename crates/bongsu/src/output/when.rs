//! Times for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How times are shown in tables. JSON keeps the API's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TimeStyle {
    /// `2026-11-21 10:00:00 UTC`
    Utc,
    /// The same in the zone of this machine (`TZ`).
    Local,
    /// `3m ago`, `in 2h`
    Relative,
}

/// `at` in the style; `now` is the reference of relative times.
pub(crate) fn show_time(at: Timestamp, style: TimeStyle, now: Timestamp) -> String {
    let zone = match style {
        TimeStyle::Relative => return relative(at, now),
        TimeStyle::Utc => TimeZone::UTC,
        TimeStyle::Local => TimeZone::system(),
    };
    at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn relative(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.as_second() - now.as_second();
    let text = match seconds.unsigned_abs() {
        0 => return "now".into(),
        s if s < 120 => format!("{s}s"),
        s if s < 120 * 60 => format!("{}m", s / 60),
        s if s < 48 * 3600 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    };
    if seconds < 0 { format!("{text} ago") } else { format!("in {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        for (offset, want) in
            [(0, "now"), (-90, "90s ago"), (600, "in 10m"), (-7200, "2h ago"), (864_000, "in 10d")]
        {
            let at = Timestamp::from_second(now.as_second() + offset).unwrap();
            assert_eq!(show_time(at, TimeStyle::Relative, now), want);
        }
        assert_eq!(show_time(now, TimeStyle::Utc, now), "2023-11-14 22:13:20 UTC");
    }
}
