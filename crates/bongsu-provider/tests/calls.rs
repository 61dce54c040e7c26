//! Calls without I/O: parameters become requests, answers become results.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Secret, Source, Timestamp, render_diagnostics};
use bongsu_provider::call::{Answer, Auth, Call, CallError, CallErrorKind, Extra, Step};
use bongsu_provider::manifest::{Manifest, Operation};
use serde_json::{Map, Value, json};

const HEAD: &str = "\
name: {en: A, ko: A}
summary: {en: A, ko: A}
categories: [generic]
";

fn manifest(text: &str) -> Manifest {
    let source = Source { name: "provider.yaml".into(), text: format!("{HEAD}{text}") };
    match Manifest::parse("a", Arc::new(source)) {
        Ok(manifest) => manifest,
        Err(found) => panic!("{}", render_diagnostics(&found)),
    }
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no map"),
    }
}

fn now() -> Timestamp {
    "2026-11-28T09:00:00Z".parse().unwrap()
}

fn auth(manifest: &Manifest, given: Value) -> Auth {
    manifest.settings(&map(given)).unwrap()
}

fn request(call: &mut Call<'_>) -> Value {
    match call.step().unwrap() {
        Step::Send(request) => request.to_json(),
        Step::Done(outcome) => panic!("it is done: {outcome:?}"),
    }
}

fn ok(body: Value) -> Answer {
    Answer { status: Some(200), body, ..Answer::default() }
}

const TYPED: &str = "\
actions:
  send:
    summary: {en: S, ko: S}
    params:
      text: {type: text, required: true, aliases: [message]}
      count: {type: integer, default: 1}
      share: {type: number}
      loud: {type: boolean}
      tags: {type: list}
      more: {type: map}
      level: {type: text, options: [low, high]}
      id: {type: any, required_unless: name}
      name: {type: text}
    request: {http: {method: POST, url: \"'https://a.test/'\", json: params}}
";

#[test]
fn parameters_are_checked_and_brought_into_form() {
    let manifest = manifest(TYPED);
    let auth = auth(&manifest, json!({}));
    let body = |params: Value| -> Result<Value, CallError> {
        let operation = manifest.operation("send", &auth, &Map::new(), now())?;
        let mut call = operation.prepare(&auth, &map(params), now())?;
        Ok(request(&mut call)["body"].clone())
    };
    let all = json!({
        "message": 5, "count": "7", "share": "0.5", "loud": "Yes", "tags": "[1, \"a\"]",
        "more": "{\"a\": null}", "level": "high", "id": [1], "name": null,
    });
    assert_eq!(
        body(all).unwrap(),
        json!({
            "text": "5", "count": 7, "share": 0.5, "loud": true, "tags": [1, "a"],
            "more": {"a": null}, "level": "high", "id": [1],
        })
    );
    let wrong = json!({
        "text": [], "count": 1.5, "share": "x", "loud": 2, "tags": "a", "more": "[]",
        "level": "highest", "tgas": 1, "zzz": 1,
    });
    let error = body(wrong).unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Params);
    insta::assert_snapshot!(error.message.replace("; ", "\n"));
    let error = body(json!({"text": "a", "message": "b", "name": "n"})).unwrap_err();
    assert_eq!(error.message, "message is another name of text, which is given too");
}

const CHOICE: &str = "\
auth:
  webhook_url: {label: {en: W, ko: W}, secret: true}
  token: {label: {en: T, ko: T}, secret: true, aliases: [access_token]}
connect:
  base: \"'a.test/api/' | base_url\"
  headers: {Accept: \"'application/json'\", X-Odd: \"'1'\"}
  authorize:
  - {kind: bearer, when: auth.token, token: auth.token}
actions:
  send: &send
    summary: {en: S, ko: S}
    when: auth.token and not params.hook
    params: {message: {type: text, required: true}, hook: {type: boolean}}
    request:
      http:
        method: POST
        url: \"'/send'\"
        query: {to: \"['a b', 'c&d']\", none: params.nothing, flag: true}
        headers: {X-Odd: null}
        json: {text: params.message, thread: null, list: [1, null, \"'x'\"]}
    ok: body.ok
    error: body.error
    result: body.ts
  hook:
    <<: *send
    when: auth.webhook_url
    request: {http: {method: POST, url: auth.webhook_url, form: {text: params.message, n: \"[1, 2]\"}}}
queries:
  look: {summary: {en: L, ko: L}, request: {http: {method: GET, url: \"'look'\"}}}
"
;

#[test]
fn the_first_that_fits_is_called_and_requests_are_rendered() {
    let text = CHOICE.replace("none: params.nothing, ", "none: params.hook, ");
    let manifest = manifest(&text);
    let both =
        auth(&manifest, json!({"webhook_url": "https://h.test/x?a=1", "access_token": "tok-1"}));
    let params = map(json!({"message": "Disk full"}));
    let name = |auth: &Auth, params: Value| match manifest.operation("", auth, &map(params), now())
    {
        Ok(operation) => operation.name.clone(),
        Err(error) => error.message,
    };
    assert_eq!(name(&both, json!({"message": "a"})), "send");
    assert_eq!(name(&both, json!({"message": "a", "hook": "true"})), "hook");
    assert_eq!(
        name(&auth(&manifest, json!({"webhook_url": "w"})), json!({"message": "a"})),
        "hook"
    );
    assert_eq!(name(&auth(&manifest, json!({"token": ""})), json!({})), "look");
    let missing = manifest.operation("sned", &both, &params, now()).unwrap_err();
    assert_eq!(missing.message, "a has no operation sned; did you mean send?");

    let send = manifest.operation("send", &both, &params, now()).unwrap();
    let mut call = send.prepare(&both, &params, now()).unwrap();
    let sent = request(&mut call);
    assert_eq!(
        sent,
        json!({
            "method": "POST",
            "url": "https://a.test/api/send?to=a+b&to=c%26d&flag=true",
            "headers": {
                "accept": "application/json", "content-type": "application/json",
                "authorization": "Bearer tok-1",
            },
            "body": {"text": "Disk full", "list": [1, "x"]},
        })
    );
    assert_eq!(call.redactor().redact_value(&sent)["headers"]["authorization"], "Bearer ***");
    call.answer(ok(json!({"ok": true, "ts": "1.2"}))).unwrap();
    let Step::Done(outcome) = call.step().unwrap() else { panic!("it is not done") };
    assert_eq!(outcome.result, "1.2");

    let hook = manifest.operation("hook", &both, &params, now()).unwrap();
    let mut call = hook.prepare(&both, &params, now()).unwrap();
    let sent = request(&mut call);
    assert_eq!(
        (&sent["url"], &sent["body"]),
        (&json!("https://h.test/x?a=1"), &json!("text=Disk+full&n=1&n=2"))
    );
}

#[test]
fn what_is_sent_beside_gives_way_to_the_instance_and_is_hidden() {
    let manifest = manifest(
        "auth: {token: {label: {en: T, ko: T}, secret: true}}\n\
         connect: {base: \"'https://a.test'\", headers: {X-Own: \"'own'\"}, authorize: {kind: bearer, token: auth.token}}\n\
         queries:\n  ask:\n    summary: {en: A, ko: A}\n    request: {http: {method: GET, url: \"'/q'\", query: {q: \"'up'\"}}}\n",
    );
    let auth = auth(&manifest, json!({"token": "t0p/secret"}));
    let pair = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
    let operation = &manifest.queries[0];
    let mut call = operation.prepare(&auth, &Map::new(), now()).unwrap();
    call.add(Extra {
        headers: vec![
            pair("authorization", "Bearer other"),
            pair("x-own", "theirs"),
            pair("x-scope-orgid", "tenant-7"),
        ],
        query: vec![pair("q", "down"), pair("extra_label", "team=web"), pair("extra_label", "a=b")],
    });
    let sent = request(&mut call);
    assert_eq!(sent["url"], "https://a.test/q?q=up&extra_label=team%3Dweb&extra_label=a%3Db");
    assert_eq!(
        sent["headers"],
        json!({"authorization": "Bearer t0p/secret", "x-own": "own", "x-scope-orgid": "tenant-7"})
    );
    let error =
        call.answer(Answer { status: Some(403), body: json!("no tenant-7"), ..Answer::default() });
    assert_eq!(error.unwrap_err().message, "status 403: no ***");
}

#[test]
fn throttling_of_aws_is_no_wrong_request() {
    let manifest = manifest(
        "queries:\n  ask:\n    summary: {en: A, ko: A}\n    request: {http: {method: GET, url: \"'https://a.test/'\"}}\n",
    );
    let auth = auth(&manifest, json!({}));
    for (status, kind, retry) in [
        (400, "Throttling", true),
        (400, "com.amazonaws.cloudwatch#ThrottlingException", true),
        (400, "ValidationError", false),
        (403, "Throttling", false),
    ] {
        let mut call = manifest.queries[0].prepare(&auth, &Map::new(), now()).unwrap();
        call.step().unwrap();
        let body = json!({"__type": kind, "message": "m"});
        let error = call.answer(Answer { status: Some(status), body, ..Answer::default() });
        assert_eq!(error.unwrap_err().retry, retry, "{status} {kind}");
    }
}

#[test]
fn errors_say_what_the_peer_said_and_hide_secrets() {
    let manifest = manifest(&CHOICE.replace("none: params.nothing, ", ""));
    let auth = auth(&manifest, json!({"token": "t0p/secret"}));
    let params = map(json!({"message": "m"}));
    let fail = |answer: Answer| {
        let send = manifest.operation("send", &auth, &params, now()).unwrap();
        let mut call = send.prepare(&auth, &params, now()).unwrap();
        call.step().unwrap();
        call.answer(answer).unwrap_err()
    };
    let answer = |status: u16, body: Value| {
        let headers = map(json!({"retry-after": "7"}));
        Answer { status: Some(status), headers, body }
    };
    for (status, body, message, retry) in [
        (200, json!({"ok": false, "error": "no t0p/secret"}), "no ***", false),
        (200, json!({"ok": false}), r#"{"ok":false}"#, false),
        (403, json!("dDBwL3NlY3JldA== t0p%2Fsecret"), "status 403: *** ***", false),
        (429, json!({"error": "slow"}), "status 429: slow", true),
        (503, json!(null), "status 503", true),
    ] {
        let error = fail(answer(status, body));
        assert_eq!(error.message, message);
        assert_eq!((error.retry, error.status), (retry, Some(status)));
        assert_eq!(error.retry_after, retry.then_some(Duration::from_secs(7)));
    }
    let long = fail(answer(400, json!("x".repeat(5000))));
    assert_eq!(long.message.chars().count(), "status 400: ".len() + 301);
}

#[test]
fn a_token_first_then_pages() {
    let manifest = manifest("\
auth:
  id: {label: {en: I, ko: I}, required: true}
  secret: {label: {en: S, ko: S}, secret: true}
connect:
  base: \"'https://a.test'\"
  authorize: {kind: oauth2, token_url: \"'/token'\", client_id: auth.id, client_secret: auth.secret, scopes: \"['a', 'b']\"}
queries:
  by_key:
    summary: {en: Q, ko: Q}
    request:
      http:
        method: GET
        url: \"'/items'\"
        query: {limit: 2}
        pages: {next: body.next, param: after, items: body.items}
  by_url:
    summary: {en: Q, ko: Q}
    request: {http: {method: GET, url: \"'/items'\", pages: {next: body.next, items: body.items, limit: 2}}}
    result: body | length
");
    let auth = auth(&manifest, json!({"id": "i", "secret": "s3cr"}));
    let begin = |name: &str| {
        let operation = manifest.operation(name, &auth, &Map::new(), now()).unwrap();
        operation.prepare(&auth, &Map::new(), now()).unwrap()
    };
    let mut call = begin("by_key");
    let sent = request(&mut call);
    assert_eq!(sent["url"], "https://a.test/token");
    assert_eq!(
        sent["body"],
        "grant_type=client_credentials&client_id=i&client_secret=s3cr&scope=a+b"
    );
    call.answer(ok(json!({"access_token": "tok1", "expires_in": 3600}))).unwrap();
    assert_eq!(request(&mut call)["headers"]["authorization"], "Bearer tok1");
    call.answer(ok(json!({"items": [1, 2], "next": "n2"}))).unwrap();
    assert_eq!(request(&mut call)["url"], "https://a.test/items?limit=2&after=n2");
    call.answer(ok(json!({"items": [3], "next": ""}))).unwrap();
    let Step::Done(outcome) = call.step().unwrap() else { panic!("it is not done") };
    assert_eq!(outcome.result, json!([1, 2, 3]));
    let token = call.token().unwrap().clone();
    assert!(token.is_good(now()));
    assert!(!token.is_good("2026-11-28T10:00:00Z".parse().unwrap()));

    let mut call = begin("by_url");
    call.use_token(token);
    request(&mut call);
    call.answer(ok(json!({"items": [1], "next": "/items?page=2"}))).unwrap();
    assert_eq!(request(&mut call)["url"], "https://a.test/items?page=2");
    call.answer(ok(json!({"items": [2], "next": "/items?page=3"}))).unwrap();
    let Step::Done(outcome) = call.step().unwrap() else { panic!("the limit is 2 pages") };
    assert_eq!(outcome.result, 2);
    let mut call = begin("by_url");
    call.use_token(bongsu_provider::call::Token {
        scheme: "Bearer".to_owned(),
        value: bongsu_model::Secret::new("tok1"),
        until: None,
    });
    request(&mut call);
    let error = call.answer(ok(json!({"items": [], "next": "https://b.test/"}))).unwrap_err();
    assert_eq!(error.message, "next page: it is at another host");
}

#[test]
fn ways_to_prove_who_sends() {
    let key = std::fs::read_to_string("tests/data/rsa-test-key.pem").unwrap();
    let account = json!({"client_email": "a@b.test", "private_key": key, "private_key_id": "k1"});
    let sent = |authorize: &str| {
        let manifest = manifest(&format!("\
auth:
  account: {{label: {{en: A, ko: A}}, secret: true, type: json}}
connect: {{authorize: {authorize}}}
actions:
  a:
    summary: {{en: A, ko: A}}
    request: {{http: {{method: PUT, url: \"'https://a.test/x?b=1'\", text: \"'hi'\", content_type: text/plain}}}}
"));
        let auth = auth(&manifest, json!({"account": account.clone()}));
        let operation = manifest.operation("a", &auth, &Map::new(), now()).unwrap();
        let mut call = operation.prepare(&auth, &Map::new(), now()).unwrap();
        let sent = request(&mut call);
        assert!(!call.redactor().redact(&sent.to_string()).contains("hunter22"), "{sent}");
        sent
    };
    let authorization = |way: &str| sent(way)["headers"]["authorization"].clone();
    let header = authorization("{kind: basic, username: \"'u'\", password: \"'hunter22'\"}");
    assert_eq!(header, "Basic dTpodW50ZXIyMg==");
    assert_eq!(authorization("{kind: bearer, token: auth.account.none}"), Value::Null);
    let header = &sent("{kind: header, name: X-Key, value: \"'hunter22'\"}")["headers"]["x-key"];
    assert_eq!(header, "hunter22");
    let url = &sent("{kind: query, name: key, value: \"'hunter22'\"}")["url"];
    assert_eq!(url, "https://a.test/x?b=1&key=hunter22");
    let way = "{kind: hmac, header: X-Sig, prefix: 'v1=', algorithm: sha256, secret: \"'key'\"}";
    let signature = &sent(way)["headers"]["x-sig"];
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key"), b"hi");
    assert_eq!(*signature, format!("v1={}", hex::encode(tag)));
    let way = "{kind: sigv4, region: \"'eu-west-1'\", service: \"'s3'\", access_key: \"'AK'\", secret_key: \"'hunter22'\"}";
    let aws = sent(way);
    let header = aws["headers"]["authorization"].as_str().unwrap();
    assert!(header.starts_with("AWS4-HMAC-SHA256 Credential=AK/20261128/eu-west-1/s3/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature="), "{header}");
    let google = sent("{kind: google, service_account: auth.account, scopes: \"['s']\"}");
    assert_eq!(google["url"], "https://oauth2.googleapis.com/token");
    let body = google["body"].as_str().unwrap();
    let assertion = body.rsplit_once("assertion=").unwrap().1;
    let parts: Vec<&str> = assertion.split('.').collect();
    use base64::Engine;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    insta::assert_snapshot!(String::from_utf8(claims).unwrap(), @r#"{"iss":"a@b.test","scope":"s","aud":"https://oauth2.googleapis.com/token","iat":1795856400,"exp":1795860000}"#);
    let public = std::fs::read("tests/data/rsa-test-key.pub.der").unwrap();
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, public)
        .verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &signature)
        .unwrap();
}

#[test]
fn settings_are_checked_without_repeating_them() {
    let manifest = manifest(
        "\
auth:
  port: {label: {en: P, ko: P}, type: integer, default: 5432, secret: true}
  host: {label: {en: H, ko: H}, required: true}
  mode: {label: {en: M, ko: M}, options: [a, b], default: a}
",
    );
    let values = auth(&manifest, json!({"host": "h", "port": ""})).values().clone();
    assert_eq!(Value::Object(values), json!({"host": "h", "port": 5432, "mode": "a"}));
    let wrong = map(json!({"port": "hunter22", "host": "", "mode": "c", "hots": 1}));
    let error = manifest.settings(&wrong).unwrap_err();
    assert_eq!(
        error.message,
        "port: a whole number is wanted; mode: one of a, b is wanted; \
         there is no setting hots; did you mean host?; host is required"
    );
}

#[test]
fn an_operation_that_parameters_name_is_taken_wherever_the_call_stands() {
    let manifest = manifest(
        "\
select: params.action
actions:
  set: &any
    summary: {en: A, ko: A}
    params: {action: {type: text}}
    request: {http: {method: GET, url: \"'https://a.example/'\"}}
  both: *any
queries:
  get: *any
  list: *any
",
    );
    let auth = auth(&manifest, json!({}));
    for (action, asked, told) in [
        ("", "get", "set"),
        ("list", "list", "list"),
        ("both", "both", "both"),
        ("none", "get", "set"),
    ] {
        let params = map(json!({"action": action}));
        let name = |found: Result<&Operation, CallError>| found.unwrap().name.clone();
        assert_eq!(name(manifest.default_query(&auth, &params, now())), asked, "{action}");
        assert_eq!(name(manifest.default_action(&auth, &params, now())), told, "{action}");
    }
}

#[test]
fn other_transports_are_plain_data() {
    let manifest = manifest(
        "\
auth: {password: {label: {en: P, ko: P}, secret: true}}
queries:
  sql:
    summary: {en: Q, ko: Q}
    params: {one: {type: boolean}}
    connect: {dialect: postgresql, host: \"'db'\", password: auth.password}
    request: {sql: {statement: \"'select $1'\", parameters: [1], single_row: params.one}}
  ssh:
    summary: {en: Q, ko: Q}
    connect: {host: \"'h'\"}
    request: {ssh: {command: \"'uptime'\"}}
",
    );
    let auth = auth(&manifest, json!({"password": "pass-1"}));
    let result = |name: &str, params: Value, body: Value| {
        let operation = manifest.operation(name, &auth, &Map::new(), now()).unwrap();
        let mut call = operation.prepare(&auth, &map(params), now()).unwrap();
        let sent = request(&mut call);
        call.answer(Answer::of(body)).unwrap();
        let Step::Done(outcome) = call.step().unwrap() else { panic!("it is not done") };
        (sent, outcome.result)
    };
    let rows = json!({"columns": ["a", "b"], "rows": [[1, 2], [3, 4]]});
    let (sent, all) = result("sql", json!({}), rows.clone());
    assert_eq!(sent, json!({"sql": {"statement": "select $1", "parameters": [1]}}));
    assert_eq!(all, json!([{"a": 1, "b": 2}, {"a": 3, "b": 4}]));
    assert_eq!(result("sql", json!({"one": true}), rows).1, json!({"a": 1, "b": 2}));
    assert_eq!(result("sql", json!({}), json!({"affected": 3})).1, json!({"affected": 3}));
    let out = json!({"stdout": "up", "stderr": "", "return_code": 0});
    let result = result("ssh", json!({}), out).1;
    assert_eq!(result, json!({"stdout": "up", "stderr": "", "return_code": 0, "success": true}));
}

const LOOKED_UP: &str = "\
actions:
  move:
    summary: {en: M, ko: M}
    params:
      issue: {type: text, required: true}
      to: {type: text, required: true}
      board: {type: text}
    before:
      board:
        when: params.board
        request: {http: {method: GET, url: \"'https://a.test/boards'\", query: {name: params.board}}}
        result: body | map(attribute='id') | first
        missing: \"'there is no board ' ~ params.board\"
      step:
        request: {http: {method: GET, url: \"'https://a.test/steps'\", query: {board: before.board}}}
        error: body.why
        result: body[params.to]
    request: {http: {method: POST, url: \"'https://a.test/move'\", json: {step: before.step, board: before.board}}}
    result: \"{'step': before.step, 'status': status}\"
  rotate:
    summary: {en: R, ko: R}
    params:
      paths: {type: list, required: true}
      seed: {type: text, random: 32}
    before:
      old:
        each: params.paths
        request: {http: {method: GET, url: \"'https://a.test/' ~ item\"}}
        result: body | map(attribute='version') | list
    each: params.paths
    request: {http: {method: PUT, url: \"'https://a.test/' ~ item\", json: {after: 'before.old[at]', value: (params.seed ~ item) | sha256}}}
    ok: status == 200 and body.version
    result: \"params.paths | zip(body | map(attribute='version')) | list\"
";

#[test]
fn requests_before_the_main_one() {
    let manifest = manifest(LOOKED_UP);
    let auth = auth(&manifest, json!({}));
    let operation = manifest.operation("move", &auth, &Map::new(), now()).unwrap();
    // The answers one after the other; then what was asked, and the end of it.
    let run = |params: Value, answers: &[Answer]| {
        let mut call = operation.prepare(&auth, &map(params), now()).unwrap();
        let mut asked = Vec::new();
        for answer in answers {
            let request = request(&mut call);
            asked.push(format!(
                "{} {}",
                request["url"].as_str().unwrap().trim_start_matches("https://a.test"),
                request["body"]
            ));
            if let Err(error) = call.answer(answer.clone()) {
                assert!(!error.retry);
                asked.push(error.message);
                return asked.join("; ");
            }
        }
        match call.step().unwrap() {
            Step::Done(outcome) => asked.push(outcome.result.to_string()),
            Step::Send(_) => asked.push("more".to_owned()),
        }
        asked.join("; ")
    };
    let (plain, boarded) = (
        json!({"issue": "A-1", "to": "done"}),
        json!({"issue": "A-1", "to": "done", "board": "B"}),
    );
    let (boards, steps) = (ok(json!([{"id": 7}])), ok(json!({"done": "31"})));
    let refused =
        Answer { status: Some(403), body: json!({"why": "not yours"}), ..Answer::default() };
    let said = [
        run(plain.clone(), &[steps.clone(), ok(json!({}))]),
        run(boarded.clone(), &[boards, steps, ok(json!({}))]),
        run(boarded, &[ok(json!([]))]),
        run(plain.clone(), &[ok(json!({"open": "1"}))]),
        run(plain, &[refused]),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    /steps null; /move {"step":"31"}; {"step":"31","status":200}
    /boards?name=B null; /steps?board=7 null; /move {"step":"31","board":7}; {"step":"31","status":200}
    /boards?name=B null; there is no board B
    /steps null; step: nothing was found
    /steps null; status 403: not yours
    "#);
}

#[test]
fn one_request_for_every_element() {
    let manifest = manifest(LOOKED_UP);
    let auth = auth(&manifest, json!({}));
    let operation = manifest.operation("rotate", &auth, &Map::new(), now()).unwrap();
    assert_eq!(operation.random().collect::<Vec<_>>(), [("seed", 32)]);
    // Randomness is a matter of whoever calls.
    let error = operation.prepare(&auth, &map(json!({"paths": ["a"]})), now()).unwrap_err();
    assert_eq!(error.message, "seed is required");
    let given = map(json!({"paths": ["a"]}));
    let furnished = bongsu_provider::furnished(operation, &given).unwrap();
    assert_eq!(furnished["seed"].as_str().unwrap().len(), 64);
    let other = bongsu_provider::furnished(operation, &given).unwrap();
    assert_ne!(furnished["seed"], other["seed"]);

    let prepare = |paths: Value| {
        let params = map(json!({"paths": paths, "seed": "5eed5eed"}));
        operation.prepare(&auth, &params, now())
    };
    let mut call = prepare(json!(["a", "b"])).unwrap();
    let mut asked = Vec::new();
    for version in [1, 2, 3, 4] {
        let request = request(&mut call);
        asked
            .push(format!("{} {} {}", request["method"], request["url"], request["body"]["after"]));
        call.answer(ok(json!({"version": version}))).unwrap();
    }
    let Step::Done(outcome) = call.step().unwrap() else { panic!("it is not done") };
    asked.push(outcome.result.to_string());
    insta::assert_snapshot!(asked.join("\n"), @r#"
    "GET" "https://a.test/a" null
    "GET" "https://a.test/b" null
    "PUT" "https://a.test/a" 1
    "PUT" "https://a.test/b" 2
    [["a",3],["b",4]]
    "#);
    // What is random is not shown.
    let mut call = prepare(json!(["a"])).unwrap();
    let refused = Answer { status: Some(400), body: json!("5eed5eed is odd"), ..Answer::default() };
    request(&mut call);
    assert_eq!(call.answer(refused).unwrap_err().message, "status 400: *** is odd");

    for (paths, why) in [
        (json!([]), "there is nothing to do it for: the list is empty"),
        (Value::from_iter(0..101), "101 elements, at most 100"),
    ] {
        assert_eq!(prepare(paths).unwrap_err().message, why);
    }
}

#[test]
fn a_pull_says_whether_it_is_all() {
    let manifest = manifest(
        "ingest: [{shape: a, fields: {name: item.n}}]\n\
         pull:\n  every: 1m\n  shape: a\n  items: body\n  complete: body | length < 3\n  \
         request: {http: {method: GET, url: \"'https://a.test/'\", pages: {next: body.next, \
         items: body.items, limit: 2}}}\n",
    );
    let auth = auth(&manifest, json!({}));
    let operation = manifest.operation("pull", &auth, &Map::new(), now()).unwrap();
    for (pages, complete) in [
        (&[json!({"items": [1, 2]})][..], true),
        (&[json!({"items": [1], "next": "/2"}), json!({"items": [2]})], true),
        (&[json!({"items": [1, 2], "next": "/2"}), json!({"items": [3]})], false),
        // More pages than are asked for.
        (&[json!({"items": [1], "next": "/2"}), json!({"items": [2], "next": "/3"})], false),
    ] {
        let mut call = operation.prepare(&auth, &Map::new(), now()).unwrap();
        for page in pages {
            request(&mut call);
            call.answer(ok(page.clone())).unwrap();
        }
        let Step::Done(outcome) = call.step().unwrap() else { panic!("it is not done") };
        assert_eq!(outcome.complete, complete, "{pages:?}");
    }
}
