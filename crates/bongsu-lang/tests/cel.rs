//! What expressions mean, what they may cost, and what is said about wrong ones.

#![allow(clippy::unwrap_used, reason = "a test")]

use bongsu_lang::cel::{MAX_LENGTH, Program, Stopped};
use proptest::prelude::*;
use serde_json::{Value, json};

fn alert() -> Value {
    json!({
        "name": "CPU high", "status": "firing", "severity": "high", "service": null,
        "source": ["prometheus", "grafana"], "lastReceived": "2026-01-10T08:00:00.000Z",
        "labels": {"pod": "api-1", "n": 3, "s": "3", "app.io/name": "x"}, "tags": {"a": "b"},
        "flag": true, "deleted": false, "strnum": "7", "num": 7, "ratio": 0.5, "zero": 0,
        "empty": "", "no": "false", "list": [1, "2", null], "previous": "2026-01-10T09:00:00+02:00",
    })
}

#[test]
fn decides() {
    let alert = alert();
    for (result, texts) in [
        (
            Some(true),
            &[
                // Severity by rank.
                "severity == 'high'",
                "severity == 'HIGH'",
                "severity > 'warning'",
                "severity < 'Critical'",
                "'info' > 'a' && severity >= 4",
                "severity in ['critical', 'High']",
                "severity in [4]",
                "severity != 'error'",
                "!(severity > 'error')",
                "alert.severity == 'high'",
                "['low', 'HIGH'].exists(s, severity == s)",
                "!(severity in ['critical'])",
                // Lists by containment.
                "source == 'grafana'",
                "source != 'datadog'",
                "'grafana' in source",
                "source.contains('grafana')",
                "source in ['datadog', 'grafana']",
                "list == 2",
                "source.startsWith('graf')",
                "source.matches('^prom')",
                "source == ['prometheus', 'grafana']",
                // Null.
                "nope == null",
                "service == null",
                "labels.nope.deeper == null",
                "null == null",
                "name != null",
                "name in ['x', 'CPU high']",
                "nope in ['x', null]",
                "nope == 'x' || flag",
                "!nope",
                "!has(nope)",
                "has(service)",
                "has(alert.labels.pod)",
                "has(labels.`app.io/name`)",
                "labels.`app.io/name` == 'x'",
                "name != 'é\\u0000\\x07\\n'",
                // Text.
                "name.contains('CPU')",
                "name.startsWith('CPU')",
                "name.endsWith('high')",
                "name.matches('CPU.*')",
                "matches(name, 'h.gh$')",
                "size(name) == 8",
                "name.size() > 3",
                "name.lowerAscii() == 'cpu high'",
                "name + '!' == 'CPU high!'",
                "labels['app.io/name'] == 'x'",
                "labels[\"pod\"] == 'api-1'",
                "r'\\d' == '\\\\d'",
                // Numbers.
                "labels.s == 3",
                "3 == labels.s",
                "strnum > 5",
                "num == '7'",
                "num == 7.0",
                "ratio < 1",
                "num % 2 == 1 && num / 2 == 3 && -num < 0 && num * 2 - 1 == 13",
                "int('12') + 1 == 13",
                "9007199254740993 > 9007199254740992.0",
                "strnum.contains(7)",
                "num.contains('7')",
                "num.matches('^7')",
                // Conditions.
                "flag",
                "name",
                "num",
                "!deleted",
                "!zero",
                "!empty",
                "!no",
                "source",
                "flag == true",
                "flag ? num > 5 : nope",
                "!service",
                // Dates.
                "lastReceived > '2026-01-01'",
                "lastReceived > '2026-01-10 07:59:59'",
                "lastReceived > previous",
                "previous == '2026-01-10T07:00:00Z'",
                "timestamp(lastReceived) - timestamp(previous) == duration('1h')",
                "timestamp(lastReceived) < timestamp('2026-01-10T08:00:01Z')",
                // Macros.
                "source.all(s, s.size() > 6)",
                "labels.exists(k, k == 'pod')",
                "source.exists_one(s, s == 'grafana')",
                "source.filter(s, s != 'grafana') == ['prometheus']",
                "source.map(s, s.size()) == [10, 7]",
                "source.map(s, s == 'grafana', s) == ['grafana']",
                "list.filter(x, x != null).size() == 2",
                "{'a': 1}.a == 1",
                "tags == {'a': 'b'}",
                "source[1] == 'grafana'",
                "'pod' in labels",
                "source.exists(alert, alert == 'grafana')",
            ][..],
        ),
        (
            Some(false),
            &[
                "severity > 'error'",
                "severity == 'error'",
                "severity < 'high'",
                "severity in []",
                "severity == 9",
                "source == 'graf'",
                "source.contains('graf')",
                "source != 'grafana'",
                "name.contains('cpu')",
                "name == 'cpu high'",
                "has(labels.nope)",
                "has(nope.x)",
                "service != null",
                "nope",
                "service",
                "name == 3",
                "num == 'x'",
                "flag == 'true'",
                "nope == 'x' && deleted",
                "list == 4",
                "flag == 1",
            ][..],
        ),
        (
            None,
            &[
                "null",
                "!null",
                "nope == 'x'",
                "nope != 'x'",
                "!(nope == 'x')",
                "service == ''",
                "service > 1",
                "name > 3",
                "source > 'a'",
                "nope in ['x']",
                "severity > null",
                "labels.nope.contains('x')",
                "nope == 'x' && flag",
                "nope == 'x' || deleted",
                "1 / 0",
                "9223372036854775807 + 1",
                "nope.exists(x, x)",
                "ratio.contains('5')",
                "labels.contains('pod')",
                "nope + 1 > 0",
                "nope > 1 ? true : true",
                "-nope",
                "timestamp('x') > lastReceived",
                "source[7] == 'x'",
                "source[-1] == 'x'",
                "int('x')",
                "strnum + 1 == 8",
            ][..],
        ),
    ] {
        for text in texts {
            let program = Program::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            let verdict = program.matches(&alert);
            assert_eq!(verdict.result(), Ok(result), "{text}");
            assert_eq!(verdict.matched(), result == Some(true), "{text}");
            // What explanations print is the same expression.
            for reason in verdict.explain().reasons {
                let again = Program::parse(&reason.expression)
                    .unwrap_or_else(|e| panic!("{}: {e}", reason.expression));
                assert_eq!(again.matches(&alert).result(), Ok(reason.result), "{text}");
            }
        }
    }
}

#[test]
fn refuses() {
    for (text, error, help) in [
        ("", "1:1: mismatched input '<EOF>' expecting expression", None),
        ("name ==", "1:8: mismatched input '<EOF>' expecting expression", None),
        ("name = 'x'", "1:6: mismatched input '=' expecting <EOF>", None),
        ("a\n && 'é' == § ", "2:12: unexpected character", None),
        ("name == 'x", "1:9: unterminated string literal", None),
        ("has(a) && has(b) && c &", "1:23: unexpected single '&', expected '&&'", None),
        ("has(a) && has(b) && c )", "1:23: mismatched input ')' expecting <EOF>", None),
        (
            "flag && name.contain('x')",
            "1:14: there is no function contain",
            Some("did you mean contains?"),
        ),
        (
            "name.startswith('x')",
            "1:6: there is no function startswith",
            Some("did you mean startsWith?"),
        ),
        ("frobnicate(name)", "1:1: there is no function frobnicate", None),
        (
            "contains(name, 'x')",
            "1:1: contains is not called like this",
            Some("write x.contains(y)"),
        ),
        ("name.size(1)", "1:6: size is not called like this", Some("write size(x)")),
        ("has(a.b, c)", "1:1: has is not called like this", Some("write has(labels.key)")),
        (
            "source.exists(s)",
            "1:8: exists is not called like this",
            Some("write list.exists(x, condition on x)"),
        ),
        ("name.matches('(')", "1:6: not a regular expression: unclosed group", None),
        (
            "name.matches(a)",
            "1:6: the regular expression of matches must be written out",
            Some("put the pattern in quotes"),
        ),
        ("name == b'x'", "1:1: alerts hold text, no bytes", None),
        ("Alert{a: 1}", "1:1: there is no type Alert", None),
    ] {
        let refused = Program::parse(text).unwrap_err();
        assert_eq!(
            (refused.to_string().as_str(), refused.help.as_deref()),
            (error, help),
            "{text}"
        );
    }
    let refused = Program::parse("name.matches('(x{1000}){1000}')").unwrap_err();
    assert!(refused.message.contains("size limit"), "{refused}");
    let finding = refused.diagnostic("trigger", "name.matches('(x{1000}){1000}')");
    assert!(finding.render().starts_with("error[BS1601]"), "{}", finding.render());
}

#[test]
fn bounds_what_is_written() {
    let deep =
        |open: &str, close: &str, n: usize| format!("{}a{}", open.repeat(n), close.repeat(n));
    for (text, message) in [
        (format!("'{}'", "x".repeat(MAX_LENGTH)), "bytes"),
        (deep("(", ")", 40), "deep"),
        (deep("[", "]", 40), "deep"),
        (deep("f(", ")", 4000), "bytes"),
        (deep("f(", ")", 2000), "deep"),
        ("-!".repeat(500) + "a", "deep"),
        ("-!".repeat(2000) + "a", "operators"),
        ("1+".repeat(1400) + "1", "deep"),
        ("a".to_owned() + &".b()".repeat(400), "no function"),
        ("a".to_owned() + &".size()".repeat(200), "deep"),
        ("a?b:".repeat(1000) + "c", "deep"),
        ("a.matches('x') || ".repeat(20) + "b", "regular expressions"),
        ("[1].map(x,".repeat(30) + "1" + &")".repeat(30), ""),
    ] {
        match Program::parse(&text) {
            Ok(_) => assert_eq!(message, "", "{text}"),
            Err(error) => {
                assert!(!message.is_empty() && error.message.contains(message), "{error}: {text}");
            }
        }
    }
    let many: Vec<String> = (0..300).map(|n| format!("labels.a == 'x{n}'")).collect();
    Program::parse(&many.join(" || ")).unwrap();
}

#[test]
fn bounds_what_is_run() {
    let alert = json!({"l": (0..200).collect::<Vec<u32>>(), "t": "x".repeat(1 << 20)});
    for text in [
        "l.all(a, l.all(b, l.all(c, a + b + c >= 0)))",
        "l.all(a, t.contains('y') || true)",
        "l.all(a, t == t)",
        "l.map(a, l).map(a, l.map(b, a)).size() == 0",
        "l.all(a, (t + t + t + t).size() > 0)",
    ] {
        let program = Program::parse(text).unwrap();
        assert_eq!(program.matches(&alert).result(), Err(Stopped), "{text}");
        assert!(!program.matches(&alert).matched());
        program.matches(&alert).explain();
    }
    // Small while it is shared, endless when written out.
    let text = "[1]".to_owned() + &".map(x, [x, x])".repeat(12) + ".map(x, [x, x, x])";
    let program = Program::parse(&text).unwrap();
    assert!(program.value(&alert).unwrap().to_string().len() < 100_000);
}

#[test]
fn explains() {
    let alert = alert();
    for (text, reasons) in [
        ("name == 'x' && flag", vec!["name == \"x\": false [name=\"CPU high\"]"]),
        (
            "(flag || nope) && severity >= 'high'",
            vec!["flag: true [flag=true]", "severity >= \"high\": true [severity=\"high\"]"],
        ),
        ("!(labels.team == 'a')", vec!["labels.team == \"a\": null [labels.team=null]"]),
        ("flag ? num > 9 : name == ''", vec!["flag: true [flag=true]", "num > 9: false [num=7]"]),
        ("true", vec!["true: true []"]),
        (
            "source.exists(s, s == name)",
            vec![
                "source.exists(s, s == name): false \
                 [source=[\"prometheus\",\"grafana\"], name=\"CPU high\"]",
            ],
        ),
    ] {
        let program = Program::parse(text).unwrap();
        let shown: Vec<String> = program
            .matches(&alert)
            .explain()
            .reasons
            .iter()
            .map(|reason| {
                let values: Vec<String> =
                    reason.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let result = reason.result.map_or("null".to_owned(), |b| b.to_string());
                format!("{}: {result} [{}]", reason.expression, values.join(", "))
            })
            .collect();
        assert_eq!(shown, reasons, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_panics(text in "\\PC{0,60}") {
        run(&text);
    }

    #[test]
    fn never_panics_on_tokens(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..24)) {
        run(&tokens.concat());
        run(&tokens.join(" "));
    }
}

const TOKENS: &[&str] = &[
    "name",
    "severity",
    "alert",
    "labels",
    "source",
    ".",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    " in ",
    "has",
    "size",
    "contains",
    "matches",
    "all",
    "exists",
    "map",
    "filter",
    "x",
    "'a'",
    "'é",
    "\"",
    "r'\\",
    "b'x'",
    "1",
    "1.5",
    "9223372036854775808",
    "0x",
    "1u",
    "null",
    "true",
    "`",
    "//",
    "\n",
    "timestamp",
    "duration",
    "§",
];

fn run(text: &str) {
    if let Ok(program) = Program::parse(text) {
        let alert = alert();
        program.matches(&alert).explain();
        let _ = program.value(&alert);
    }
}
