//! The real engine behind the real HTTP service, on a clock moved by hand.

use std::sync::Arc;
use std::time::Duration;

use bongsu_engine::api::Answer;
use bongsu_engine::clock::{Clock as _, ManualClock};
use bongsu_engine::transport::Transport;
use bongsu_engine::{Engine, Loaded, Options};
use bongsu_lang::Mode;
use bongsu_model::{Diagnostic, Secret, Source, Timestamp};
use bongsu_notify::{HttpRequest, Mail, Response, TransportError};
use bongsu_store::memory::MemoryStore;
use bongsu_web::{WebOptions, WebService};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use serde_json::Value;

/// A server started as `alertmanager`.
pub(super) struct Served {
    pub(super) engine: Engine,
    pub(super) clock: Arc<ManualClock>,
    /// What the configuration file holds.
    pub(super) file: Arc<Mutex<String>>,
    service: WebService,
}

/// What it answered.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
}

impl Answered {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// A receiver that never answers.
struct Nobody;

impl Transport for Nobody {
    fn request(
        &self,
        _request: HttpRequest,
        _deadline: tokio::time::Instant,
    ) -> Answer<'_, Result<Response, TransportError>> {
        Box::pin(std::future::pending())
    }

    fn mail(
        &self,
        _mail: Mail,
        _deadline: tokio::time::Instant,
    ) -> Answer<'_, Result<(), TransportError>> {
        Box::pin(std::future::pending())
    }

    fn secret<'a>(&'a self, path: &'a str) -> Answer<'a, Result<Secret, String>> {
        Box::pin(std::future::ready(Err(format!("open {path}: no such file"))))
    }
}

fn load(text: &str, mode: Mode) -> Result<Loaded, Vec<Diagnostic>> {
    let source = Source { name: "alertmanager.yml".to_owned(), text: text.to_owned() };
    let (config, _) = bongsu_config::alertmanager::load(source, None, mode)?;
    let templates = bongsu_notify::templates::default_templates()
        .map_err(|error| vec![Diagnostic::error("BS0000", error.to_string())])?;
    let retention = Duration::from_secs(120 * 3600);
    Ok(Loaded::new(config, templates, "http://127.0.0.1:9093", retention))
}

impl Served {
    /// Starts with a configuration; the clock stands at `now`.
    pub(super) fn start(config: &str, mode: Mode, now: Timestamp) -> Result<Self, String> {
        let clock = Arc::new(ManualClock::new(now));
        let file = Arc::new(Mutex::new(config.to_owned()));
        let read = Arc::clone(&file);
        let engine = Engine::start(
            Arc::new(MemoryStore::default()),
            Arc::clone(&clock) as _,
            Arc::new(Nobody),
            Options { mode, compatible: true, ..Options::default() },
            Box::new(move || load(&read.lock(), mode)),
        )
        .map_err(|error| format!("the engine does not start: {error}"))?;
        let options = WebOptions { compatible: true, mode, ..WebOptions::default() };
        let service = WebService::new(Arc::new(engine.clone()), options);
        Ok(Self { engine, clock, file, service })
    }

    /// Sends a request; a moment passes before it.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answered, String> {
        let later = self.clock.now().checked_add(jiff::SignedDuration::from_millis(5));
        self.clock.set(later.map_err(|error| error.to_string())?);
        let (parts, body) = self.service.answer(request).await.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answered { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// Posts JSON.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answered, String> {
        let request = Request::post(path).header("content-type", "application/json");
        let body = Full::new(Bytes::from(body.to_string()));
        self.send(request.body(body).map_err(|error| error.to_string())?).await
    }
}
