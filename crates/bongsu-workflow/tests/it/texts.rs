//! Texts and conditions over values.

use bongsu_workflow::{Facts, Filled, Piece, Reference, Scope, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{at, findings, with};

fn values() -> Vec<(&'static str, Value)> {
    vec![
        (
            "alert",
            json!({"name": "a <b>", "severity": "critical", "n": 70, "text": "91", "on": true, "off": false,
                "nothing": null, "labels": {"app.io/x": "v", "pod": "p-1"}, "list": [1, "two"],
                "evil": "{{ secrets.tok }} keep.len('abc') &lt; it's\n{% if %}", "quote": "it's \"so\""}),
        ),
        (
            "steps",
            json!({"get-pods": {"results": {"items": [{"a": 1}, {"a": 2}]}}, "zero": {"results": []},
                "gone": {"results": null, "skipped": true}}),
        ),
        ("foreach", json!({"value": {"x": "item"}})),
    ]
}

fn rendered(text: &str, strict: bool) -> Result<String, String> {
    let values = values();
    let mut scope = Scope::new(Facts { now: at(0), fired_before: None });
    for (name, value) in &values {
        scope.set(name, value);
    }
    let template = Template::parse(text).map_err(|mistake| mistake.to_string())?;
    let filled = template.render(&scope, strict).map_err(|fault| fault.to_string())?;
    Ok(match filled.preview() {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

#[test]
fn mustache_expressions_and_blocks() {
    for (text, want) in [
        ("{{ alert.name }} {{{alert.name}}} {{& alert.name }}", "a <b> a <b> a <b>"),
        ("{{ alert.labels.pod }} {{ alert.labels['app.io/x'] }}", "p-1 v"),
        ("{{ alert.labels.app.io/x }}{{ alert.n / 7 }}", "v10"),
        ("{{ steps.get-pods.results.items.1.a }}", "2"),
        ("{{ steps.get-pods.results.items[-1].a + 1 }}", "3"),
        ("{{ steps.get-pods.results.items | length }}", "2"),
        ("{{ steps.get-pods.results.items | map(attribute='a') | join('+') }}", "1+2"),
        ("{{ alert.gone | default('-') }}{{ alert.on }}{{ alert.nothing }}", "-True"),
        ("{{ 'hot' if alert.n > 60 else 'cold' }}", "hot"),
        ("{{ alert.n > 60 ? 'hot' : 'cold' }}", "hot"),
        ("{{ alert.text > 90 && !alert.off }}", "True"),
        ("{{ alert.name.upper() }} {{ alert.list[0:1] }}", "A <B> [1]"),
        ("{{#alert.list}}<{{.}}>{{/alert.list}}{{^alert.off}}no{{/alert.off}}", "<1><two>no"),
        ("{{#steps.get-pods.results.items}}{{a}};{{/steps.get-pods.results.items}}", "1;2;"),
        ("{{! a comment }}x{{#fn.na}}{{ alert.gone }}{{/fn.na}}", "xN/A"),
        ("{{ item.x }} {{ foreach.value.x }} {{ event.severity }}", "item item critical"),
        ("keep.add(1, 2) of keep.len({{ steps.zero.results }}) :(", "3 of 0 :("),
        ("keep.join({{ alert.list }}, delimiter='/')", "1/two"),
        ("keep.uppercase(abc) keep.uppercase(alert.severity)", "ABC CRITICAL"),
        ("keep.dictget({'critical': 'P1'}, '{{ alert.severity }}', 'P9')", "P1"),
        (
            "see keep.dev and mykeep.len(3) and keep.nosuchthing(1)",
            "see keep.dev and mykeep.len(3) and keep.nosuchthing(1)",
        ),
        ("raw_render_without_execution(keep.add(1,{{ alert.n }}))", "keep.add(1,70)"),
        ("{% for x in steps.get-pods.results['items'] %}{{ x.a }}{% endfor %}", "12"),
        ("{% if alert.on %}{{ keep.uppercase(alert.severity) }}{% endif %}", "CRITICAL"),
        ("{{ steps.gone.results.stdout }}|", "|"),
    ] {
        assert_eq!(rendered(text, true).as_deref(), Ok(want), "{text}");
    }
}

proptest! {
    /// Whatever stands in a text, parsing and rendering it ends, with a value or a mistake.
    #[test]
    fn any_text_ends(pieces in proptest::collection::vec(prop_oneof![
        Just("{{"), Just("}}"), Just("{%"), Just("%}"), Just("{{{"), Just("}}}"), Just("{{#"), Just("{{/"), Just("{{^"),
        Just("keep.len("), Just("keep."), Just("alert"), Just(".list"), Just(".n"), Just("-"), Just("("), Just(")"),
        Just("["), Just("]"), Just("'"), Just("\""), Just("\\"), Just("|"), Just("length"), Just("1"), Just("1e"), Just("한"),
        Just(" "), Just("\n"), Just("if"), Just("for x in"), Just("else"), Just("not"), Just("=="), Just("?"), Just(":"),
        Just("{"), Just("}"), Just(","), Just("!"), Just("é."), Just("~"), Just("** 9"), Just("raw_render_without_execution("),
    ], 0..25)) {
        let text = pieces.concat();
        let _ = rendered(&text, true);
        let _ = rendered(&format!("{{{{{text}}}}}"), false);
        let _ = rendered(&format!("keep.join({text})"), false);
        let _ = findings(&format!("id: w\nactions: [{{name: a, if: {}, provider: {{type: b}}}}]", Value::from(text)));
    }
}

#[test]
fn long_expressions_are_refused() {
    for text in [
        format!("{{{{ alert.n{} }}}}", " | abs".repeat(2000)),
        format!("{{{{ 1{} }}}}", " + 1".repeat(4000)),
        format!("{{{{ alert{} }}}}", "['x'][alert.n]".repeat(1000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(3000)),
        format!("{{{{ {}1 }}}}", "-".repeat(3000)),
    ] {
        assert!(Template::parse(&text).is_err(), "{}", &text[..40]);
    }
}

#[test]
fn data_is_rendered_once() {
    let evil = "{{ secrets.tok }} keep.len('abc') &lt; it's\n{% if %}";
    for text in [
        "{{ alert.evil }}",
        "{{ alert.evil | trim }}",
        "keep.strip({{ alert.evil }})",
        "keep.strip('{{ alert.evil }}')",
        "{% if true %}{{ alert.evil }}{% endif %}",
        "{{#alert}}{{ evil }}{{/alert}}",
    ] {
        assert_eq!(rendered(text, true).as_deref(), Ok(evil), "{text}");
    }
}

#[test]
fn what_is_missing() {
    for (text, error) in [
        ("x{{ alert.nope }}", "alert.nope is not there"),
        ("{{ alert.severty }}", "alert.severty is not there; did you mean alert.severity?"),
        ("{{ alert.nope.deep | upper }}", "alert.nope.deep is not there"),
        ("{% if true %}\n{{ alert.nope }}{% endif %}", "alert.nope is not there"),
        ("keep.timestamp_delta('x', 1, 'days')", "keep.timestamp_delta: a time is wanted"),
        ("{{ alert.name * 2 }}", "a <b> and 2 are not both numbers"),
    ] {
        assert_eq!(rendered(text, true).unwrap_err(), error, "{text}");
    }
    for (text, want) in [("x{{ alert.nope }}y", "xy"), ("{{ nope.nope }}", "")] {
        assert_eq!(rendered(text, false).as_deref(), Ok(want), "{text}");
    }
}

#[test]
fn mistakes() {
    for (text, error) in [
        ("{{ alert.name", "{{ is not closed by }}"),
        ("{{ }}", "nothing stands between the braces"),
        ("{{ alert.name | upperr }}", "there is no filter named upperr"),
        ("{{> partial }}", "other files cannot be included"),
        ("{{#alert.list}}x", "the section alert.list is not closed"),
        ("keep.lenn({{ alert.list }})", "there is no function keep.lenn"),
        ("keep.len({{ alert.list }}", "the expression ends too early"),
        (
            "{{ secrets.tok | upper }}",
            "a secret can only be named alone between braces: {{ secrets.NAME }}",
        ),
        ("{% for %}", "line 1: syntax error: unexpected end of block, expected in"),
    ] {
        assert_eq!(rendered(text, true).unwrap_err(), error, "{text}");
    }
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100), ")".repeat(100));
    assert_eq!(rendered(&deep, true).unwrap_err(), "the expression is nested too deep");
}

#[test]
fn secrets_stay_references() {
    let template = Template::parse("Bearer {{ secrets.tok }}!").unwrap();
    let filled = template.render(&Scope::new(Facts::default()), true).unwrap();
    let reference = Reference::Secret("tok".to_owned());
    let pieces = vec![
        Piece::Text("Bearer ".to_owned()),
        Piece::Reference(reference.clone()),
        Piece::Text("!".to_owned()),
    ];
    assert_eq!(filled, Filled::Text(pieces));
    let known: Result<Value, ()> = filled.resolve(&mut |asked| {
        assert_eq!(*asked, reference);
        Ok("s3cr3t {{ alert.name }}".to_owned())
    });
    assert_eq!(known, Ok(json!("Bearer s3cr3t {{ alert.name }}!")));
}

#[test]
fn conditions() {
    let values = values();
    for (text, want) in [
        ("'{{ alert.severity }}' == 'critical'", true),
        ("{{ alert.severity }} == 'critical' and {{ alert.n }} > 60", true),
        ("{{ alert.severity == 'critical' }}", true),
        ("alert.severity == 'critical'", true),
        ("{{ alert.n }} == 70 and {{ alert.n }} == '70'", true),
        ("not '{{ alert.ticket_id }}'", true),
        ("not {{ alert.off }} and '{{ alert.off }}' == 'False'", true),
        ("'{{ alert.off }}'", false),
        ("{{ alert.nope }} > 0 or {{ alert.nope }}", false),
        ("{{ alert.quote }} == 'x'", false),
        ("\"{{ alert.quote }}\" == 'it\\'s \"so\"'", true),
        ("'{{ alert.evil }}' == '{{ alert.evil }}'", true),
        ("keep.len({{ steps.zero.results }}) > 0", false),
        ("'pay' in 'payments' and 'two' in {{ alert.list }}", true),
        ("{{ alert.severity }} not in ['low', 'info']", true),
        ("int('{{ alert.text }}') > 90 and len({{ alert.list }}) == 2", true),
        ("{{ !alert.tier || alert.tier == 0 && alert.name == 'b' }}", true),
        ("{{ alert.nope is defined }} or {{ alert.n is divisibleby 7 }}", true),
        ("keep.is_business_hours('2026-01-10T12:00:00Z')", false),
        ("'it''s' == 'x'", false),
    ] {
        let yaml = Value::from(text);
        let text_ok = text != "'it''s' == 'x'";
        if !text_ok {
            let file =
                format!("id: w\nactions: [{{name: a, if: {yaml}, provider: {{type: console}}}}]");
            assert!(findings(&file).contains("BS1906"), "{text}");
            continue;
        }
        let workflow =
            with(&format!("actions: [{{name: a, if: {yaml}, provider: {{type: console}}}}]"));
        let mut scope = Scope::new(Facts { now: at(0), fired_before: None });
        for (name, value) in &values {
            scope.set(name, value);
        }
        let condition = workflow.actions[0].condition.as_ref().unwrap();
        assert_eq!(condition.holds(&scope), Ok(want), "{text}");
    }
}

#[test]
fn functions() {
    for (text, want) in [
        ("keep.div(7, 2) keep.fdiv(7,2) keep.mod(-1, 3) keep.exp(2,3)", "3.5 3 2 8"),
        ("keep.eq(5, '5') keep.all([1, '1']) keep.diff([1, 2])", "True True True"),
        (
            "keep.title('ab cd') keep.capitalize('aBC') keep.replace('it\\'s', 's', 'z')",
            "Ab Cd Abc it'z",
        ),
        (
            "keep.slice('한국어', 1) keep.first([7]) keep.last('xyz') keep.index([1,2], -1)",
            "국어 7 z 2",
        ),
        ("keep.encode('a b/c?') keep.split(' a,b ', ',')", "a%20b/c%3F ['a', 'b']"),
        ("x keep.json_loads('{\"a\": 1}') keep.json_loads('no')", "x {\"a\": 1} {}"),
        ("keep.dict_pop({'a': 1, 'b': 2}, 'a')", "{\"b\":2}"),
        ("keep.dict_to_key_value_list({'a': 1})", "['a:1']"),
        ("keep.dictget('{\\'critical\\': \\'P1\\'}', 'critical', '')", "P1"),
        (
            "keep.utcnow() keep.utcnowtimestamp() keep.utcnowiso()",
            "2026-01-15 12:00:00+00:00 1768478400 2026-01-15T12:00:00+00:00",
        ),
        ("keep.to_timestamp('2026-01-10T08:00:00Z') keep.to_timestamp('x')", "1768032000 0"),
        ("keep.from_timestamp(1768032000, 'Asia/Seoul')", "2026-01-10 17:00:00+09:00"),
        (
            "keep.timestamp_delta(keep.to_utc('2026-01-10'), -1, 'days')",
            "2026-01-09 00:00:00+00:00",
        ),
        ("keep.datetime_compare('2026-01-10T08:00:00Z', '2026-01-10T06:30:00Z')", "1.5"),
        ("keep.add_time_to_date('10/01/2026', '%d/%m/%Y', '1w2d')", "2026-01-19 00:00:00"),
        ("keep.is_business_hours('2026-01-09T11:00:00Z', timezone='Asia/Seoul')", "False"),
        (
            "keep.get_firing_time({'status': 'firing', 'firingStartTime': '2026-01-15T11:30:00Z'}, 'minutes')",
            "30.00",
        ),
        ("keep.is_first_time('f', '24h')", "True"),
    ] {
        assert_eq!(rendered(text, true).as_deref(), Ok(want), "{text}");
    }
}
