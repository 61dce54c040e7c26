//! What alerts say, and the places where workflows have values.

use serde_json::{Map, Value, json};

/// Texts that some evaluator would take for its own. `FILE` is one that must not come to be.
pub(super) const PAYLOADS: &[&str] = &[
    "{{ secrets.token }}",
    "{{{ secrets.token }}}",
    "{{secrets.token}} {{ env.PLANTED }} {{ env.HOME }}",
    "{{ alert.name }}{{ providers }}{{ 7 * 191 }}",
    "{% for x in range(3) %}{{ x }}1337{% endfor %}",
    "{% raw %}{{ secrets.token }}",
    "{% endraw %}{{ secrets.token }}{% raw %}",
    "{# remark #}{{! remark }}{{> /etc/passwd }}",
    "{{#alert}}{{ secrets.token }}{{/alert}}{{^nothing}}x{{/nothing}}",
    "${{ secrets.token }} $(PLANTED) env:PLANTED file:token.txt vault:secret/a#b",
    "env:PLANTED",
    "file:token.txt",
    "{{ env.PLANTED }}",
    "keep.uppercase('a')keep.json_loads('[1]')",
    "') keep.join(['a', 'b'], ',') ('",
    "keep.is_business_hours()",
    "$(touch FILE)",
    "`touch FILE`",
    "'; touch FILE; '",
    "\"; touch FILE; \"",
    "x\ntouch FILE\nEOF\ntouch FILE\n",
    "& touch FILE | touch FILE > FILE && touch FILE",
    "\\$(touch FILE) \\\\`touch FILE` $HOME ${PATH} ~ * ?",
    "a]]; touch FILE; [[ a",
    "$((a[$(touch FILE)]))",
    "\"\"\" + str(1337) + \"\"\"",
    "''' + str(1337) + '''",
    "\\",
    "\\\" + open('FILE', 'w') + \"\\",
    "__import__('os').system('touch FILE')",
    "{__import__('os').system('touch FILE')} %s %(a)s {0}",
    "'); DROP TABLE told; --",
    "' OR '1'='1",
    "?1 $1 :name @name",
    "' == '' or '1' == '1",
    "True and False or not None",
    "name == 'x' || true",
    "\" || true || \"",
    "x\r\nX-Forged: yes\r\n\r\nGET /forged HTTP/1.1\r\n\r\n",
    "x\r\nBcc: forged@example.test\r\n\r\nbody",
    "x\nlevel=error msg=forged",
    "x\r\n.\r\nMAIL FROM:<forged@example.test>",
    "\", \"forged\": \"yes",
    "'}, forged: [yes]\n- forged: &a *a\n",
    "x: y # z\n--- !!python/object/apply:os.system ['touch FILE']",
    "<script>alert(1)</script>&lt;&#39;%0d%0aX-Forged:%20yes%00",
    "\u{202e}\u{2028}\u{feff}한글 😀 \u{7f}\u{1b}[31m",
    "//evil.example.test/@evil.example.test",
    "../../forged?x=1#y",
];

/// Where in an alert the texts stand.
const FIELDS: &[&str] = &[
    "alert.name",
    "alert.description",
    "alert.message",
    "alert.service",
    "alert.note",
    "alert.nested.deep",
    "alert.list[0]",
    "alert.labels.plain",
    "alert.labels['a.b/c d']",
];

pub(super) fn alert(id: usize, payload: &str) -> Value {
    json!({
        "fingerprint": format!("i-{id}"),
        "status": "firing",
        "severity": "high",
        "source": ["injection"],
        "name": payload,
        "description": payload,
        "message": payload,
        "service": payload,
        "environment": payload,
        "note": payload,
        "nested": {"deep": payload, payload: payload},
        "list": [payload, payload],
        "labels": {"plain": payload, "a.b/c d": payload, payload: payload},
        "annotations": {"summary": payload, payload: payload},
        payload: payload,
    })
}

/// `key: text` for every field.
fn of_fields(text: impl Fn(&str) -> String) -> Value {
    FIELDS
        .iter()
        .map(|field| ((*field).to_owned(), json!(text(field))))
        .collect::<Map<_, _>>()
        .into()
}

/// A call of the peer that has to arrive, with a body.
fn told(name: &str, body: &Value) -> Value {
    json!({
        "name": name,
        "provider": {"type": "http", "config": "{{ providers.peer }}", "with": {
            "url": format!("/{name}"), "method": "POST",
            "headers": {"x-token": "{{ secrets.token }}", "x-about": "{{ alert.fingerprint }}"},
            "body": body,
        }},
    })
}

fn with(mut step: Value, key: &str, value: Value) -> Value {
    step[key] = value;
    step
}

/// Every kind of place but scripts.
pub(super) fn texts() -> Value {
    let same = "'{{ alert.name }}' == '{{ alert.description }}' and {{ alert.note }} == {{ alert.message }} \
                and '{{ alert.service }}' == alert.labels.plain";
    let steps = json!([
        {"name": "kept", "provider": {"type": "mock", "with": {"value": "{{ alert.name }}", "in": "<{{ alert.nested.deep }}>"}}},
        {"name": "made", "provider": {"type": "sqlite", "config": "{{ providers.base }}", "with": {
            "query": "SELECT ? AS one, ? AS two", "parameters": ["{{ alert.name }}", "{{ alert.labels.plain }}"]}}},
        {"name": "found", "provider": {"type": "keep", "with": {
            "filters": [{"key": "name", "value": "{{ alert.name }}"}, {"key": "note", "value": "{{ alert.note }}"}]}}},
        {"name": "remote", "provider": {"type": "ssh", "config": "{{ providers.fleet }}", "with": {
            "command": "printf '%s|' {{ alert.name }} '{{ alert.note }}' \"{{ alert.labels.plain }}\""}}},
    ]);
    let actions = json!([
        told("mustache", &of_fields(|field| format!("<{{{{ {field} }}}}>"))),
        told("three", &of_fields(|field| format!("<{{{{{{ {field} }}}}}}>"))),
        told("jinja", &of_fields(|field| format!("{{% if true %}}<{{{{ {field} }}}}>{{% endif %}}"))),
        told("section", &json!({"each": "{{#alert.list}}<{{.}}>{{/alert.list}}", "fn": "{{#fn.strip}}<{{ alert.name }}>{{/fn.strip}}"})),
        told("keys", &json!({
            "labels": "{% for key, value in alert.labels | items %}{{ key }}{{ value }}{% endfor %}",
            "whole": "{{ alert.labels | tojson }}",
        })),
        told("functions", &json!({
            "quoted": "keep.strip('{{ alert.name }}')",
            "bare": "keep.strip({{ alert.name }})",
            "named": "keep.strip(alert.name)",
            "replaced": "keep.replace('{{ alert.name }}', 'n0t there', '{{ alert.note }}')",
            "json": "keep.json_dumps({{ alert.list }})",
            "default": "keep.dictget({{ alert.nested }}, 'none', '{{ alert.name }}')",
        })),
        told("consts", &json!({"said": "{{ consts.said }}", "again": "{{ vars.again }}"})),
        told("results", &json!({"kept": "{{ steps.kept.results.value }}", "in": "{{ steps.kept.results.in }}",
            "row": "{{ steps.made.results }}", "found": "{{ steps.found.results | length }}",
            "named": "{{ steps.found.results[0].name }}", "remote": "{{ steps.remote.results.stdout }}"})),
        told("json", &json!("{\"name\": {{ alert.name | tojson }}}")),
        with(told("same", &json!({})), "if", json!(same)),
        with(told("never", &json!({})), "if", json!("'{{ alert.name }}' == 'n0t there'")),
        with(told("never", &json!({})), "if", json!("{{ alert.name }} == 1337 or {{ alert.name != alert.note }}")),
        with(told("never", &json!({})), "condition", json!([
            {"name": "it", "type": "assert", "assert": "'{{ alert.name }}' == 'n0t there'"}])),
        with(told("each", &json!({"value": "{{ foreach.value }}", "item": "{{ item }}"})), "foreach", json!("{{ alert.list }}")),
        {"name": "query", "provider": {"type": "http", "config": "{{ providers.peer }}", "with": {
            "url": "/query/{{ alert.name | urlencode }}", "params": {"q": "{{ alert.name }}"}}}},
        {"name": "address", "on-failure": "continue", "provider": {"type": "http", "config": "{{ providers.peer }}",
            "with": {"url": "/address/{{ alert.name }}"}}},
        {"name": "header", "on-failure": "continue", "provider": {"type": "http", "config": "{{ providers.peer }}", "with": {
            "url": "/header", "method": "POST", "headers": {"x-name": "{{ alert.name }}"}, "body": {"about": "{{ alert.fingerprint }}"}}}},
        {"name": "chat", "provider": {"type": "slack", "config": "{{ providers.chat }}", "with": {"message": "{{ alert.name }}"}}},
        {"name": "mail", "on-failure": "continue", "provider": {"type": "email", "config": "{{ providers.mail }}", "with": {
            "to": "to@example.test", "subject": "{{ alert.name }}", "body": "{{ alert.name }}"}}},
        {"name": "line", "provider": {"type": "console", "with": {"message": "{{ alert.name }}"}}},
        {"name": "written", "provider": {"type": "mock", "with": {"value": "{{ alert.name }}", "enrich_alert": [
            {"key": "written", "value": "{{ alert.name }}"}, {"key": "resulted", "value": "results.value"}]}}},
        {"name": "set", "provider": {"type": "keep", "with": {
            "fingerprint": "{{ alert.fingerprint }}", "set": {"was_set": "{{ alert.name }}"}}}},
        told("last", &json!({})),
    ]);
    let workflow = json!({
        "id": "texts",
        "triggers": [{"type": "alert", "cel": "source.contains('injection') && name != 'n0t there'",
            "filters": [{"key": "service", "value": "r\"(?s).*\""}, {"key": "name", "value": "n0t there", "exclude": true}]}],
        "consts": {"said": "{{ alert.name }}"},
        "steps": steps,
        "actions": with_vars(actions),
    });
    json!({"workflow": workflow})
}

/// `vars` of the first action hold for those after it.
fn with_vars(mut actions: Value) -> Value {
    actions[0]["vars"] = json!({"again": "{{ consts.said }}"});
    actions
}

/// Shells and Python.
pub(super) fn scripts() -> Value {
    let bash = "printf '%s\\n' \"$(printf '%s' {{ alert.name }} | od -An -v -tx1 | tr -d ' \\n')\"\n\
                printf '%s' '{{ alert.note }}' | od -An -v -tx1 | tr -d ' \\n'; echo\n\
                printf '%s' \"{{ alert.labels.plain }}\" | od -An -v -tx1 | tr -d ' \\n'; echo\n\
                word={{ alert.nested.deep }}\n\
                printf '%s' \"$word\" | od -An -v -tx1 | tr -d ' \\n'; echo\n\
                od -An -v -tx1 <<EOF | tr -d ' \\n'\n{{ alert.message }}\nEOF\n";
    let python = "whole = {{ alert }}\nlabels = {{ alert.labels }}\n\
                  return {'bare': {{ alert.name }}, 'single': '{{ alert.note }}', 'double': \"<{{ alert.service }}>\", \
                  'long': \"\"\"{{ alert.message }}\"\"\", 'formatted': f'{len(labels)}' + '{{ alert.labels.plain }}', \
                  'labels': labels, 'nested': whole['nested']}";
    json!({"workflow": {
        "id": "scripts",
        "triggers": [{"type": "alert", "cel": "source.contains('injection')"}],
        "steps": [
            {"name": "shell", "provider": {"type": "bash", "with": {"command": bash}}},
            {"name": "snake", "provider": {"type": "python", "with": {"code": python}}},
        ],
        "actions": [told("scripts", &json!({
            "shell": "{{ steps.shell.results.stdout }}", "failed": "{{ steps.shell.results.stderr }}",
            "snake": "{{ steps.snake.results | tojson }}"}))],
    }})
}
