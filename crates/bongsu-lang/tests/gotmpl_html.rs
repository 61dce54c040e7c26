//! Contextual escaping, against what Go's `html/template` writes.

use bongsu_lang::gotmpl::{Context, TemplateSet, TextKind, Value, functions};
use bongsu_model::Timestamp;

fn data() -> Value {
    let text = |kind, text: &str| Value::Text(kind, text.into());
    Value::map([
        ("F", Value::Bool(false)),
        ("T", Value::Bool(true)),
        ("C", Value::from("<Cincinnati>")),
        ("G", Value::from("<Goodbye>")),
        ("H", Value::from("<Hello>")),
        ("A", Value::strings(["<a>", "<b>"])),
        ("E", Value::list(vec![])),
        ("N", Value::int(42)),
        ("Z", Value::Nil),
        (
            "W",
            text(
                TextKind::Html,
                "&iexcl;<b class=\"foo\">Hello</b>, <textarea>O'World</textarea>!",
            ),
        ),
        ("U", Value::from("http://x.org/?a=b&c=d e#<f>")),
    ])
}

fn render(text: &str) -> String {
    TemplateSet::new(functions::alertmanager())
        .render_html(text, &data(), &Context::at(Timestamp::UNIX_EPOCH))
        .unwrap_or_else(|error| format!("ERROR {error}"))
}

#[track_caller]
fn table(cases: &[(&str, &str)]) {
    for (text, want) in cases {
        assert_eq!(render(text), *want, "{text}");
    }
}

#[test]
fn text_and_branches() {
    table(&[
        ("{{if .T}}Hello, {{.C}}{{else}}{{.G}}{{end}}!", "Hello, &lt;Cincinnati&gt;!"),
        ("{{.H | html}}", "&lt;Hello&gt;"),
        ("{{html .H .G}}", "&lt;Hello&gt;&lt;Goodbye&gt;"),
        ("{{with .H}}{{.}}{{end}}", "&lt;Hello&gt;"),
        ("{{range .A}}{{.}}{{end}}", "&lt;a&gt;&lt;b&gt;"),
        ("{{range .E}}{{.}}{{else}}{{.H}}{{end}}", "&lt;Hello&gt;"),
        ("{{.N}} {{.Z}}|{{print nil}}", "42 |&lt;nil&gt;"),
        ("{{$x := .H}}{{$x}}", "&lt;Hello&gt;"),
        ("{{.W}}", "&iexcl;<b class=\"foo\">Hello</b>, <textarea>O'World</textarea>!"),
        (
            "<textarea>{{.W}}</textarea>",
            "<textarea>&iexcl;&lt;b class=&#34;foo&#34;&gt;Hello&lt;/b&gt;, &lt;textarea&gt;O&#39;World&lt;/textarea&gt;!</textarea>",
        ),
        ("<title>{{.H}} &amp; < b</title>", "<title>&lt;Hello&gt; &amp; &lt; b</title>"),
        ("1 < 2 <3 & <b>x</b>", "1 &lt; 2 &lt;3 & <b>x</b>"),
        ("<!DOCTYPE html>Hello", "<!DOCTYPE html>Hello"),
        ("<!doctype html><p>{{.H}}", "<!doctype html><p>&lt;Hello&gt;"),
        ("Hello, <!-- name of {{.C}} -->World", "Hello, World"),
        ("<br/><hr class=a >{{.H}}", "<br/><hr class=a >&lt;Hello&gt;"),
        ("{{range .A}}{{if eq . \"<b>\"}}{{break}}{{end}}{{.}}{{end}}", "&lt;a&gt;"),
        ("{{\"\u{0}a\"}}", "\u{fffd}a"),
    ]);
}

#[test]
fn attributes() {
    table(&[
        ("<a title='{{.H}}'>", "<a title='&lt;Hello&gt;'>"),
        ("<a title={{.H}}>", "<a title=&lt;Hello&gt;>"),
        ("<a title={{\"\"}}>", "<a title=ZgotmplZ>"),
        ("<a title = \"{{.W}}\">", "<a title = \"&iexcl;Hello, O&#39;World!\">"),
        ("<input {{\"checked\"}}>", "<input checked>"),
        ("<input {{\"onchange\"}}=\"x\">", "<input ZgotmplZ=\"x\">"),
        ("<input {{\"a b\"}}>", "<input ZgotmplZ>"),
        ("<input {{if .T}}checked {{end}}name=n>", "<input checked name=n>"),
        ("<p title={{if .T}}{{.H}}{{else}}x{{end}}>", "<p title=&lt;Hello&gt;>"),
        (
            "<img alt=\"{{.C}} {{.G}}\" src=x>",
            "<img alt=\"&lt;Cincinnati&gt; &lt;Goodbye&gt;\" src=x>",
        ),
        (
            "<a data-x=\"{{.H}}\" data-url=\"{{\"javascript:x\"}}\">",
            "<a data-x=\"&lt;Hello&gt;\" data-url=\"#ZgotmplZ\">",
        ),
    ]);
}

#[test]
fn addresses() {
    table(&[
        ("<a href=\"/search?q={{\"'a<b'\"}}\">", "<a href=\"/search?q=%27a%3cb%27\">"),
        ("<a href='{{.U}}'>", "<a href='http://x.org/?a=b&amp;c=d%20e#%3cf%3e'>"),
        ("<a href='{{\"javascript:alert(1)\"}}'>", "<a href='#ZgotmplZ'>"),
        ("<a href='{{\"mailto:a@x.org\"}}'>", "<a href='mailto:a@x.org'>"),
        (
            "<a href='/{{.H}}/x?y={{.U}}#{{.H}}'>",
            "<a href='/%3cHello%3e/x?y=http%3a%2f%2fx.org%2f%3fa%3db%26c%3dd%20e%23%3cf%3e#%3cHello%3e'>",
        ),
        ("<a href={{.U}}>", "<a href=http://x.org/?a&#61;b&amp;c&#61;d%20e#%3cf%3e>"),
        ("<a href='{{\"a%20b\"}}'>", "<a href='a%20b'>"),
        (
            "<a href='{{.U | urlquery}}'>",
            "<a href='http%3A%2F%2Fx.org%2F%3Fa%3Db%26c%3Dd&#43;e%23%3Cf%3E'>",
        ),
        (
            "<a href=\"{{if .T}}/x?{{end}}{{\"a\"}}\">",
            "ERROR html/template::1: {{\"a\"}} appears in an ambiguous context within a URL",
        ),
        (
            "<img srcset=\"{{\"a.png 1x, javascript:x 2x\"}}\">",
            "<img srcset=\"a.png 1x,#ZgotmplZ\">",
        ),
        ("<svg xlink:href=\"{{\"javascript:x\"}}\">", "<svg xlink:href=\"#ZgotmplZ\">"),
    ]);
}

#[test]
fn scripts() {
    table(&[
        (
            "<button onclick=\"alert({{.H}})\">",
            "<button onclick=\"alert(&#34;\\u003cHello\\u003e&#34;)\">",
        ),
        ("<button onclick='f({{.N}}, {{.T}})'>", "<button onclick='f( 42 ,  true )'>"),
        (
            "<script>alert({{.A}}, {{.Z}})</script>",
            "<script>alert([\"\\u003ca\\u003e\",\"\\u003cb\\u003e\"],  null )</script>",
        ),
        (
            "<script>x = '{{.H}}' + \"{{\"a\\nb/c\"}}\"</script>",
            "<script>x = '\\u003cHello\\u003e' + \"a\\nb\\/c\"</script>",
        ),
        ("<script>var a = 1; // {{.H}}\nvar b</script>", "<script>var a = 1; \nvar b</script>"),
        ("<script>a /* {{.H}} */ b</script>", "<script>a    b</script>"),
        ("<script>/{{\"a+b\"}}/.test(x)</script>", "<script>/a\\u002bb/.test(x)</script>"),
        (
            "<script>var x = `{{\"${a}`\"}}`</script>",
            "<script>var x = `\\u0024\\u007ba\\u007d\\u0060`</script>",
        ),
        ("<script>x = {{.T}} / 2 / 3</script>", "<script>x =  true  / 2 / 3</script>"),
        (
            "<script type=\"text/plain\">{{.H}}</script>",
            "<script type=\"text/plain\">&lt;Hello&gt;</script>",
        ),
        (
            "<script type=\"application/ld+json\">{\"a\": {{.H}}}</script>",
            "<script type=\"application/ld+json\">{\"a\": \"\\u003cHello\\u003e\"}</script>",
        ),
        ("<script>f(\"<script>\")</script>", "<script>f(\"\\x3Cscript>\")</script>"),
    ]);
}

#[test]
fn styles() {
    table(&[
        (
            "<p style=\"color: {{\"red\"}}; width: {{\"10px\"}}\">",
            "<p style=\"color: red; width: 10px\">",
        ),
        ("<p style=\"width: {{\"expression(alert(1))\"}}\">", "<p style=\"width: ZgotmplZ\">"),
        ("<style>p { color: {{\"</style>\"}} }</style>", "<style>p { color: ZgotmplZ }</style>"),
        ("<style>p { font: '{{\"a'b;\"}}' }</style>", "<style>p { font: 'a\\27 b\\3b ' }</style>"),
        (
            "<style>p { background: url(\"{{\"/a b\"}}\") }</style>",
            "<style>p { background: url(\"/a%20b\") }</style>",
        ),
        ("<style>/* {{.H}} */ p {}</style>", "<style>   p {}</style>"),
        (
            "<p style=\"background: {{if .T}}red{{else}}green{{end}}\">",
            "<p style=\"background: red\">",
        ),
        ("<p style=\"{{\"-moz-binding:x\"}}\">", "<p style=\"ZgotmplZ\">"),
    ]);
}

#[test]
fn templates_are_escaped_per_place() {
    table(&[
        (
            "{{define \"x\"}}{{.}}{{end}}{{template \"x\" .H}}<a title=\"{{template \"x\" .H}}\" href=\"{{template \"x\" .U}}\">",
            "&lt;Hello&gt;<a title=\"&lt;Hello&gt;\" href=\"http://x.org/?a=b&amp;c=d%20e#%3cf%3e\">",
        ),
        (
            "{{define \"r\"}}<i>{{.}}{{if .}}{{template \"r\" false}}{{end}}</i>{{end}}{{template \"r\" true}}",
            "<i>true<i>false</i></i>",
        ),
        (
            "{{define \"open\"}}<a href=\"{{end}}{{template \"open\"}}{{.H}}\">",
            "<a href=\"%3cHello%3e\">",
        ),
    ]);
}

#[test]
fn unclear_places_are_refused() {
    for (text, part) in [
        ("<a href=\"", "non-text context"),
        ("{{if .T}}<a{{end}}", "branches end in different contexts"),
        ("{{range .A}}<a{{end}}", "on range loop re-entry"),
        ("<a b=1 c={{.H", "unclosed action"),
        ("<script>foo();", "non-text context"),
        ("<p a=\"{{.T}}", "non-text context"),
        ("<a title=a\"b>", "in unquoted attr"),
        ("<a =\"x\">", "expected space, attr name"),
        ("<a b'c=x>", "in attribute name"),
        ("{{.H | html | print}}", "disallowed"),
        ("{{template \"nope\"}}", "no such template"),
        ("{{if .F}}{{template \"nope\"}}{{end}}", "no such template"),
        ("<script>var x = {{if .T}}1{{else}}'{{end}}</script>", "different contexts"),
        ("<script>'\\", "unfinished escape"),
        ("<script>/[", "unfinished JS regexp charset"),
    ] {
        let got = render(text);
        assert!(got.starts_with("ERROR") && got.contains(part), "{text}: {got}");
    }
}
