//! What the calendar (UTC) says about a time.

const DAY: i64 = 86_400;

/// The function called `name` of seconds since 1970, if it is one.
pub(crate) fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "minute" => |t| (seconds(t).rem_euclid(3600) / 60) as f64,
        "hour" => |t| (seconds(t).rem_euclid(DAY) / 3600) as f64,
        // 1970 began on a Thursday.
        "day_of_week" => |t| (seconds(t).div_euclid(DAY) + 4).rem_euclid(7) as f64,
        "day_of_month" => |t| Date::of(t).day as f64,
        "day_of_year" => |t| Date::of(t).day_of_year() as f64,
        "days_in_month" => |t| Date::of(t).days_in_month() as f64,
        "month" => |t| Date::of(t).month as f64,
        "year" => |t| Date::of(t).year as f64,
        _ => return None,
    })
}

fn seconds(time: f64) -> i64 {
    time as i64
}

/// A day of the Gregorian calendar.
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    fn of(time: f64) -> Self {
        // Years are counted from March on, so that the day a leap year adds comes last.
        let days = seconds(time).div_euclid(DAY).saturating_add(719_468);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted + 2) / 5 + 1,
        }
    }

    fn is_leap(&self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn days_in_month(&self) -> i64 {
        match self.month {
            2 => 28 + i64::from(self.is_leap()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(&self) -> i64 {
        let months = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let before = months.get((self.month - 1) as usize).copied().unwrap_or(0);
        before + self.day + i64::from(self.month > 2 && self.is_leap())
    }
}
