//! `printf` and the printing of values, against what Go's `fmt` prints.

use bongsu_lang::gotmpl::{Context, TemplateSet, Value, functions};
use bongsu_model::Timestamp;

fn render(text: &str) -> String {
    TemplateSet::new(functions::alertmanager())
        .render_text(text, &Value::Absent, &Context::at(Timestamp::UNIX_EPOCH))
        .unwrap_or_else(|error| format!("ERROR {error}"))
}

#[track_caller]
fn table(cases: &[(&str, &str)]) {
    for (arguments, want) in cases {
        assert_eq!(render(&format!("{{{{ printf {arguments} }}}}")), *want, "{arguments}");
    }
}

#[test]
fn strings() {
    table(&[
        (
            r#""%s|%10s|%-10s|%.2s|%5.1s|" "abc" "abc" "abc" "héllo" "xyz""#,
            "abc|       abc|abc       |hé|    x|",
        ),
        (r#""%05s" "ab""#, "000ab"),
        (r#""%q" "a\"b\n\x01é""#, r#""a\"b\n\x01é""#),
        (r#""%+q" "é🔥""#, r#""\u00e9\U0001f525""#),
        (r##""%#q %#q" "a\\b" "a`b""##, "`a\\b` \"a`b\""),
        (
            r#""%x %X % x %#x %# x" "hé" "hé" "hé" "hé" "hé""#,
            "68c3a9 68C3A9 68 c3 a9 0x68c3a9 0x68 0xc3 0xa9",
        ),
        (r#""%v %+v" "x" "y""#, "x y"),
        (r##""%#v" "a\"b""##, r#""a\"b""#),
        (r#""%d" "x""#, "%!d(string=x)"),
        (r#""%t" "x""#, "%!t(string=x)"),
        (r#""%z" "x""#, "%!z(string=x)"),
        (r#""%""#, "%!(NOVERB)"),
        (r#""%s""#, "%!s(MISSING)"),
        (r#""%s" "a" "b""#, "a%!(EXTRA string=b)"),
        (r#""x" 1 "b""#, "x%!(EXTRA int=1, string=b)"),
        (r#""%[2]*[1]d|%[1]d" 2 5"#, "    2|2"),
        (r#""%[3]s" "a""#, "%!s(BADINDEX)"),
        (r#""%[x]s" "a""#, "%!s(BADINDEX)"),
        (r#""%*d" "a" 5"#, "%!(BADWIDTH)5"),
        (r#""%.*d" "a" 5"#, "%!(BADPREC)5"),
        (r#""%-*d|" 5 42"#, "42   |"),
        (r#""%*d|" -5 42"#, "42   |"),
        (r#""%T %T %T %T %T" "a" 1 1.5 true (list)"#, "string int float64 bool []interface {}"),
        (r#""%%|%c|%5%""#, "%|%!c(MISSING)|%"),
    ]);
}

#[test]
fn integers() {
    table(&[
        (r#""%d|%5d|%-5d|%05d|%+d|% d" 42 42 42 42 42 42"#, "42|   42|42   |00042|+42| 42"),
        (r#""%d %05d %+d" -42 -42 -42"#, "-42 -0042 -42"),
        (r#""%.3d|%8.3d|%-8.3d|%08.3d" 7 7 7 7"#, "007|     007|007     |     007"),
        (r#""%.0d|" 0"#, "|"),
        (r#""%b %o %O %x %X" 10 10 10 255 255"#, "1010 12 0o12 ff FF"),
        (r##""%#b %#o %#x %#X" 10 10 255 255"##, "0b1010 012 0xff 0XFF"),
        (r#""%c %q %U %#U" 65 65 128293 128293"#, "A 'A' U+1F525 U+1F525 '🔥'"),
        (r#""%q %q" 39 10"#, r"'\'' '\n'"),
        (r#""%s %t %e" 5 5 5"#, "%!s(int=5) %!t(int=5) %!e(int=5)"),
        (r#""%6s|" 5"#, "%!s(int=     5)|"),
        (r#""%v %T" 'a' 'a'"#, "97 int"),
        (r#""%x" -255"#, "-ff"),
        (r#""%#v" 5"#, "5"),
    ]);
}

#[test]
fn floats() {
    table(&[
        (
            r#""%f %.2f %8.3f|%-8.1f|%08.3f|%+.1f" 3.14159 3.14159 3.14159 3.14159 -3.14159 2.5"#,
            "3.141590 3.14    3.142|3.1     |-003.142|+2.5",
        ),
        (r#""%e %.2e %E" 123456.789 123456.789 0.00012"#, "1.234568e+05 1.23e+05 1.200000E-04"),
        (r#""%g %g %g %g" 100000.0 1000000.0 0.0001 0.00001"#, "100000 1e+06 0.0001 1e-05"),
        (r#""%g %.3g %.10g" 1234567.0 1234567.0 1234567.0"#, "1.234567e+06 1.23e+06 1234567"),
        (r#""%v %v %v %v" 1.0 1e3 1e21 1.5e-7"#, "1 1000 1e+21 1.5e-07"),
        (r#""%6.2f%%" 12.345"#, " 12.35%"),
        (r#""%.0f %.0f %.0f" 0.5 1.5 2.5"#, "0 2 2"),
        (r##""%#.0f %#g" 1.0 1.0"##, "1. 1.00000"),
        (r#""%d %s" 1.5 1.5"#, "%!d(float64=1.5) %!s(float64=1.5)"),
        (r#""%x %X %b" 1.0 0.5 1.0"#, "0x1p+00 0X1P-01 4503599627370496p-52"),
        (r#""%5t|%v" true false"#, " true|false"),
        (r#""%v %.1f" 1i 2i"#, "(0+1i) (0.0+2.0i)"),
    ]);
}

#[test]
fn compounds() {
    table(&[
        (r#""%v %s %d" (list 1 "a" true) (list "a" "b") (list 1 2)"#, "[1 a true] [a b] [1 2]"),
        (r#""%q" (stringSlice "a" "b c")"#, r#"["a" "b c"]"#),
        (r##""%#v" (stringSlice "a" "b")"##, r#"[]string{"a", "b"}"#),
        (r##""%#v" (dict "a" 1)"##, r#"map[string]interface {}{"a":1}"#),
        (r#""%v %T" (dict "b" 1 "a" (list)) (dict)"#, "map[a:[] b:1] map[string]interface {}"),
        (r#""%s" (list 1 "a")"#, "[%!s(int=1) a]"),
        (r#""%3d|" (list 1 2)"#, "[  1   2]|"),
        (r#""%v" nil"#, "<nil>"),
        (r#""%s %d %T" nil nil nil"#, "%!s(<nil>) %!d(<nil>) <nil>"),
        (r#""%v" (list nil)"#, "[<nil>]"),
    ]);
}

#[test]
fn times() {
    let set = TemplateSet::new(functions::alertmanager());
    let context = Context::at(Timestamp::from_second(1_709_633_730).unwrap());
    for (text, want) in [
        ("{{ now }}", "2024-03-05 10:15:30 +0000 UTC"),
        ("{{ now | printf \"%s|%v\" 1 }}", "%!s(int=1)|2024-03-05 10:15:30 +0000 UTC"),
        (
            "{{ now.Month }} {{ now.Weekday }} {{ printf \"%d %d\" now.Month now.Weekday }}",
            "March Tuesday 3 2",
        ),
        ("{{ eq now.Month 3 }}", "true"),
        (
            "{{ now.Year }}-{{ now.YearDay }} {{ now.Unix }} {{ now.UnixMilli }}",
            "2024-65 1709633730 1709633730000",
        ),
        ("{{ (now.Add 28800e9).Format \"15:04\" }}", "18:15"),
        ("{{ (now.Add -90000000000).Format \"15:04:05\" }}", "10:14:00"),
        (
            "{{ (now.Truncate 3600000000000).Format \"15:04:05\" }} {{ (now.Round 3600000000000).Format \"15:04\" }}",
            "10:00:00 10:00",
        ),
        ("{{ now.Sub (toDate \"2006-01-02\" \"2024-03-05\") }}", "10h15m30s"),
        ("{{ (now.Sub (toDate \"2006-01-02\" \"2024-03-05\")).Hours }}", "10.258333333333333"),
        ("{{ (now.Sub (toDate \"2006-01-02\" \"2024-03-05\")).Minutes }}", "615.5"),
        ("{{ ((now.Sub (toDate \"2006-01-02\" \"2024-03-05\")).Round 3600000000000) }}", "10h0m0s"),
        ("{{ since (toDate \"2006-01-02\" \"2024-03-05\") | humanizeDuration }}", "10h 15m 30s"),
        (
            "{{ (tz \"Asia/Seoul\" now).Format \"2006-01-02T15:04:05Z07:00 MST\" }}",
            "2024-03-05T19:15:30+09:00 KST",
        ),
        ("{{ (tz \"America/New_York\" now).Location }}", "America/New_York"),
        ("{{ (now.In (tz \"Asia/Seoul\" now).Location).Hour }}", "19"),
        ("{{ (now.AddDate 0 -1 26).Format \"2006-01-02\" }}", "2024-03-02"),
        ("{{ (toDate \"2006-01-02\" \"x\").IsZero }}", "true"),
        ("{{ now | toJson }} {{ since now | toJson }}", "\"2024-03-05T10:15:30Z\" 0"),
        ("{{ now.Sub (toDate \"2006\" \"x\") }}", "2562047h47m16.854775807s"),
        ("{{ printf \"%q %x\" now.Month now.Month }}", "\"March\" 4d61726368"),
        ("{{ list now.Month now.Weekday }}", "[March Tuesday]"),
        ("{{ print now.Month 5 }}", "March 5"),
        ("{{ humanizeDuration now.Hour }}", "10s"),
    ] {
        let got = set
            .render_text(text, &Value::Absent, &context)
            .unwrap_or_else(|error| error.to_string());
        assert_eq!(got, want, "{text}");
    }
}

#[test]
fn print_puts_spaces_only_between_non_strings() {
    for (text, want) in [
        ("{{ print 1 2 \"a\" \"b\" 3 4.5 }}", "1 2ab3 4.5"),
        ("{{ print \"a\" 1 2 \"b\" }}", "a1 2b"),
        ("{{ println 1 \"a\" nil }}", "1 a <nil>\n"),
        ("{{ print }}|{{ println }}", "|\n"),
        ("{{ print nil }}", "<nil>"),
    ] {
        assert_eq!(render(text), want, "{text}");
    }
}
