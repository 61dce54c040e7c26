//! What is accepted and how it prints; what is refused and how that reads.

use proptest::prelude::*;

use super::*;
use crate::pretty;

/// Text and its canonical form.
const ACCEPTED: &[(&str, &str)] = &[
    ("1", "1"),
    ("-1", "-1"),
    ("+1", "1"),
    ("0x1F", "31"),
    ("1_000_000", "1000000"),
    ("1e3", "1000"),
    (".5", "0.5"),
    ("5.", "5"),
    ("iNf", "+Inf"),
    ("-Inf", "-Inf"),
    ("NaN", "NaN"),
    ("5m", "5m"),
    ("-90s", "-1m30s"),
    ("1 + 2 * 3", "1 + 2 * 3"),
    ("-1^2", "-1 ^ 2"),
    ("2^-1", "2 ^ -1"),
    ("a^b^c", "a ^ b ^ c"),
    ("--a", "--a"),
    ("'a\"b'", "\"a\\\"b\""),
    ("`a\\n`", "\"a\\\\n\""),
    ("foo{}", "foo"),
    ("foo{b='2',a=~\"1.*\",}", "foo{a=~\"1.*\",b=\"2\"}"),
    ("{\"my.metric\", \"label.x\"=\"y\"}", "{\"label.x\"=\"y\",__name__=\"my.metric\"}"),
    ("{__name__=\"a\"}", "{__name__=\"a\"}"),
    ("foo:bar:baz", "foo:bar:baz"),
    ("sum + avg{by='x'}", "sum + avg{by=\"x\"}"),
    ("and and or or unless", "and and or or unless"),
    ("by / offset offset 5m", "by / offset offset 5m"),
    ("start + end + step", "start + end + step"),
    ("foo # bar\n+ 1", "foo + 1"),
    ("foo offset -5m", "foo offset -5m"),
    ("foo offset 100 + 2", "foo offset 1m40s + 2"),
    ("foo offset 0s offset 5m", "foo offset 5m"),
    ("foo @ 123.4567", "foo @ 123.457"),
    ("foo @ -1 offset 5m", "foo @ -1.000 offset 5m"),
    ("foo[5m] offset 1h @ start()", "foo[5m] @ start() offset 1h"),
    ("foo[300]", "foo[5m]"),
    ("sum(a)[5m:]", "sum(a)[5m:]"),
    ("(a + b)[5m:30s] @ end()", "(a + b)[5m:30s] @ end()"),
    ("sum(a) by (b, \"c d\",)", "sum by (b, \"c d\") (a)"),
    ("sum by () (a)", "sum(a)"),
    ("sum without () (a)", "sum without () (a)"),
    ("SUM BY (on, without_) (a)", "sum by (on, without_) (a)"),
    ("topk(5, a) without (bool)", "topk without (bool) (5, a)"),
    ("count_values('v', a)", "count_values(\"v\", a)"),
    ("a == bool 1", "a == bool 1"),
    ("a * on () b", "a * on () b"),
    ("a * ignoring () b", "a * b"),
    ("a * on(x) group_left b", "a * on (x) group_left () b"),
    ("a / ignoring(x) group_right(y) b", "a / ignoring (x) group_right (y) b"),
    ("a AND ON(x) b UNLESS c", "a and on (x) b unless c"),
    ("a atan2 b * c", "a atan2 b * c"),
    ("time()", "time()"),
    ("round(a)", "round(a)"),
    ("label_join(a, 'x', '')", "label_join(a, \"x\", \"\")"),
    ("days_in_month()", "days_in_month()"),
];

#[test]
fn prints_canonically() {
    for (text, want) in ACCEPTED {
        let expr = parse(text).unwrap_or_else(|e| panic!("{text}: {}", e[0].render(text)));
        assert_eq!(expr.to_string(), *want, "{text}");
        let again = parse(want).unwrap_or_else(|e| panic!("{want}: {}", e[0].render(want)));
        assert_eq!(again.to_string(), *want, "{text} printed");
        assert_eq!(expr.span.start, 0, "{text}");
        // A comment may follow, nothing else.
        assert!(expr.span.end as usize == text.len(), "{text}: {:?}", expr.span);
    }
}

/// Text and the mistakes in it.
const REFUSED: &[(&str, &[&str])] = &[
    ("", &["1:1: parse error: no expression found in input"]),
    ("# nothing", &["1:1: parse error: no expression found in input"]),
    ("1 +", &["1:4: parse error: unexpected end of input"]),
    ("*1", &["1:1: parse error: unexpected <op:*>"]),
    ("foo bar", &["1:5: parse error: unexpected identifier \"bar\""]),
    ("foo\n  bar", &["2:3: parse error: unexpected identifier \"bar\""]),
    ("(1", &["1:3: parse error: unclosed left parenthesis"]),
    ("1)", &["1:2: parse error: unexpected right parenthesis ')'"]),
    ("a ! b", &["1:3: parse error: unexpected character after '!': ' '"]),
    ("a =~ b", &["1:3: parse error: unexpected character after '=': '~'"]),
    ("§", &["1:1: parse error: unexpected character: '§'"]),
    ("'a", &["1:1: parse error: unterminated quoted string"]),
    ("'\\z'", &["1:1: parse error: unknown escape sequence U+007A 'z'"]),
    ("foo{", &["1:5: parse error: unexpected end of input inside braces"]),
    (
        "foo{a}",
        &["1:6: parse error: unexpected \"}\" in label matching, expected label matching operator"],
    ),
    ("foo{a=}", &["1:7: parse error: unexpected \"}\" in label matching, expected string"]),
    (
        "foo{,}",
        &["1:5: parse error: unexpected \",\" in label matching, expected identifier or \"}\""],
    ),
    (
        "foo{a='1' b='2'}",
        &[
            "1:11: parse error: unexpected identifier \"b\" in label matching, expected \",\" or \"}\"",
        ],
    ),
    ("foo{a=~'['}", &["1:5: parse error: error parsing regexp: missing closing ]: `[)$`"]),
    ("{}", &["1:1: parse error: vector selector must contain at least one non-empty matcher"]),
    (
        "{a=~'.*'}",
        &["1:1: parse error: vector selector must contain at least one non-empty matcher"],
    ),
    (
        "foo{__name__='bar'}",
        &["1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""],
    ),
    (
        "foo[]",
        &[
            "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number or duration",
        ],
    ),
    ("foo[5m", &["1:7: parse error: unexpected end of input in duration expression"]),
    ("foo[0m]", &["1:5: parse error: duration must be greater than 0"]),
    ("foo[5mm]", &["1:5: parse error: bad number or duration syntax: \"5mm\""]),
    ("foo[1m1h]", &["1:5: parse error: not a valid duration string: \"1m1h\""]),
    ("sum(a)[5m]", &["1:7: parse error: ranges only allowed for vector selectors"]),
    ("a offset 5m [5m]", &["1:13: parse error: no offset modifiers allowed before range"]),
    ("a @ 5 [5m]", &["1:7: parse error: no @ modifiers allowed before range"]),
    ("a[5m:1m:]", &["1:8: parse error: unexpected repeated colon in duration expression"]),
    (
        "a[5m 1m]",
        &[
            "1:6: parse error: unexpected duration \"1m\" in subquery or range, expected \":\" or \"]\"",
        ],
    ),
    (
        "1 offset 5m",
        &[
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
        ],
    ),
    ("a offset 5m offset 5m", &["1:1: parse error: offset may not be set multiple times"]),
    (
        "a offset b",
        &["1:10: parse error: unexpected identifier \"b\" in offset, expected number or duration"],
    ),
    ("a @ start() @ 5", &["1:1: parse error: @ <timestamp> may not be set multiple times"]),
    ("a @ Inf", &["1:1: parse error: timestamp out of bounds for @ modifier: +Inf"]),
    ("a @ b", &["1:5: parse error: unexpected identifier \"b\" in @, expected timestamp"]),
    (
        "1e400",
        &[
            "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e400\": value out of range",
        ],
    ),
    ("abs()", &["1:1: parse error: expected 1 argument(s) in call to \"abs\", got 0"]),
    ("clamp(a)", &["1:1: parse error: expected 3 argument(s) in call to \"clamp\", got 1"]),
    (
        "round(a, 1, 2)",
        &["1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"],
    ),
    (
        "label_join(a, 'b')",
        &["1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 2"],
    ),
    ("abs(a,)", &["1:6: parse error: trailing commas not allowed in function call args"]),
    (
        "abs(a[5m])",
        &[
            "1:5: parse error: expected type instant vector in call to function \"abs\", got range vector",
        ],
    ),
    (
        "rate(a)",
        &[
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ],
    ),
    ("sum()", &["1:1: parse error: no arguments for aggregate expression provided"]),
    (
        "topk(a)",
        &[
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
        ],
    ),
    (
        "topk('a', b)",
        &["1:6: parse error: expected type scalar in aggregation parameter, got string"],
    ),
    (
        "sum(1)",
        &["1:5: parse error: expected type instant vector in aggregation expression, got scalar"],
    ),
    (
        "sum by (a b) (c)",
        &[
            "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\"",
        ],
    ),
    (
        "sum by a (c)",
        &["1:8: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\""],
    ),
    ("sum by (a) c", &["1:12: parse error: unexpected identifier \"c\" in aggregation"]),
    ("1 == 1", &["1:3: parse error: comparisons between scalars must use BOOL modifier"]),
    ("a + bool b", &["1:3: parse error: bool modifier can only be used on comparison operators"]),
    (
        "a + 'b'",
        &["1:5: parse error: binary expression must contain only scalar and instant vector types"],
    ),
    ("1 + on (a) b", &["1:1: parse error: vector matching only allowed between instant vectors"]),
    (
        "1 and b",
        &["1:1: parse error: set operator \"and\" not allowed in binary scalar expression"],
    ),
    ("a and on (b) group_left c", &["1:1: parse error: no grouping allowed for \"and\" operation"]),
    (
        "a * on (b) group_left (b) c",
        &["1:3: parse error: label \"b\" must not occur in ON and GROUP clause at once"],
    ),
    (
        "-'a'",
        &[
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
        ],
    ),
    (
        "1[5m:]",
        &["1:1: parse error: subquery is only allowed on instant vector, got scalar instead"],
    ),
    ("mad_over_time(a[5m])", &["1:1: parse error: function \"mad_over_time\" is not enabled"]),
    (
        "limitk(1, a)",
        &[
            "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
        ],
    ),
    ("a[5m*2]", &["1:3: parse error: experimental duration expression is not enabled"]),
    ("abs('a\\xc5')", &["1:5: parse error: invalid UTF-8 in string: \"a\\xc5\""]),
    ("count_values('a\\xc5z', b)", &["1:14: parse error: invalid label name \"a\\xc5z\""]),
    // Several at once.
    (
        "foo(a{b=}, sum(c d), *)",
        &[
            "1:1: parse error: unknown function with name \"foo\"",
            "1:9: parse error: unexpected \"}\" in label matching, expected string",
            "1:18: parse error: unexpected identifier \"d\"",
            "1:22: parse error: unexpected <op:*>",
        ],
    ),
    (
        "abs(1) + rate(b)",
        &[
            "1:5: parse error: expected type instant vector in call to function \"abs\", got scalar",
            "1:15: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ],
    ),
];

#[test]
fn refuses_in_prometheus_words() {
    for (text, want) in REFUSED {
        let errors = parse(text).expect_err(text);
        let got: Vec<String> = errors.iter().map(|error| error.render(text)).collect();
        assert_eq!(got, *want, "{text}");
    }
}

/// Text and canonical form with everything switched on.
const EXPERIMENTAL: &[(&str, &str)] = &[
    ("a[5m*2]", "a[5m * 2]"),
    ("a[-5m+35m]", "a[-5m + 35m]"),
    ("a[(5m)]", "a[5m]"),
    ("a[step()+1m:min(step(),1m)]", "a[step() + 1m:min(step(), 1m)]"),
    ("a offset (-2 * 2)", "a offset (-2 * 2)"),
    ("a offset -(2 ^ 2)", "a offset -(2 ^ 2)"),
    ("a offset -2 * 2", "a offset -2s * 2"),
    ("a offset step() * 2", "a offset step() * 2"),
    ("info(a, {b='c'})", "info(a, {b=\"c\"})"),
    ("info(a, {})", "info(a, {})"),
    ("limit_ratio(0.5, a)", "limit_ratio(0.5, a)"),
    ("sort_by_label(a, 'b', 'c')", "sort_by_label(a, \"b\", \"c\")"),
];

#[test]
fn prints_experimental_forms() {
    for (text, want) in EXPERIMENTAL {
        let parse = |text: &str| {
            parse_with(text, &Features::all())
                .unwrap_or_else(|e| panic!("{text}: {}", e[0].render(text)))
        };
        assert_eq!(parse(text).to_string(), *want, "{text}");
        assert_eq!(parse(want).to_string(), *want, "{text} printed");
    }
}

#[test]
fn lengths_are_computed_with_the_step() {
    let cases = [
        ("a[5m*2]", Ok(600_000)),
        ("a[(1h30m % 1h) / 3]", Ok(600_000)),
        ("a[step() + 1m]", Ok(75_000)),
        ("a[max(step(), 1m) - min(step(), 1m)]", Ok(45_000)),
        ("a[step() - 1m]", Err("duration must be greater than 0".to_owned())),
        ("a[1m / (step() - 15)]", Err("division by zero".to_owned())),
    ];
    for (text, want) in cases {
        let Ok(Expr { kind: ExprKind::Matrix { range, .. }, .. }) =
            parse_with(text, &Features::all())
        else {
            panic!("{text}");
        };
        assert_eq!(range.milliseconds(15_000, true), want, "{text}");
    }
}

#[test]
fn depth_and_size_are_limited() {
    let deep = MAX_DEPTH as usize - 1;
    let too_deep =
        ["(".repeat(100_000), "-".repeat(100_000), "a+".repeat(50_000), "a^".repeat(50_000)];
    for text in &too_deep {
        let errors = parse(text).expect_err("too deep");
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
    let message = |text: &str| parse(text).expect_err("too large")[0].message.clone();
    assert_eq!(message(&too_deep[1]), "expression is nested too deeply");
    assert_eq!(message(&"a".repeat(MAX_TEXT + 1)), "expression is longer than 131072 bytes");
    let wide = format!("label_join(a{})", ",''".repeat(MAX_NODES as usize));
    assert_eq!(message(&wide), "expression has too many parts");
    // Everything that goes through the deepest tree fits a thread's stack.
    for text in [
        format!("{}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("{}a", "a + ".repeat(deep)),
        format!("{}a", "a ^ ".repeat(deep)),
        format!("{}a", "-".repeat(deep)),
        format!("{}a{}", "abs(".repeat(deep), ")".repeat(deep)),
    ] {
        let expr = parse(&text).unwrap_or_else(|e| panic!("{}", e[0].render(&text)));
        assert_eq!(expr.to_string(), text);
        let mut count = 0;
        expr.walk(&mut |_| count += 1);
        assert!(count > deep);
        assert_eq!(parse(&pretty(&expr)).map(|again| again.to_string()), Ok(text));
        crate::flow::flow(&expr);
        assert!(crate::json::tree(&expr).is_object());
        drop(expr.clone());
    }
}

#[test]
fn reads_selectors() {
    let matchers = parse_selector("foo{a=\"b\"}").expect("a selector");
    let shown: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["a=\"b\"", "__name__=\"foo\""]);
    for wrong in ["foo[5m]", "foo + 1", "{}", ""] {
        assert!(parse_selector(wrong).is_err(), "{wrong}");
    }
}

/// Pieces from which random sequences often are expressions.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b_total",
        "{c=\"d\"}",
        "{\"x y\"=~\"z\"}",
        "1",
        "5m",
        "-",
        "+",
        "*",
        "^",
        "/",
        "==",
        "bool",
        "and",
        "or",
        "unless",
        "on",
        "ignoring",
        "group_left",
        "(x)",
        "(",
        ")",
        "(",
        ")",
        "[5m]",
        "[5m:]",
        "[1h:step()]",
        "[2*(3m-1s)]",
        "offset",
        "@",
        "start()",
        "end()",
        "0.5",
        "rate(",
        "sum(",
        "sum",
        "by",
        "without",
        "abs(",
        "topk(1,",
        "'s'",
        ",",
        "time()",
        "vector(",
        "NaN",
        "0x1f",
        "#c\n",
        "min",
        "step",
        "§",
        "{",
        "}",
        "[",
        "]",
        "\"",
    ])
}

proptest! {
    /// Nothing panics, and what is accepted prints to what reads and prints the same.
    #[test]
    fn printed_reads_the_same(pieces in prop::collection::vec(piece(), 1..14)) {
        let text = pieces.join(" ");
        let features = Features::all();
        if let Ok(expr) = parse_with(&text, &features) {
            let printed = expr.to_string();
            for form in [&printed, &pretty(&expr)] {
                let again = parse_with(form, &features).map(|again| again.to_string());
                prop_assert_eq!(again.as_ref(), Ok(&printed), "{}", text);
            }
            crate::flow::flow(&expr);
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,40}") {
        let _ = parse_with(&text, &Features::all());
    }
}
