use std::net::SocketAddr;
use std::time::Duration;

use bongsu_web::{Limits, Peer, Rate, WebOptions};
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::json;

use crate::Server;
use crate::fake::Broken;

fn limits(change: impl FnOnce(&mut Limits)) -> WebOptions {
    let mut options = WebOptions::default();
    change(&mut options.limits);
    options
}

#[tokio::test]
async fn gets_are_limited_until_the_answer_has_left() {
    let server = Server::with(WebOptions { get_concurrency: 1, ..WebOptions::default() });
    let many: Vec<_> = (0..3000).map(|i| json!({"labels": {"n": i.to_string()}})).collect();
    server.post_json("/api/v2/alerts", json!(many)).await;
    let list = || Request::get("/api/v2/alerts").body(Full::default()).unwrap();
    let slow = server.raw(list()).await;
    let refused = server.get("/api/v2/status").await;
    assert_eq!(refused.status, 503);
    assert_eq!(
        refused.text(),
        "Limit of concurrent GET requests reached (1), try again later.\n\n"
    );
    for free in ["/-/healthy", "/-/ready", "/metrics"] {
        assert_eq!(server.get(free).await.status, 200);
    }
    assert_eq!(server.post("/api/v2/alerts", "[]").await.status, 200);
    slow.into_body().collect().await.unwrap();
    assert_eq!(server.get("/api/v2/status").await.status, 200);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let server = Server::with(limits(|l| {
        l.body_bytes = 100;
        l.alerts_per_request = 2;
        l.labels_per_alert = 1;
    }));
    assert_eq!(server.post("/api/v2/alerts", " ".repeat(101)).await.status, 413);
    let one = json!({"labels": {"a": "b"}});
    assert_eq!(server.post_json("/api/v2/alerts", json!([one, one, one])).await.status, 413);
    let two_labels = json!([{"labels": {"a": "b", "c": "d"}}]);
    assert_eq!(server.post_json("/api/v2/alerts", two_labels).await.status, 413);
    assert_eq!(server.post_json("/api/v2/alerts", json!([one, one])).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn answers_are_bounded_in_time() {
    let timeout = Some(Duration::from_secs(2));
    let server = Server::with(WebOptions { timeout, ..WebOptions::default() });
    *server.fake.broken.lock() = Broken::Hangs;
    let got = server.get("/api/v2/alerts").await;
    assert_eq!((got.status, got.text()), (503, "Exceeded configured timeout of 2s.\n"));
}

#[tokio::test]
async fn a_panic_is_an_internal_error() {
    let server = Server::new();
    *server.fake.broken.lock() = Broken::Panics;
    assert_eq!(server.get("/api/v2/alerts").await.status, 500);
    assert_eq!(server.get("/api/v2/status").await.status, 200);
}

#[tokio::test]
async fn addresses_are_limited_apart() {
    let rate = Some(Rate { per_second: 0.001, burst: 2.0 });
    let server = Server::with(limits(|l| l.rate = rate));
    let from = async |address: &str| {
        let peer: SocketAddr = format!("{address}:1000").parse().unwrap();
        let request = Request::get("/-/healthy").extension(Peer(peer));
        server.send(request.body(Full::default()).unwrap()).await
    };
    for status in [200, 200, 429] {
        assert_eq!(from("10.0.0.1").await.status, status);
    }
    assert!(from("10.0.0.1").await.header("retry-after").parse::<u64>().unwrap() > 900);
    assert_eq!(from("10.0.0.2").await.status, 200);
}

#[tokio::test]
async fn head_has_length_but_no_body() {
    let server = Server::new();
    for path in ["/-/healthy", "/-/ready"] {
        let got = server.call("HEAD", path).await;
        assert_eq!((got.status, got.text(), got.header("content-length")), (200, "", "2"));
    }
}
