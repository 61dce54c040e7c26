use bongsu_web::WebOptions;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::Server;
use crate::fake::Broken;

#[tokio::test]
async fn pages_follow_each_other() {
    let server = Server::new();
    let alerts: Vec<_> = (0..5).map(|i| json!({"labels": {"n": i.to_string()}})).collect();
    server.post_json("/api/v2/alerts", json!(alerts)).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = server.get(&format!("/api/v1/alerts?limit=2&cursor={cursor}")).await.json();
        for item in page["items"].as_array().unwrap() {
            seen.push(item["fingerprint"].as_str().unwrap().to_owned());
        }
        cursor = page["next_cursor"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!((seen.len(), cursor.as_str()), (5, ""));
    assert!(seen.is_sorted());
    let one = server.get(&format!("/api/v1/alerts/{}", seen[0])).await.json();
    assert_eq!(one["state"], "active");
    let explained = server.get(&format!("/api/v1/alerts/{}/explain", seen[0])).await.json();
    assert_eq!(explained["routes"][0]["receiver"], "team-a");
    let history = server.get(&format!("/api/v1/alerts/{}/history?limit=4", seen[0])).await.json();
    assert_eq!(
        (history["items"].as_array().unwrap().len(), &history["next_cursor"]),
        (4, &json!("2"))
    );
    let deliveries = server.get("/api/v1/deliveries?cursor=3").await.json();
    assert_eq!(deliveries["items"].as_array().unwrap().len(), 2);
    assert_eq!(deliveries["next_cursor"], json!(null));
}

#[tokio::test]
async fn errors_help() {
    let server = Server::new();
    for (path, status, code) in [
        ("/api/v1/alerts?limit=0", 400, "invalid_parameter"),
        ("/api/v1/alerts?cursor=zz", 400, "invalid_parameter"),
        ("/api/v1/alerts?filter=bad", 400, "invalid_parameter"),
        ("/api/v1/alerts/zz", 400, "invalid_parameter"),
        ("/api/v1/alerts/00000000000000ff", 404, "alert_not_found"),
        ("/api/v1/alerts/00000000000000ff/explain", 404, "alert_not_found"),
        ("/api/v1/deliveries?cursor=x", 400, "invalid_parameter"),
        ("/api/v1/nothing", 404, "not_found"),
    ] {
        let got = server.get(path).await;
        let body = got.json();
        assert_eq!((got.status, body["code"].as_str().unwrap()), (status, code), "{path}");
        for field in ["message", "help", "link"] {
            assert!(!body[field].as_str().unwrap().is_empty(), "{path} {field}");
        }
    }
    *server.fake.broken.lock() = Broken::StoreGone;
    assert_eq!(server.get("/api/v1/alerts/00000000000000ff/history").await.status, 503);
}

#[tokio::test]
async fn the_first_api_of_alertmanager_is_gone() {
    let ours = Server::new();
    let theirs = Server::with(WebOptions { compatible: true, ..WebOptions::default() });
    for (method, path) in [
        ("POST", "/api/v1/alerts"),
        ("GET", "/api/v1/silences"),
        ("POST", "/api/v1/silences"),
        ("GET", "/api/v1/silence/x"),
        ("DELETE", "/api/v1/silence/x"),
        ("GET", "/api/v1/status"),
        ("GET", "/api/v1/receivers"),
    ] {
        for server in [&ours, &theirs] {
            let got = server.call(method, path).await;
            assert_eq!(
                (got.status, &got.json()["status"]),
                (410, &json!("deprecated")),
                "{method} {path}"
            );
            assert_eq!(got.header("content-type"), "application/json");
        }
    }
    assert_eq!(ours.get("/api/v1/alerts").await.status, 200);
    assert_eq!(theirs.get("/api/v1/alerts").await.status, 410);
    assert_eq!(theirs.get("/api/v1/openapi.json").await.json()["info"]["title"], "Bongsu");
}

#[tokio::test]
async fn runbooks_are_pages_in_the_language_of_the_reader() {
    let runbook = |pack: &str, alert: &str, korean: bool| {
        let text = if korean { "# 중단" } else { "# Down <b>now</b>" };
        (pack == "nodes" && alert == "NodeDown").then(|| text.to_owned())
    };
    let server =
        Server::with(WebOptions { route_prefix: "/am/".into(), runbook, ..WebOptions::default() });
    let english = server.get("/am/runbooks/nodes/NodeDown").await;
    assert_eq!(english.status, 200);
    assert_eq!(english.header("content-type"), "text/html; charset=utf-8");
    assert!(english.header("content-security-policy").starts_with("default-src 'none'"));
    let page = english.text();
    assert!(page.contains("<html lang=\"en\">") && page.contains("href=\"/am/style.css\""));
    assert!(page.contains("<h1>Down &lt;b&gt;now&lt;/b&gt;</h1>"), "{page}");
    assert!(page.contains("href=\"?lang=ko\" lang=\"ko\""));
    let korean = server.get("/am/runbooks/nodes/NodeDown?lang=ko").await;
    assert!(
        korean.text().contains("<html lang=\"ko\">") && korean.text().contains("<h1>중단</h1>")
    );
    let asked = Request::get("/am/runbooks/nodes/NodeDown").header("accept-language", "ko-KR,ko");
    let asked = server.send(asked.body(Full::default()).unwrap()).await;
    assert!(asked.text().contains("<h1>중단</h1>"));
    for path in ["/am/runbooks/nodes/Other", "/am/runbooks/no/NodeDown", "/am/runbooks/nodes"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_page_names_what_runs() {
    let server = Server::with(WebOptions { route_prefix: "/am/".into(), ..WebOptions::default() });
    for path in ["/am", "/am/"] {
        let page = server.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        assert!(page.text().contains("<html lang=\"en\"") && page.text().contains("/am/script.js"));
        assert!(!page.text().contains("<script>") && !page.text().contains("style="));
        for place in
            ["feed", "alerts", "silences", "rules", "slos", "query", "targets", "errors", "server"]
        {
            assert!(page.text().contains(&format!("href=\"#/{place}\"")), "{place}");
        }
    }
    for (asked, language) in [("ko", "ko"), ("en", "en"), ("fr", "en")] {
        let page = server.get(&format!("/am/?lang={asked}")).await;
        assert!(page.text().contains(&format!("<html lang=\"{language}\"")), "{asked}");
    }
    let script = server.get("/am/script.js").await;
    for never in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "//cdn"]
    {
        assert!(!script.text().contains(never), "{never}");
    }
    assert_eq!(
        server.get("/am/script.js").await.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(server.get("/am/style.css").await.status, 200);
    assert_eq!(server.get("/am/api/v2/status").await.status, 200);
    for path in ["/", "/amx", "/api/v2/status", "/am/debug/pprof/", "/am/none"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

/// The names of an object's members in JavaScript: what stands before a colon, outside of texts and of
/// anything deeper.
fn members(object: &str) -> Vec<&str> {
    let (mut names, mut depth, mut begin) = (Vec::new(), 0, 0);
    let mut chars = object.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' | '`' => {
                while let Some((_, inner)) = chars.next() {
                    match inner {
                        '\\' => drop(chars.next()),
                        inner if inner == c => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' if depth == 0 => break,
            '}' | ']' | ')' => depth -= 1,
            ',' if depth == 0 => begin = at + 1,
            ':' if depth == 0 => names.push(object[begin..at].trim()),
            _ => {}
        }
    }
    names
}

#[tokio::test]
async fn both_languages_have_all_words_once() {
    let script = Server::new().get("/script.js").await;
    let script = script.text();
    let of = |language: &str| {
        let (_, block) = script.split_once(&format!("\n  {language}: {{")).unwrap();
        let mut names = members(block);
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{language}: a word stands twice");
        names
    };
    let english = of("en");
    assert_eq!(english, of("ko"));
    assert!(english.len() > 100 && english.contains(&"help"), "{english:?}");
    let used = script
        .match_indices("word.")
        .filter(|(at, _)| !script[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
    for (at, found) in used {
        let rest = &script[at + found.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        assert!(english.contains(&&rest[..end]), "word.{} is none", &rest[..end]);
    }
}

#[tokio::test]
async fn metrics_count_requests() {
    let server = Server::new();
    server.get("/api/v2/status").await;
    server.get("/nothing").await;
    let text = server.get("/metrics").await.text().to_owned();
    for line in [
        "alertmanager_build_info{branch=\"\",",
        "alertmanager_http_request_duration_seconds_count{handler=\"/api/v2/status\",method=\"get\",code=\"200\"} 1",
        "alertmanager_http_response_size_bytes_bucket{handler=\"other\",method=\"other\",code=\"404\",le=\"100\"} 1",
        "alertmanager_http_requests_in_flight{method=\"get\"} 1",
        "process_start_time_seconds ",
        "fake_metric 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
