//! Values in scripts: what the script says, and that bash and Python see every value as it is.

use std::io::Write as _;
use std::process::{Command, Stdio};

use bongsu_workflow::script::{Language, Part, Reader, Ready, Script};
use bongsu_workflow::{Filled, Outcome, Reference};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{drive, event, findings, with};

/// `«` and `»` stand around nothing: the place of a value.
fn parts(text: &str, values: &[Value]) -> Vec<Part> {
    let mut parts = Vec::new();
    for (at, code) in text.split("«»").enumerate() {
        if at > 0 {
            let value = values[(at - 1) % values.len()].clone();
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            parts.push(Part::Value { value, text });
        }
        parts.push(Part::Code(code.to_owned()));
    }
    parts
}

fn ready(language: Language, parts: &[Part]) -> Ready {
    let script =
        Script::encode(Reader::Here(language), parts).unwrap_or_else(|refused| panic!("{refused}"));
    let filled = Filled::Script(Box::new(script));
    let resolved = filled
        .resolve(&mut |reference| match reference {
            Reference::Secret(name) | Reference::Env(name) => Ok::<_, ()>(format!("<{name}'\">")),
        })
        .unwrap();
    Ready::of(language, &resolved).unwrap()
}

fn refusal(language: Language, text: &str) -> Option<String> {
    Script::encode(Reader::Here(language), &parts(text, &[json!("x")]))
        .err()
        .map(|refused| refused.to_string())
}

fn bash(text: &str) -> String {
    let script = ready(Language::Bash, &parts(text, &[json!("x")]));
    script.code.expose().to_owned()
}

fn python(text: &str, value: &Value) -> String {
    let script = ready(Language::Python, &parts(text, std::slice::from_ref(value)));
    script.code.expose().to_owned()
}

/// What a script prints; `None`: there is no such interpreter here.
fn printed(script: &Ready) -> Option<String> {
    let program = match script.language {
        Language::Bash => "/bin/bash",
        Language::Python => "/usr/bin/python3",
    };
    if !std::path::Path::new(program).is_file() {
        return None;
    }
    let mut command = Command::new(program);
    let file = tempfile(script.code.expose());
    command.arg(file.path()).env_clear().env("LANG", "C.UTF-8");
    for (name, value) in &script.variables {
        command.env(name, value.expose());
    }
    let run = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{}\n{errors}", script.code.expose());
    Some(String::from_utf8(run.stdout).unwrap())
}

fn tempfile(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn bash_quotes_for_the_place() {
    let v = "${BONGSU_V1}";
    let table = [
        ("echo «»", format!("echo \"{v}\"")),
        ("echo a«»b", format!("echo a\"{v}\"b")),
        ("echo \"a «» b\"", format!("echo \"a {v} b\"")),
        ("echo 'a «» b'", format!("echo 'a '\"{v}\"' b'")),
        ("echo $'a\\n«»'", format!("echo $'a\\n'\"{v}\"$''")),
        ("x=«»", format!("x=\"{v}\"")),
        ("echo $(echo «»)", format!("echo $(echo \"{v}\")")),
        ("echo \"$(echo '«»')\"", format!("echo \"$(echo ''\"{v}\"'')\"")),
        ("cat <<EOF\n«»\nEOF\n", format!("cat <<EOF\n{v}\nEOF\n")),
        (
            "cat <<'EOF'\n$x \\ `«`\n«»\nEOF\necho",
            format!("cat <<EOF\n\\$x \\\\ \\`«\\`\n{v}\nEOF\necho"),
        ),
        ("cat <<'A' <<\"B\"\n«»$\nA\n$\nB\n", format!("cat <<A <<\"B\"\n{v}\\$\nA\n$\nB\n")),
        ("cat <<-EOF | tr a b\n\t«»\n\tEOF\n", format!("cat <<-EOF | tr a b\n\t{v}\n\tEOF\n")),
        ("cat <<< «»", format!("cat <<< \"{v}\"")),
        ("echo 1 # «»\necho 2", "echo 1 # \necho 2".to_owned()),
        ("echo a#«»", format!("echo a#\"{v}\"")),
        ("if [ «» -gt 90 ]; then echo; fi", format!("if [ \"{v}\" -gt 90 ]; then echo; fi")),
        ("[[ «» == a* && -n b ]]", format!("[[ \"{v}\" == a* && -n b ]]")),
        ("case «» in a) echo;; esac", format!("case \"{v}\" in a) echo;; esac")),
        ("for x in «» b; do echo $x; done", format!("for x in \"{v}\" b; do echo $x; done")),
        ("df -h | grep '«»'", format!("df -h | grep ''\"{v}\"''")),
        ("echo > «».log", format!("echo > \"{v}\".log")),
        ("a=(«» b)", format!("a=(\"{v}\" b)")),
        ("diff <(echo «») f", format!("diff <(echo \"{v}\") f")),
        ("awk -v x=«» '{print x}' f", format!("awk -v x=\"{v}\" '{{print x}}' f")),
        ("jq --arg x «» '.a' f", format!("jq --arg x \"{v}\" '.a' f")),
        ("bash -c 'echo \"$1\"' x «»", format!("bash -c 'echo \"$1\"' x \"{v}\"")),
        ("sudo -n systemctl restart «»", format!("sudo -n systemctl restart \"{v}\"")),
        ("export X=«»", format!("export X=\"{v}\"")),
        ("curl -d @- http://a <<< «»", format!("curl -d @- http://a <<< \"{v}\"")),
        ("echo \"\\\\«»\"", format!("echo \"\\\\{v}\"")),
        ("echo '$«»'", format!("echo '$'\"{v}\"''")),
    ];
    for (script, expected) in table {
        assert_eq!(bash(script), expected, "{script}");
    }
}

#[test]
fn bash_takes_numbers_where_it_computes() {
    let encode =
        |text: &str| Script::encode(Reader::Here(Language::Bash), &parts(text, &[json!(91)]));
    for text in [
        "echo $((«» + 1))",
        "(( «» > 90 )) && echo",
        "[[ «» -gt 90 ]]",
        "x=«»; echo $((x + 1))",
        "echo ${a[«»]}",
    ] {
        let refused = encode(text).err();
        assert_eq!(refused.is_some(), text.contains("${a"), "{text}: {refused:?}");
    }
}

#[test]
fn bash_refuses() {
    let table = [
        "echo `echo «»`",
        "echo \"`echo «»`\"",
        "echo $(( «» + 1 ))",
        "echo $[ «» ]",
        "(( «» > 1 ))",
        "for (( i = «»; i < 3; i++ )); do echo; done",
        "let x=«»",
        "echo ${x:-«»}",
        "echo ${x:«»}",
        "a[«»]=1",
        "echo \\«»",
        "echo \"\\«»\"",
        "echo $«»",
        "echo \"$«»\"",
        "«» --help",
        "/usr/bin/«»",
        "echo; «»",
        "echo | «»",
        "if «»; then echo; fi",
        "X=1 «»",
        "sudo «»",
        "env A=1 «» x",
        "timeout 5 «»",
        "xargs «»",
        "eval «»",
        "eval \"echo «»\"",
        "eval \"$(echo «»)\"",
        "source «»",
        ". «»",
        "trap '«»' EXIT",
        "bash -c «»",
        "bash -c \"echo «»\"",
        "/bin/sh -ec '«»'",
        "sudo -u root bash -lc 'echo «»'",
        "find . -exec sh -c 'echo «»' \\;",
        "find . -exec «» \\;",
        "python3 -c 'print(\"«»\")'",
        "perl -e '«»'",
        "ssh host «»",
        "ssh -p 22 host \"echo «»\"",
        "awk '/«»/'",
        "sed -e 's/a/«»/'",
        "jq '.«»' f",
        "psql -c \"select '«»'\"",
        "psql --command=\"select '«»'\"",
        "bash <<EOF\necho «»\nEOF",
        "python3 <<'EOF'\nprint('«»')\nEOF",
        "echo «» | bash",
        "{ echo «»; } | sudo sh",
        "bash <<< «»",
        "mysql <<< \"select «»\"",
        "cat <<«»\nx\n",
        "[[ «» -gt 90 ]]",
        "[[ -n a && 1 -lt «» ]]",
        "[ -v «» ]",
        "declare -i x=«»",
        "declare «»=1",
        "export «»",
        "unset «»",
        "read «»",
        "printf -v «» x",
        "«»=1",
        "«»() { echo; }",
        "BASH_ENV=«» bash x",
        "LD_PRELOAD=«» ls",
        "env LD_PRELOAD=«» ls",
        "export PATH=«»",
        "ssh -o ProxyCommand=«» host",
        "ssh -oProxyCommand=«» host",
        "at now <<< «»",
        "echo «» | at now",
        // Through a variable.
        "x=«»; echo $((x + 1))",
        "x=«»\ny=\"$x\"\n(( y > 1 ))",
        "x=«»; eval \"echo $x\"",
        "x=«»; [[ $x -gt 1 ]]",
        "x=«»; [[ x -gt 1 ]]",
        "x=«»; $x",
        "x=$(echo «»); bash -c \"$x\"",
        "x=«»; echo ${a[x]}",
        "x=«»; echo ${!x}",
        "f() { eval \"$1\"; }; f «»",
        "for x in «»; do eval $x; done",
        "read x <<< «»; echo $((x))",
        "printf -v x '%s' «»; (( x ))",
        "a=(«»); eval \"${a[0]}\"",
    ];
    for script in table {
        assert!(refusal(Language::Bash, script).is_some(), "{script}");
    }
    let refused = refusal(Language::Bash, "echo\necho\neval «»").unwrap();
    assert_eq!(refused, "line 3: eval would evaluate this value");
}

#[test]
fn no_value_becomes_an_option() {
    let table = [
        ("tar cf x «»", false),
        ("ssh «» uptime", false),
        ("x=1 rm '«»'", false),
        ("tar cf x -- «»", true),
        ("rm ./«»", true),
        ("git commit --message=«»", true),
        ("echo «»", true),
        ("printf %s «»", true),
        ("[ «» = b ]", true),
        ("cat <<< «»", true),
        ("cat > «»", true),
    ];
    for (text, fits) in table {
        for reader in [Reader::Here(Language::Bash), Reader::There] {
            let script = Script::encode(reader, &parts(text, &[json!("--checkpoint-action=x")]));
            assert_eq!(script.is_ok(), fits, "{text}");
            let script = Script::encode(reader, &parts(text, &[json!("a-b")]));
            assert!(script.is_ok(), "{text}");
        }
    }
    assert!(Script::encode(Reader::There, &parts("head -n «»", &[json!(-5)])).is_ok());
}

#[test]
fn bash_refuses_what_cannot_be_a_variable() {
    for value in ["a\0b".to_owned(), "x".repeat(200_000)] {
        let script =
            Script::encode(Reader::Here(Language::Bash), &parts("echo «»", &[json!(value)]));
        assert!(script.is_err());
    }
}

/// Words that would do something if anybody evaluated them.
const PAYLOADS: &[&str] = &[
    "",
    " ",
    "$(echo pwned)",
    "`echo pwned`",
    "'; echo pwned; '",
    "\"; echo pwned; \"",
    "a'b\"c\\d",
    "\\",
    "'''",
    "\"\"\"",
    "${PATH}",
    "*",
    "~",
    "-n",
    "a\nEOF\necho pwned",
    "{{ secrets.x }}",
    "{__import__('os').system('echo pwned')}",
    "%s %(x)s {0.__class__}",
    "'+__import__('os').popen('id').read()+'",
    "é한글\u{1f525}\u{2028}\u{202e}",
    "a[$(echo pwned >&2)]",
    "\r\n\t\u{7f}\u{1b}[31m",
    "!!",
];

/// Places that print a value between `[` and `]`.
const BASH: &[&str] = &[
    "printf '[%s]' «»",
    "printf '[%s]' \"«»\"",
    "printf '[%s]' '«»'",
    "printf '[%s]' $'«»'",
    "x=«»; printf '[%s]' \"$x\"",
    "x='«»'; printf '[%s]' \"$x\"",
    "printf '[%s]' \"$(printf '%s.' «»)\" | sed 's/\\.]$/]/'",
    "IFS= read -r -d '' x <<EOF || true\n[«»]\nEOF\nprintf %s \"${x%?}\"",
    "IFS= read -r -d '' x <<'EOF' || true\n[«»]\nEOF\nprintf %s \"${x%?}\"",
    "f() { printf '[%s]' \"$2\"; }; f -- «»",
    "for x in «»; do printf '[%s]' \"$x\"; done",
    "case «» in *) printf '[%s]' '«»';; esac",
    "a=(1 «»); printf '[%s]' \"${a[1]}\"",
    "if [[ «» == '«»' ]]; then printf '[%s]' «»; fi # «»",
    "bash -c 'printf \"[%s]\" \"$1\"' -- «»",
    "cat <(printf '[%s]' «»)",
];

const PYTHON: &[&str] = &[
    "print(end='['); print(«», end=']')",
    "print('[«»]', end='')",
    "print(\"[«»]\", end='')",
    "print('''[«»]''', end='')",
    "print(\"\"\"[«»]\"\"\", end='')",
    "print(f'[«»]', end='')",
    "a = 1\nprint(f'{\"[\"}«»{\"]\"}', end='')",
    "print(b'[«»]'.decode(), end='')",
    "print('[' + {'k': «»}['k'] + ']', end='') # «»",
    "print('[%s]' % «», end='')",
    "print('[{}]'.format(«»), end='')",
];

fn comes_out(language: Language, places: &[&str], value: &str) {
    for place in places {
        let script = ready(language, &parts(place, &[json!(value)]));
        let Some(out) = printed(&script) else { return };
        assert_eq!(out, format!("[{value}]"), "{place}");
    }
}

#[test]
fn payloads_stay_data_in_bash() {
    for value in PAYLOADS {
        comes_out(Language::Bash, BASH, value);
    }
}

#[test]
fn payloads_stay_data_in_python() {
    // One interpreter for all of them: it takes long to start.
    let mut script = String::from("import sys\nsys.stdout.reconfigure(newline='')\n");
    let mut values = Vec::new();
    for value in PAYLOADS {
        for place in PYTHON {
            script.push_str(place);
            script.push_str("\nprint(end='\\0')\n");
            values.extend(place.matches("«»").map(|_| json!(value)));
        }
    }
    let Some(out) = printed(&ready(Language::Python, &parts(&script, &values))) else { return };
    let expected: String =
        PAYLOADS.iter().flat_map(|v| PYTHON.iter().map(move |_| format!("[{v}]\0"))).collect();
    assert_eq!(out, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_text_comes_out_of_bash(value in any::<String>().prop_filter("NUL", |s| !s.contains('\0'))) {
        comes_out(Language::Bash, BASH, &value);
    }

    #[test]
    fn any_value_comes_out_of_python(value in values(), text in "\\PC{0,12}|[\\x00-\\x7f]{0,12}") {
        let code = "import json, sys\nsys.stdout.reconfigure(newline='')\nv = «»\n\
            print(json.dumps([v, '«»', \"\"\"«»\"\"\", f'«»', b'«»'.decode()]), end='')";
        let texts = [value.clone(), json!(text), json!(text), json!(text), json!(text)];
        if let Some(out) = printed(&ready(Language::Python, &parts(code, &texts))) {
            let out: Value = serde_json::from_str(&out).unwrap();
            // A text that is a number is one where no quotes stand.
            let number = value.as_str().filter(|text| !text.contains(['e', 'E', ' ', '\n', '\t', '\r']));
            let number = number.and_then(|text| serde_json::from_str(text).ok());
            let value = number.filter(Value::is_number).unwrap_or(value);
            prop_assert_eq!(out, json!([value, text, text, text, text]));
        }
    }

    /// Whatever the author writes, encoding neither panics nor puts data into the script.
    #[test]
    fn data_is_never_in_the_text(script in "(«»|[ \\na-z'\"`$(){}\\[\\]<>|;&#\\\\=-]|EOF|<<EOF\n|if |eval ){0,40}") {
        let value = json!("MARK");
        if let Ok(script) = Script::encode(Reader::Here(Language::Bash), &parts(&script, std::slice::from_ref(&value))) {
            prop_assert!(!Filled::Script(Box::new(script)).preview()["code"].to_string().contains("MARK"));
        }
        if let Ok(script) = Script::encode(Reader::Here(Language::Python), &parts(&script, &[value])) {
            prop_assert!(!Filled::Script(Box::new(script)).preview()["code"].to_string().contains("MARK"));
        }
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(|n| json!((n * 8.0).round() / 8.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

#[test]
fn python_writes_literals() {
    let table = [
        (
            "x = «»",
            json!({"a": [1, -2.5, null, true]}),
            "x = {\"\\x61\": [(1), (-2.5), None, True, ], }",
        ),
        ("x = «»", json!("a'"), "x = \"\\x61\\x27\""),
        // Whoever writes no quotes means a number where there is one.
        ("x = «»", json!("85.5"), "x = (85.5)"),
        ("x = «»", json!("-1"), "x = (-1)"),
        ("x = «»", json!("007"), "x = \"\\x30\\x30\\x37\""),
        ("x = «»", json!(["1"]), "x = [\"\\x31\", ]"),
        ("x = '«»'", json!("1"), "x = '\\x31'"),
        ("x = 'n: «»'", json!("é"), "x = 'n: \\xe9'"),
        ("x = b'«»'", json!("é"), "x = b'\\xc3\\xa9'"),
        ("# «»\nx", json!("\nimport os"), "# \nx"),
    ];
    for (script, value, expected) in table {
        assert_eq!(python(script, &value), expected, "{script}");
    }
}

#[test]
fn python_refuses() {
    for script in [
        "x = r'«»'",
        "x = rb\"«»\"",
        "x = f'{«»}'",
        "x = f'{a:«»}'",
        "x = '\\«»'",
        "x = \\«»",
        "f«»",
        "«»x",
        "«»«»",
        "x = '«» %s' % 1",
        "x = '«» {}'.format(y)",
        "x = ('«» {}').format(y)",
        "x = '«»",
        "x = t'«»'",
    ] {
        assert!(refusal(Language::Python, script).is_some(), "{script}");
    }
}

#[test]
fn secrets_are_filled_in_last() {
    let secret = || Part::Reference(Reference::Secret("s".to_owned()));
    let code = |text: &str| Part::Code(text.to_owned());
    let bash = [code("printf '[%s]' \""), secret(), code("\"")];
    let python =
        [code("print(end='['); print("), secret(), code(", '"), secret(), code("', end=']')")];
    for (language, parts, expected) in [
        (Language::Bash, &bash[..], "[<s'\">]"),
        (Language::Python, &python[..], "[<s'\"> <s'\">]"),
    ] {
        let script = Script::encode(Reader::Here(language), parts).unwrap();
        let preview = Filled::Script(Box::new(script.clone())).preview().to_string();
        let written = serde_json::to_string(&script).unwrap();
        assert!(!written.contains("<s") && !preview.contains("<s"), "{written} {preview}");
        if let Some(out) = printed(&ready(language, parts)) {
            assert_eq!(out, expected);
        }
    }
}

#[test]
fn a_file_with_a_value_that_would_be_run_is_refused() {
    let found = findings(
        "id: w\ntriggers: [{type: manual}]\nactions:\n- name: a\n  provider:\n    type: bash\n    with:\n      command: |\n        echo\n        eval {{ alert.name }}\n- name: b\n  provider: {type: python, with: {code: \"f'{ {{alert.name}} }'\"}}\n- name: c\n  provider: {type: bash, with: {command: \"{% if a %}{% endif %}\"}}\n",
    );
    insta::assert_snapshot!(found);
}

#[test]
fn a_run_hands_out_scripts() {
    let workflow = with(
        "actions:\n- name: a\n  provider: {type: bash, with: {command: \"echo '{{ alert.name }}' {{ secrets.s }}{{#alert.list}} {{ . }}{{/alert.list}}\"}}\n\
         - name: b\n  provider: {type: python, with: {code: \"x = {{ alert | tojson }}; y = '{{ alert.name }}'; z = {{ alert.n }}\"}}\n\
         - name: c\n  provider: {type: bash, with: {command: uptime}}\n",
    );
    let alert = json!({"name": "$(id)", "n": 5, "list": ["p", "q"]});
    let run = drive(&workflow, event(alert), |_| Some(Outcome::Result(Value::Null)));
    let scripts: Vec<Value> = run.calls.iter().map(|call| call.with.preview()).collect();
    insta::assert_json_snapshot!(scripts);
    assert!(matches!(&run.calls[0].with, Filled::Map(_)));
    let written = serde_json::to_string(&run.calls[0]).unwrap();
    assert_eq!(serde_json::from_str::<bongsu_workflow::Call>(&written).unwrap(), run.calls[0]);
}

/// A command line for another machine.
fn line(text: &str, value: &str) -> String {
    let script = Script::encode(Reader::There, &parts(text, &[json!(value)]));
    let script = script.unwrap_or_else(|refused| panic!("{refused}"));
    match Filled::Script(Box::new(script)).preview() {
        Value::String(text) => text,
        other => panic!("{other}"),
    }
}

#[test]
fn lines_for_other_machines_have_quoted_words() {
    let table = [
        ("df «»", "/dev/sda1", "df /dev/sda1"),
        ("show interface «»", "Gi0/1", "show interface Gi0/1"),
        ("df «»", "a b", "df 'a b'"),
        ("df \"x «»\"", "$(id)", r#"df "x "'$(id)'"""#),
        ("df 'x «»'", "it's", r"df 'x ''it'\''s'''"),
        ("df «»", "", "df ''"),
        ("df «»", r"a\'b", r"df 'a'\\\''b'"),
    ];
    for (text, value, expected) in table {
        assert_eq!(line(text, value), expected);
    }
    for text in ["eval «»", "sh -c «»", "echo `«»`", "cat <<E\n«»\nE\n", "«»", "ssh b «»"]
    {
        let refused = Script::encode(Reader::There, &parts(text, &[json!("x")]));
        assert!(refused.is_err(), "{text}");
    }
}

fn comes_out_there(value: &str) {
    for shell in ["/bin/sh", "/bin/bash"] {
        for place in [
            "printf '[%s]' «»",
            "printf '[%s]' \"«»\"",
            "printf '[%s]' '«»'",
            "x=«»; printf '[%s]' \"$x\"",
            "printf '[%s]' \"$(printf '%s.' «»)\" | sed 's/\\.]$/]/'",
        ] {
            if !std::path::Path::new(shell).is_file() {
                continue;
            }
            let run = Command::new(shell).args(["-c", &line(place, value)]).env_clear().output();
            let out = String::from_utf8(run.unwrap().stdout).unwrap();
            assert_eq!(out, format!("[{value}]"), "{shell} {place}");
        }
    }
}

#[test]
fn payloads_stay_data_on_other_machines() {
    for value in PAYLOADS {
        comes_out_there(value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_text_comes_out_there(value in any::<String>().prop_filter("NUL", |s| !s.contains('\0'))) {
        comes_out_there(&value);
    }
}

#[test]
fn a_secret_is_a_word_of_a_line() {
    let code = |text: &str| Part::Code(text.to_owned());
    let secret = Part::Reference(Reference::Secret("s".to_owned()));
    let script = Script::encode(Reader::There, &[code("login \""), secret, code("\"")]);
    let filled = Filled::Script(Box::new(script.unwrap()));
    let resolved = filled.resolve(&mut |_| Ok::<_, ()>("a b".to_owned())).unwrap();
    assert_eq!(resolved, json!("login \"\"'a b'\"\""));
}
