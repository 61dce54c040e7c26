//! Splits a Go layout (`Mon Jan _2 15:04:05 2006`) into its elements.

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    LongMonth,
    Month,
    NumberMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperHalf,
    LowerHalf,
    Abbreviation,
    /// A numeric offset.
    Offset(OffsetStyle),
    /// Fraction of a second after a separator; `fixed` keeps trailing zeros.
    Fraction {
        digits: usize,
        fixed: bool,
        separator: u8,
    },
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetStyle {
    /// UTC is `Z`.
    pub(super) zulu: bool,
    pub(super) colons: bool,
    pub(super) minutes: bool,
    pub(super) seconds: bool,
}

const OFFSETS: &[(&str, bool, bool, bool)] = &[
    ("070000", false, true, true),
    ("07:00:00", true, true, true),
    ("0700", false, true, false),
    ("07:00", true, true, false),
    ("07", false, false, false),
];

/// Text before the next element, the element, text after it.
pub(super) fn next(layout: &str) -> (&str, Option<Element>, &str) {
    let bytes = layout.as_bytes();
    for at in 0..bytes.len() {
        if let Some((skip, element, length)) = element_at(&bytes[at..]) {
            // Every element begins and ends with ASCII, so these are character boundaries.
            let end = at + skip + length;
            return (&layout[..at + skip], Some(element), &layout[end..]);
        }
    }
    (layout, None, "")
}

/// Bytes before the element (an underscore that is not part of it), the element, its length.
fn element_at(rest: &[u8]) -> Option<(usize, Element, usize)> {
    use Element::*;
    let starts = |text: &str| rest.starts_with(text.as_bytes());
    let lower_at = |at: usize| rest.get(at).is_some_and(u8::is_ascii_lowercase);
    let found = match rest[0] {
        b'J' if starts("January") => (LongMonth, 7),
        b'J' if starts("Jan") && !lower_at(3) => (Month, 3),
        b'M' if starts("Monday") => (LongWeekday, 6),
        b'M' if starts("Mon") && !lower_at(3) => (Weekday, 3),
        b'M' if starts("MST") => (Abbreviation, 3),
        b'0' if starts("002") => (ZeroYearDay, 3),
        b'0' => match rest.get(1)? {
            b'1' => (ZeroMonth, 2),
            b'2' => (ZeroDay, 2),
            b'3' => (ZeroHour12, 2),
            b'4' => (ZeroMinute, 2),
            b'5' => (ZeroSecond, 2),
            b'6' => (Year, 2),
            _ => return None,
        },
        b'1' if starts("15") => (Hour, 2),
        b'1' => (NumberMonth, 1),
        b'2' if starts("2006") => (LongYear, 4),
        b'2' => (Day, 1),
        b'_' if starts("_2006") => return Some((1, LongYear, 4)),
        b'_' if starts("_2") => (UnderDay, 2),
        b'_' if starts("__2") => (UnderYearDay, 3),
        b'3' => (Hour12, 1),
        b'4' => (Minute, 1),
        b'5' => (Second, 1),
        b'P' if starts("PM") => (UpperHalf, 2),
        b'p' if starts("pm") => (LowerHalf, 2),
        b'-' | b'Z' => {
            let (text, colons, minutes, seconds) =
                *OFFSETS.iter().find(|(text, ..)| rest[1..].starts_with(text.as_bytes()))?;
            let style = OffsetStyle { zulu: rest[0] == b'Z', colons, minutes, seconds };
            (Offset(style), 1 + text.len())
        }
        b'.' | b',' => {
            let digit = *rest.get(1).filter(|d| matches!(d, b'0' | b'9'))?;
            let digits = rest[1..].iter().take_while(|d| **d == digit).count();
            if rest.get(1 + digits).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            (Fraction { digits, fixed: digit == b'0', separator: rest[0] }, 1 + digits)
        }
        _ => return None,
    };
    Some((0, found.0, found.1))
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
