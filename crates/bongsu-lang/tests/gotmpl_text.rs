//! The template language: actions, functions, errors, limits.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use bongsu_lang::gotmpl::{Context, Limits, TemplateSet, Value, check_syntax, functions};
use bongsu_model::Timestamp;
use proptest::prelude::*;

fn set() -> TemplateSet {
    TemplateSet::new(functions::alertmanager())
}

fn data() -> Value {
    Value::map([
        ("s", Value::from("text")),
        ("n", Value::int(7)),
        ("l", Value::strings(["a", "b", "c"])),
        ("m", Value::map([("x", Value::from("X")), ("y", Value::int(2))])),
        ("nil", Value::Nil),
    ])
}

fn context() -> Context {
    Context::at(Timestamp::UNIX_EPOCH)
}

fn render(text: &str) -> String {
    set().render_text(text, &data(), &context()).unwrap_or_else(|error| format!("ERROR {error}"))
}

#[track_caller]
fn table(cases: &[(&str, &str)]) {
    for (text, want) in cases {
        assert_eq!(render(text), *want, "{text}");
    }
}

#[track_caller]
fn errors(cases: &[(&str, &str)]) {
    for (text, part) in cases {
        let got = render(text);
        assert!(got.starts_with("ERROR") && got.contains(part), "{text}: {got}");
    }
}

#[test]
fn control_flow() {
    table(&[
        ("{{if .s}}a{{else}}b{{end}}{{if .zz}}a{{else if .n}}c{{else}}d{{end}}", "ac"),
        ("{{with .m}}{{.x}}{{end}}{{with .zz}}a{{else with .s}}{{.}}{{end}}", "Xtext"),
        ("{{range .l}}{{.}}{{end}} {{range $i, $e := .l}}{{$i}}{{$e}}{{end}}", "abc 0a1b2c"),
        ("{{range $k, $v := .m}}{{$k}}={{$v}};{{end}}", "x=X;y=2;"),
        (
            "{{range 3}}{{.}}{{end}}{{range $i := 2}}{{$i}}{{end}}{{range 0}}x{{else}}none{{end}}",
            "01201none",
        ),
        ("{{range .l}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac"),
        (
            "{{range .l}}{{range $.l}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}|{{end}}",
            "a|a|a|",
        ),
        ("{{$x := 1}}{{range .l}}{{$x = .}}{{end}}{{$x}}", "c"),
        ("{{$i := 0}}{{$e := 0}}{{range $i, $e = .l}}{{end}}{{$i}}{{$e}}", "2c"),
        ("{{range .nil}}x{{else}}e{{end}}{{range .zz}}x{{end}}", "e"),
        ("{{with $x := .n}}{{$x}}{{end}}", "7"),
        (
            "{{define \"t\"}}[{{.}}]{{end}}{{template \"t\" .n}}{{template \"t\"}}",
            "[7][<no value>]",
        ),
        ("{{block \"b\" .s}}<{{.}}>{{end}}{{template \"b\" 1}}", "<text><1>"),
        ("{{define \"t\"}}{{end}}{{template \"t\"}}x", "x"),
        (
            "{{define `r`}}{{if .}}{{.}}{{template `r` slice . 1}}{{end}}{{end}}{{template `r` \"abc\"}}",
            "abcbcc",
        ),
        ("{{/* a */}}x{{- /* b */ -}} y", "xy"),
        ("a {{- \n\"b\"\n -}} c", "abc"),
        ("{{\"a\" |\n toUpper}}", "A"),
        ("{{$}}", "map[l:[a b c] m:map[x:X y:2] n:7 nil:<nil> s:text]"),
        ("{{$.m.x}} {{$x := .m}}{{$x.y}} {{(.m).x}} {{(index .l 1)}}", "X 2 X b"),
        ("{{.zz}} {{.nil}} {{.m.zz}} {{(.zz).yy}}", "<no value> <no value> <no value> <no value>"),
        ("{{print .zz}} {{printf \"%v\" .nil}}", "<nil> <nil>"),
    ]);
    errors(&[
        ("{{.nil.x}}", "nil pointer evaluating interface {}.x"),
        ("{{.s.x}}", "can't evaluate field x in type string"),
        ("{{.m.x 1}}", "x is not a method but has arguments"),
        ("{{range .s}}{{end}}", "range can't iterate over text"),
        ("{{$x = 1}}", "undefined variable: $x"),
        ("{{1 2}}", "can't give argument to non-function 1"),
        ("{{.s | .n}}", "is not a method but has arguments"),
        ("{{template \"t\"}}", "template \"t\" not defined"),
        ("{{nil}}", "nil is not a command"),
        ("{{18446744073709551615}}", "overflows int"),
    ]);
}

#[test]
fn builtins() {
    table(&[
        (
            "{{and 1 0 (index .l 9)}} {{or 0 \"x\" (index .l 9)}} {{not 0}} {{1 | and 2}} {{\"\" | or 0}}",
            "0 x true 1 ",
        ),
        ("{{and true .zz}}|{{or false nil}}", "<no value>|<no value>"),
        (
            "{{eq 1 1}} {{eq .n 1 7}} {{eq .zz nil}} {{ne .s \"text\"}} {{eq .nil nil}}",
            "true true true false true",
        ),
        (
            "{{lt 1 2}} {{lt 1.5 2.5}} {{lt \"a\" \"b\"}} {{ge 2 2}} {{gt 1 2}} {{le 3 2}}",
            "true true true true false false",
        ),
        ("{{eq (index .s 0) 116}} {{lt 100 (index .s 0)}}", "true true"),
        ("{{len .l}} {{len .s}} {{len .m}} {{.l | len}}", "3 4 2 3"),
        (
            "{{index .l 0}} {{index .m \"x\"}} {{index .s 1}} {{index .m \"zz\"}} {{index .l}}",
            "a X 101 <no value> [a b c]",
        ),
        ("{{index (list (list 1 2) 3) 0 1}}", "2"),
        (
            "{{slice .s 1}} {{slice .s 1 3}} {{slice .l 1}} {{slice .l 0 2 3}} {{slice .s}}",
            "ext ex [b c] [a b] text",
        ),
        (
            "{{js \"a'b<c>&=\\n\\\"é\"}} {{urlquery \"a b&c\" 1}} {{html \"<a&'\\\">\"}}",
            "a\\'b\\u003Cc\\u003E\\u0026\\u003D\\u000A\\\"é a+b%26c1 &lt;a&amp;&#39;&#34;&gt;",
        ),
        ("{{html .zz}} {{urlquery .nil}}", "&lt;no value&gt; %3Cno+value%3E"),
    ]);
    errors(&[
        ("{{eq 1 1.0}}", "incompatible types for comparison"),
        ("{{eq 1 \"1\"}}", "incompatible types for comparison"),
        ("{{eq 1}}", "missing argument for comparison"),
        ("{{eq}}", "want at least 1 got 0"),
        ("{{eq .l .l}}", "non-comparable type"),
        ("{{lt true false}}", "invalid type for comparison"),
        ("{{lt .l 1}}", "invalid type for comparison"),
        ("{{lt 1 \"a\"}}", "incompatible types for comparison"),
        ("{{lt 1 2 3}}", "want 2 got 3"),
        ("{{len 3}}", "len of type int"),
        ("{{len nil}}", "len of nil pointer"),
        ("{{index .l 3}}", "index out of range"),
        ("{{index .l -1}}", "index out of range: -1"),
        ("{{index .l \"x\"}}", "cannot index slice/array with type string"),
        ("{{index .l nil}}", "cannot index slice/array with nil"),
        ("{{index .m 1}}", "value has type int; should be string"),
        ("{{index .m nil}}", "value is nil; should be of type string"),
        ("{{index .n 1}}", "can't index item of type int"),
        ("{{index nil 1}}", "index of untyped nil"),
        ("{{slice .s 3 1}}", "invalid slice index: 3 > 1"),
        ("{{slice .s 0 1 2}}", "cannot 3-index slice a string"),
        ("{{slice .l 0 1 2 3}}", "too many slice indexes: 4"),
        ("{{slice .m 1}}", "can't slice item of type map[string]interface {}"),
        ("{{call .s}}", "non-function \"text\" of type string"),
        ("{{call nil}}", "call of nil"),
        ("{{not}}", "want 1 got 0"),
        ("{{printf 1}}", "expected string; found 1"),
        ("{{toUpper 1}}", "expected string; found 1"),
        ("{{toUpper .n}}", "wrong type for value; expected string; got int"),
        ("{{toUpper .zz}}", "wrong type for value; expected string; got interface {}"),
        ("{{\"x\" | safeHtml | toUpper}}", "expected string; got template.HTML"),
        ("{{join \",\" (list \"a\")}}", "expected []string; got []interface {}"),
        ("{{toUpper nil}}", "cannot assign nil to string"),
    ]);
}

#[test]
fn functions_of_alertmanager() {
    table(&[
        ("{{stringSlice \"a\" \"b\" | join \"-\"}} {{join \",\" nil}}|", "a-b |"),
        (
            "{{reReplaceAll \"(?P<y>b+)\" \"<${y}$0$$>\" \"abbc\"}} {{reReplaceAll \"x*\" \"-\" \"abc\"}}",
            "a<bbbb$>c -a-b-c-",
        ),
        ("{{match \"^T\" .s}} {{match \"(?i)^T\" .s}} {{.s | match \"ex\"}}", "false true true"),
        ("{{trimSpace \" a \\t\\n\"}}|{{title \"a-b c_d\"}}", "a|A-B C_d"),
        ("{{urlUnescape \"a%20b+c%C3%A9\"}}", "a b cé"),
        (
            "{{toJson .m}} {{toJson \"<&>\"}} {{toJson 1.0}} {{toJson nil}} {{toJson (list)}}",
            "{\"x\":\"X\",\"y\":2} \"\\u003c\\u0026\\u003e\" 1 null []",
        ),
        ("{{base64encode \"a?b>\"}} {{base64decode \"YT9iPg==\"}}", "YT9iPg== a?b>"),
        ("{{$l := append (list 1) 2 \"x\"}}{{$l}} {{append nil 1}}", "[1 2 x] [1]"),
        (
            "{{humanizeDuration \"3661\"}} {{humanizeDuration 0.5}} {{humanizeDuration -90}}",
            "1h 1m 1s 500ms -1m 30s",
        ),
        ("{{routeLabels \"x\"}}|", "|"),
    ]);
    errors(&[
        ("{{base64decode \"%\"}}", "illegal base64 data at input byte 0"),
        ("{{urlUnescape \"%zz\"}}", "invalid URL escape \"%zz\""),
        ("{{dict \"a\"}}", "even number of arguments"),
        ("{{dict 1 2}}", "dict keys must be strings"),
        ("{{tz \"Mars/Base\" now}}", "unknown time zone Mars/Base"),
        ("{{humanizeDuration (list)}}", "can't convert []interface {} to float"),
        ("{{default \"x\" .s}}", "function \"default\" not defined"),
    ]);
}

#[test]
fn syntax_errors() {
    for (text, part) in [
        ("{{", "unclosed action"),
        ("{{\"a}}", "unterminated quoted string"),
        ("{{`a}}", "unterminated raw quoted string"),
        ("{{'a}}", "unterminated character constant"),
        ("{{/* a", "unclosed comment"),
        ("{{/* a */ b}}", "comment ends before closing delimiter"),
        ("{{(1}}", "unclosed left paren"),
        ("{{1)}}", "unexpected right paren"),
        ("{{}}", "missing value for command"),
        ("{{if}}{{end}}", "missing value for if"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{else}}", "unexpected {{else}}"),
        ("{{if 1}}", "unexpected EOF"),
        ("{{if 1}}{{else}}{{else}}{{end}}", "expected end; found {{else}}"),
        ("{{range 1}}{{else if 1}}{{end}}", "unexpected <if>"),
        ("{{with 1}}{{else if 1}}{{end}}", "unexpected <if>"),
        ("{{break}}", "{{break}} outside {{range}}"),
        ("{{range 1}}{{define \"x\"}}{{end}}{{end}}", "unexpected <define>"),
        ("{{define \"x\"}}{{break}}{{end}}", "outside {{range}}"),
        ("{{define x}}{{end}}", "unexpected \"x\" in define clause"),
        ("{{define \"x\"}}a{{end}}{{define \"x\"}}b{{end}}", "multiple definition of template"),
        ("{{template .x}}", "unexpected \".x\" in template clause"),
        ("{{$x}}", "undefined variable \"$x\""),
        ("{{with $x := 1}}{{end}}{{$x}}", "undefined variable"),
        ("{{$x, $y := 1}}", "too many declarations in command"),
        ("{{range $x, $y, $z := 1}}{{end}}", "too many declarations in range"),
        ("{{range $x, 1}}{{end}}", "range can only initialize variables"),
        ("{{1 | 2}}", "non executable command in pipeline stage 2"),
        ("{{nope}}", "function \"nope\" not defined"),
        ("{{nope .}}", "function \"nope\" not defined"),
        ("{{1.x}}", "bad number syntax"),
        ("{{\"a\".x}}", "unexpected . after term"),
        ("{{nil.x}}", "unexpected . after term"),
        ("{{08}}", "illegal number syntax"),
        ("{{$x:1}}", "expected :="),
        ("{{a$b}}", "bad character U+0024 '$'"),
        ("{{#}}", "unexpected \"#\" in command"),
        ("{{\u{1}}}", "unrecognized character in action: U+0001"),
        ("{{\"\\q\"}}", "invalid syntax"),
        ("{{_html_template_htmlescaper 1}}", "not defined"),
    ] {
        let error = check_syntax(text).expect_err(text);
        assert!(error.syntax && error.message.contains(part), "{text}: {error}");
        assert!(error.diagnostic().is_error());
    }
    assert!(check_syntax("{{ template \"unknown\" . }}{{ .Anything }}").is_ok());
}

#[test]
fn errors_have_places_and_partial_output() {
    let mut set = set();
    set.add_file("a.tmpl", "{{ define \"bad\" }}one\n  é{{ .s.x }}{{ end }}").unwrap();
    let error =
        set.render_text("before {{ template \"bad\" . }} after", &data(), &context()).unwrap_err();
    assert_eq!(error.partial, "before one\n  é");
    assert_eq!(
        error.to_string(),
        "template: a.tmpl:2:9: executing \"bad\" at <.s.x>: can't evaluate field x in type string"
    );
    assert_eq!((error.error.line, error.error.column), (2, 9));
    insta::assert_snapshot!(check_syntax("a\n{{ default 1 .x }}").unwrap_err().diagnostic().render(), @r#"
    error[BS1501]: function "default" not defined
      --> template:2:4
       |
     2 | {{ default 1 .x }}
       |    ^
      help: write {{ or .X "fallback" }}
    "#);
}

#[test]
fn files_share_a_namespace_and_empty_definitions_lose() {
    let mut set = set();
    set.add_file("1", "{{define \"a\"}}A{{end}}{{define \"b\"}}B{{end}}").unwrap();
    set.add_file("2", "{{define \"a\"}} {{/* nothing */}} {{end}}{{define \"b\"}}BB{{end}}")
        .unwrap();
    set.add_file("dir/3.tmpl", "file {{template \"a\"}}").unwrap();
    let render = |text| set.render_text(text, &data(), &context()).unwrap();
    assert_eq!(render("{{template \"a\"}}{{template \"b\"}}"), "ABB");
    assert_eq!(render("{{template \"3.tmpl\"}}"), "file A");
    assert_eq!(render("{{define \"a\"}}own{{end}}{{template \"3.tmpl\"}}"), "file own");
    assert!(set.add_file("4", "{{ nope }}").is_err());
}

/// Every way to use too much ends in an error, on the stack of an ordinary worker thread.
#[test]
fn limits_hold() {
    let run = || {
        let nested = "(".repeat(60) + "1" + &")".repeat(60);
        let blocks = "{{if 1}}".repeat(60) + &"{{end}}".repeat(60);
        for (text, part) in [
            ("{{range 1000000000}}{{end}}".to_owned(), "too many steps"),
            ("{{range 100000}}{{range 100000}}{{end}}{{end}}".to_owned(), "too many steps"),
            ("{{define \"r\"}}{{template \"r\" .}}{{end}}{{template \"r\" .}}".to_owned(), "maximum template depth"),
            (
                format!(
                    "{{{{define \"r\"}}}}{}{{{{template \"r\" (print (print .))}}}}{}{{{{end}}}}{{{{template \"r\" .}}}}",
                    "{{if 1}}{{with (print (print 1))}}{{range 2}}".repeat(10),
                    "{{end}}{{end}}{{end}}".repeat(10),
                ),
                "nested too deeply",
            ),
            ("{{range 100000}}{{printf \"%1000s\" \"\"}}{{end}}".to_owned(), "output is longer"),
            ("{{$x := \"aaaaaaaa\"}}{{range 60}}{{$x = print $x $x}}{{end}}".to_owned(), "longer than"),
            ("{{$x := \"aaaaaaaa\"}}{{range 60}}{{$x = reReplaceAll \"a\" \"$0$0$0\" $x}}{{end}}".to_owned(), "too long"),
            ("{{$x := list 1}}{{range 60}}{{$x = list $x $x}}{{end}}{{print $x}}".to_owned(), "longer than"),
            ("{{$x := list 1}}{{range 60}}{{$x = list $x $x}}{{end}}{{toJson $x}}".to_owned(), "too large"),
            ("{{$x := list 1}}{{range 100000}}{{$x = list $x}}{{end}}".to_owned(), "levels deep"),
            ("(".repeat(2000), ""),
            (format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000)), "levels deep"),
            ("{{if 1}}".repeat(5000), "levels deep"),
            ("x{{1}}".repeat(1 << 18), "longer than 1048576 bytes"),
            (format!("{{{{{nested}}}}}"), ""),
            (blocks, ""),
        ] {
            let shown: String = text.chars().take(60).collect();
            let limits = Limits { steps: 300_000, output: 1 << 20, ..Limits::default() };
            let set = || set().with_limits(limits);
            for html in [false, true] {
                let result = match html {
                    false => set().render_text(&text, &data(), &context()),
                    true => set().render_html(&text, &data(), &context()),
                };
                if !part.is_empty() {
                    let error = result.expect_err(&shown).to_string();
                    assert!(html || error.contains(part), "{shown}: {error}");
                }
            }
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn limits_can_be_tightened() {
    let limits = Limits { steps: 10, ..Limits::default() };
    let error = set()
        .with_limits(limits)
        .render_text("{{range 20}}{{end}}", &data(), &context())
        .unwrap_err();
    assert!(error.to_string().contains("too many steps"));
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "\n",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "\"x\"",
        "`y`",
        "'a'",
        ".",
        ".s",
        ".l",
        ".m.x",
        "$",
        "$v",
        ":=",
        "=",
        ",",
        "|",
        "(",
        ")",
        "1",
        "-2.5",
        "0x",
        "nil",
        "true",
        "printf",
        "\"%*d%[2]v%#q\"",
        "index",
        "slice",
        "len",
        "eq",
        "and",
        "join",
        "now",
        "reReplaceAll",
        "toJson",
        "list",
        "dict",
        "<a href=\"",
        "<script>",
        "'",
        "\"",
        "<!--",
        "-->",
        "/*",
        "*/",
        "text",
        "<",
        ">",
        "é",
        "\\",
        "html",
        "style=",
        "url(",
        "`",
        "${",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    /// Whatever the text, rendering ends with a text or an error.
    #[test]
    fn any_words_end(words in prop::collection::vec(word(), 0..40)) {
        let text = words.join("");
        let limits = Limits { steps: 20_000, ..Limits::default() };
        let set = set().with_limits(limits);
        let _ = set.render_text(&text, &data(), &context());
        let _ = set.render_html(&text, &data(), &context());
    }

    /// Also inside an action, where most texts would not get.
    #[test]
    fn any_action_ends(words in prop::collection::vec(word(), 0..12)) {
        let text = format!("{{{{ {} }}}}", words.join(" "));
        let _ = set().render_text(&text, &data(), &context());
    }

    #[test]
    fn any_characters_end(text in "\\PC{0,60}") {
        let _ = set().render_html(&text, &data(), &context());
        let _ = check_syntax(&format!("{{{{{text}}}}}"));
    }

    /// Text without actions is returned as it is.
    #[test]
    fn plain_text_passes(text in "[^{]{0,80}") {
        prop_assert_eq!(set().render_text(&text, &data(), &context()).unwrap(), text);
    }

    /// What lands between tags never opens one.
    #[test]
    fn html_stays_text(value in "\\PC{0,40}") {
        let out = set().render_html("<p>{{ . }}</p>", &Value::from(value.as_str()), &context());
        let out = out.unwrap();
        let inner = &out["<p>".len()..out.len() - "</p>".len()];
        prop_assert!(!inner.contains(['<', '>', '"', '\'']));
    }

    /// An address never becomes a script.
    #[test]
    fn addresses_stay_harmless(value in "(?i)(javascript|data|vbscript|x):[a-z(]{0,10}") {
        let out = set().render_html("<a href=\"{{ . }}\">", &Value::from(value.as_str()), &context());
        prop_assert_eq!(out.unwrap(), "<a href=\"#ZgotmplZ\">");
    }

    #[test]
    fn any_format_ends(format in "[%a-z0-9.*\\[\\]#+ -]{0,12}") {
        let text = "{{ printf .f 1 \"a\" 2.5 true (list 1 \"b\") nil }}";
        let data = Value::map([("f", Value::from(format.as_str()))]);
        prop_assert!(set().render_text(text, &data, &context()).is_ok());
    }

    /// A time printed in a complete layout is read back.
    #[test]
    fn times_are_read_back(seconds in -62_135_596_800_i64..253_402_300_799, layout in 0_usize..4) {
        let layouts = [
            "2006-01-02T15:04:05Z07:00",
            "Mon, 02 Jan 2006 15:04:05 -0700",
            "Monday 2 January 2006 3:04:05 PM",
            "2006 002 15.04.05",
        ];
        let text = format!("{{{{ (toDate {0:?} (date {0:?} now)).Unix }}}}", layouts[layout]);
        let context = Context::at(Timestamp::from_second(seconds).unwrap());
        let got = set().render_text(&text, &data(), &context).unwrap();
        prop_assert_eq!(got, seconds.to_string());
    }
}
