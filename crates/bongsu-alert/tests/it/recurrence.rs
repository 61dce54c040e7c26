//! The cases of RFC 5545, 3.8.5.3, and what clocks do to them.

use bongsu_alert::Recurrence;
use bongsu_model::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::support::at;

/// The first `n` instants in the rule's own zone, as `YYYY-MM-DD hh:mm`; `.` where there are no more.
fn first(rule: &Recurrence, n: usize) -> Vec<String> {
    let zone = TimeZone::get(rule.zone()).unwrap();
    let local = |at: Timestamp| zone.to_datetime(at).strftime("%Y-%m-%d %H:%M").to_string();
    let mut all: Vec<String> = rule.starts_from(Timestamp::MIN).take(n + 1).map(local).collect();
    if all.len() <= n {
        all.push(".".to_owned());
    } else {
        all.truncate(n);
    }
    all
}

#[test]
fn examples_of_the_standard() {
    // rule; first day; the days up to the first year, month or day that is given no more
    let cases = [
        ("FREQ=DAILY;COUNT=10", "19970902", "0902 0903 0904 0905 0906 0907 0908 0909 0910 0911 ."),
        ("FREQ=DAILY;INTERVAL=2", "19970902", "0902 0904 0906 0908"),
        ("FREQ=DAILY;INTERVAL=10;COUNT=5", "19970902", "0902 0912 0922 1002 1012 ."),
        ("FREQ=DAILY;UNTIL=19970905T000000Z", "19970902", "0902 0903 0904 ."),
        ("FREQ=DAILY;UNTIL=19970905T130000Z", "19970902", "0902 0903 0904 0905 ."),
        ("FREQ=WEEKLY;COUNT=10", "19970902", "0902 0909 0916 0923 0930 1007 1014 1021 1028 1104 ."),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "19970902", "0902 0916 0930 1014 1028 1111 1125 1209"),
        (
            "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
            "19970902",
            "0902 0904 0909 0911 0916 0918 0923 0925 0930 1002 .",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
            "19970901",
            "0901 0903 0905 0915 0917 0919 0929 1001 1003 1013 1015 1017 1027 1029 1031 1110 1112 \
             1114 1124 1126 1128 1208 1210 1212 1222 .",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
            "19970902",
            "0902 0904 0916 0918 0930 1002 1014 1016 .",
        ),
        ("FREQ=MONTHLY;COUNT=6;BYDAY=1FR", "19970905", "0905 1003 1107 1205 0102 0206 ."),
        ("FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR", "19970905", "0905 1003 1107 1205 ."),
        (
            "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
            "19970907",
            "0907 0928 1102 1130 0104 0125 0301 0329 0503 0531 .",
        ),
        ("FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "19970922", "0922 1020 1117 1222 0119 0216 ."),
        ("FREQ=MONTHLY;BYMONTHDAY=-3", "19970928", "0928 1029 1128 1229 0129 0226"),
        (
            "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
            "19970902",
            "0902 0915 1002 1015 1102 1115 1202 1215 0102 0115 .",
        ),
        (
            "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
            "19970930",
            "0930 1001 1031 1101 1130 1201 1231 0101 0131 0201 .",
        ),
        (
            "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
            "19970910",
            "0910 0911 0912 0913 0914 0915 0310 0311 0312 0313 .",
        ),
        ("FREQ=MONTHLY;INTERVAL=2;BYDAY=TU", "19970902", "0902 0909 0916 0923 0930 1104 1111"),
        (
            "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
            "19970610",
            "0610 0710 0610 0710 0610 0710 0610 0710 0610 0710 .",
        ),
        (
            "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
            "19970310",
            "0310 0110 0210 0310 0110 0210 0310 0110 0210 0310 .",
        ),
        ("FREQ=YEARLY;BYDAY=20MO", "19970519", "0519 0518 0517"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "19970313", "0313 0320 0327 0305 0312 0319 0326"),
        ("FREQ=YEARLY;BYMONTH=6,7,8;BYDAY=TH", "19970605", "0605 0612 0619 0626 0703 0710 0717"),
        // Friday the 13th; 2 September is left out, for no rule names it.
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "19970902", "0213 0313 1113 0813 1013"),
        (
            "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
            "19970913",
            "0913 1011 1108 1213 0110 0207 0307",
        ),
        (
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
            "19961105",
            "1105 1107 1102",
        ),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "19970904", "0904 1007 1106 ."),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "19970929", "0929 1030 1127 1230 0129"),
        ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "19970805", "0805 0810 0819 0824 ."),
        ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "19970805", "0805 0817 0819 0831 ."),
        ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "20070115", "0115 0130 0215 0315 0330 ."),
        // Every day in January, two ways.
        ("FREQ=YEARLY;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA", "19980101", "0101 0102 0103 0104"),
        ("FREQ=DAILY;BYMONTH=1", "19980130", "0130 0131 0101 0102"),
        // Days a month may not have are left out, not moved.
        ("FREQ=MONTHLY", "20260131", "0131 0331 0531 0731"),
        ("FREQ=YEARLY", "20240229", "0229 0229"),
        ("FREQ=DAILY;UNTIL=20260103", "20260101", "0101 0102 0103 ."),
        ("FREQ=DAILY;UNTIL=20260103T085959", "20260101", "0101 0102 ."),
    ];
    for (rule, start, want) in cases {
        let text = format!("DTSTART;TZID=America/New_York:{start}T090000\nRRULE:{rule}");
        let made = Recurrence::parse_lines(&text).unwrap_or_else(|e| panic!("{rule}: {e}"));
        let want: Vec<&str> = want.split_whitespace().collect();
        let n = want.iter().filter(|day| **day != ".").count();
        let got: Vec<String> = first(&made, n)
            .iter()
            .map(|at| match at.strip_suffix(" 09:00") {
                Some(day) => day[5..].replace('-', ""),
                None => at.clone(),
            })
            .collect();
        assert_eq!(got, want, "{rule}");
    }
}

#[test]
fn years_of_rare_rules() {
    let rule = Recurrence::new("FREQ=YEARLY", date(2024, 2, 29).at(2, 0, 0, 0), "UTC").unwrap();
    insta::assert_snapshot!(first(&rule, 3).join(", "), @"2024-02-29 02:00, 2028-02-29 02:00, 2032-02-29 02:00");
    // A 29 February that is a Monday, asked for day by day.
    let text = "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO";
    let rule = Recurrence::new(text, date(2026, 1, 1).at(2, 0, 0, 0), "UTC").unwrap();
    insta::assert_snapshot!(first(&rule, 2).join(", "), @"2044-02-29 02:00, 2072-02-29 02:00");
}

#[test]
fn clocks_change() {
    // zone; first local time; instants in UTC
    let cases = [
        // 02:30 does not exist on 8 March 2026: the offset before it counts, which is 03:30.
        (
            "America/New_York",
            date(2026, 3, 7).at(2, 30, 0, 0),
            "2026-03-07T07:30:00Z 2026-03-08T07:30:00Z 2026-03-09T06:30:00Z",
        ),
        // 01:30 exists twice on 1 November 2026: the first one.
        (
            "America/New_York",
            date(2026, 10, 31).at(1, 30, 0, 0),
            "2026-10-31T05:30:00Z 2026-11-01T05:30:00Z 2026-11-02T06:30:00Z",
        ),
        (
            "Europe/Berlin",
            date(2026, 3, 28).at(2, 30, 0, 0),
            "2026-03-28T01:30:00Z 2026-03-29T01:30:00Z 2026-03-30T00:30:00Z",
        ),
        (
            "Europe/Berlin",
            date(2026, 10, 24).at(2, 30, 0, 0),
            "2026-10-24T00:30:00Z 2026-10-25T00:30:00Z 2026-10-26T01:30:00Z",
        ),
        // Seoul has had no summer time since 1988; in 1987 and 1988 it had.
        (
            "Asia/Seoul",
            date(2026, 3, 28).at(2, 30, 0, 0),
            "2026-03-27T17:30:00Z 2026-03-28T17:30:00Z 2026-03-29T17:30:00Z",
        ),
        (
            "Asia/Seoul",
            date(1988, 5, 7).at(2, 30, 0, 0),
            "1988-05-06T17:30:00Z 1988-05-07T17:30:00Z 1988-05-08T16:30:00Z",
        ),
        // Samoa had no 30 December 2011.
        (
            "Pacific/Apia",
            date(2011, 12, 29).at(10, 0, 0, 0),
            "2011-12-29T20:00:00Z 2011-12-30T20:00:00Z 2011-12-31T20:00:00Z",
        ),
    ];
    for (zone, start, want) in cases {
        let rule = Recurrence::new("FREQ=DAILY", start, zone).unwrap();
        let got: Vec<String> =
            rule.starts_from(Timestamp::MIN).take(3).map(|at| at.to_string()).collect();
        assert_eq!(got.join(" "), want, "{zone} {start}");
    }
}

#[test]
fn refuses_with_a_reason() {
    let start = date(2026, 1, 1).at(9, 0, 0, 0);
    let mut shown = String::new();
    for (rule, zone) in [
        ("", "UTC"),
        ("FREQ=HOURLY", "UTC"),
        ("FREQ=DAILY;BYHOUR=3", "UTC"),
        ("FREQ=YEARLY;BYWEEKNO=20", "UTC"),
        ("FREQ=DAILY;INTERVAL=0", "UTC"),
        ("FREQ=DAILY;INTERVAL=1001", "UTC"),
        ("FREQ=DAILY;COUNT=10001", "UTC"),
        ("FREQ=DAILY;COUNT=1;UNTIL=20270101", "UTC"),
        ("FREQ=DAILY;FREQ=DAILY", "UTC"),
        ("FREQ=DAILY;BYDAY=1MO", "UTC"),
        ("FREQ=MONTHLY;BYDAY=54MO", "UTC"),
        ("FREQ=MONTHLY;BYDAY=한", "UTC"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "UTC"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "UTC"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "UTC"),
        ("FREQ=MONTHLY;BYMONTH=13", "UTC"),
        ("FREQ=MONTHLY;BYSETPOS=1", "UTC"),
        ("FREQ=DAILY;UNTIL=2026-01-03", "UTC"),
        ("FREQ=DAILY;X=1", "UTC"),
        ("DAILY", "UTC"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "UTC"),
        ("FREQ=DAILY;UNTIL=20250101", "UTC"),
        ("FREQ=DAILY", "Mars/Olympus"),
        ("FREQ=DAILY", "asia/seoul"),
    ] {
        let error = Recurrence::new(rule, start, zone).unwrap_err();
        shown += &format!("{rule}: {error}\n");
    }
    for text in
        ["RRULE:FREQ=DAILY", "DTSTART:20260101T090000", "DTSTART:9\nRRULE:FREQ=DAILY", "X:1"]
    {
        shown += &format!("{text:?}: {}\n", Recurrence::parse_lines(text).unwrap_err());
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn a_rule_that_began_long_ago_is_asked_from_anywhere() {
    let start = date(1970, 1, 1).at(9, 0, 0, 0);
    for (rule, from, want) in [
        ("FREQ=DAILY;INTERVAL=3", "2026-01-10T08:00:00Z", "2026-01-10T09:00:00Z"),
        ("FREQ=WEEKLY;BYDAY=SA", "2026-01-10T09:00:00Z", "2026-01-10T09:00:00Z"),
        ("FREQ=WEEKLY;BYDAY=SA", "2026-01-10T09:00:00.1Z", "2026-01-17T09:00:00Z"),
        ("FREQ=MONTHLY;BYDAY=2TU", "2026-01-10T08:00:00Z", "2026-01-13T09:00:00Z"),
        ("FREQ=YEARLY", "2026-01-10T08:00:00Z", "2027-01-01T09:00:00Z"),
        ("FREQ=DAILY;COUNT=3", "1970-01-02T10:00:00Z", "1970-01-03T09:00:00Z"),
    ] {
        let made = Recurrence::new(rule, start, "UTC").unwrap();
        assert_eq!(made.starts_from(at(from)).next(), Some(at(want)), "{rule}");
    }
}

fn rules() -> impl Strategy<Value = String> {
    let days = prop::sample::subsequence(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 0..4);
    let numbered = prop::sample::subsequence(vec!["1MO", "2TU", "-1FR", "-2SU", "5SA"], 0..3);
    let month_days = prop::sample::subsequence(vec!["1", "15", "29", "31", "-1", "-30"], 0..3);
    let months = prop::sample::subsequence(vec!["2", "3", "6", "10", "11"], 0..4);
    let end =
        prop::sample::select(vec!["", ";COUNT=7", ";UNTIL=20290601", ";UNTIL=20280301T020000Z"]);
    let start = prop::sample::select(vec!["", ";WKST=SU", ";WKST=TH"]);
    (0..4_usize, 1..6_u32, days, numbered, month_days, months, end, start).prop_map(
        |(frequency, interval, days, numbered, month_days, months, end, start)| {
            let name = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][frequency];
            let days = if frequency > 1 { [days, numbered].concat() } else { days };
            let mut text = format!("FREQ={name};INTERVAL={interval}{end}{start}");
            for (key, values) in [
                ("BYDAY", days),
                ("BYMONTHDAY", if frequency == 1 { Vec::new() } else { month_days }),
                ("BYMONTH", months),
            ] {
                if !values.is_empty() {
                    text += &format!(";{key}={}", values.join(","));
                }
            }
            text
        },
    )
}

proptest! {
    #[test]
    fn instants_increase_and_do_not_depend_on_where_one_begins(
        rule in rules(),
        zone in prop::sample::select(vec!["Asia/Seoul", "America/New_York", "Europe/Berlin", "Pacific/Apia"]),
        (month, day, hour, minute) in (1..=12_i8, 1..=28_i8, 0..24_i8, 0..60_i8),
        year in prop::sample::select(vec![1987_i16, 2010, 2026]),
        from in 0..40_usize,
    ) {
        let start = date(year, month, day).at(hour, minute, 0, 0);
        // A combination that names no day at all is refused, which is right.
        let Ok(made) = Recurrence::new(&rule, start, zone) else { return Ok(()) };
        let all: Vec<Timestamp> = made.starts_from(Timestamp::MIN).take(60).collect();
        prop_assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", all);
        prop_assert!(!all.is_empty());
        if let Some(at) = all.get(from) {
            let rest: Vec<Timestamp> = made.starts_from(*at).take(all.len() - from).collect();
            prop_assert_eq!(&rest[..], &all[from..]);
            let just_after = at.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap();
            let next = made.starts_from(just_after).next();
            if let Some(want) = all.get(from + 1) {
                prop_assert_eq!(next, Some(*want));
            }
            prop_assert_eq!(made.next_after(*at), next);
        }
    }

    #[test]
    fn any_rule_is_answered(text in "(FREQ=|DAILY|YEARLY|;|BYDAY=|COUNT=|UNTIL=|[0-9MOTU,-]|\\PC){0,12}") {
        if let Ok(made) = Recurrence::new(&text, date(2026, 1, 1).at(9, 0, 0, 0), "UTC") {
            prop_assert!(made.starts_from(Timestamp::MIN).next().is_some());
        }
        let _ = Recurrence::parse_lines(&text);
    }
}
