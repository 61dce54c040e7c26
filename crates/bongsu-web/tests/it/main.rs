//! The service over a backend in memory.
#![allow(clippy::unwrap_used, reason = "a test")]

mod fake;
mod flow;
mod gates;
mod hostile;
mod intake;
mod keep;
mod listen;
mod own_api;
mod secured;
mod series;
mod topology;
mod v2_api;
mod workflows;

use std::sync::Arc;

use bongsu_web::{Body, WebOptions, WebService};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;

use crate::fake::Fake;

struct Server {
    fake: Arc<Fake>,
    service: WebService,
}

/// What came back.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: http::HeaderMap,
    body: Bytes,
}

impl Got {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    fn new() -> Self {
        Self::with(WebOptions::default())
    }

    fn with(options: WebOptions) -> Self {
        let fake = Fake::new();
        let service = WebService::new(fake.clone(), options);
        Self { fake, service }
    }

    async fn raw(&self, request: Request<Full<Bytes>>) -> Response<Body> {
        self.service.clone().oneshot(request).await.unwrap()
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Got {
        let (parts, body) = self.raw(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Got { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn call(&self, method: &str, path: &str) -> Got {
        let request = Request::builder().method(method).uri(path);
        self.send(request.body(Full::default()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Got {
        self.call("GET", path).await
    }

    async fn post(&self, path: &str, body: impl Into<Bytes>) -> Got {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(Full::new(body.into())).unwrap()).await
    }

    async fn send_json(&self, method: &str, path: &str, body: Value) -> Got {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("content-type", "application/json");
        self.send(request.body(Full::new(body.to_string().into())).unwrap()).await
    }

    async fn post_json(&self, path: &str, body: Value) -> Got {
        self.post(path, body.to_string()).await
    }
}
