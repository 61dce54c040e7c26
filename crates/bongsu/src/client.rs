//! The client side of the HTTP API, for commands that ask a running server.
//!
//! In: the server's URL and a request. Out: decoded answers or a [`ClientError`] that says whether
//! the server could not be reached, refused, or answered nonsense.

mod error;
mod http_config;
mod wire;

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::Value;

pub(crate) use error::ClientError;
pub(crate) use http_config::HttpConfig;
pub(crate) use wire::{Alert, Silence, Status};

/// Largest answer read, in bytes: a hundred thousand alerts fit several times.
const MAX_ANSWER: usize = 1 << 30;

/// A connection to one server.
pub(crate) struct Client {
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    base: Url,
    timeout: Duration,
    config: HttpConfig,
}

/// An answer kept as the server sent it, next to its decoded form.
#[derive(Debug, Clone)]
pub(crate) struct Raw<T> {
    /// As sent, keys in order.
    pub(crate) json: Value,
    /// Decoded.
    pub(crate) item: T,
}

impl Client {
    /// A client of the server at `url`: `http://host:port/prefix`, credentials allowed. Missing
    /// parts mean `http`, `localhost`, 9093; `host:port` alone is understood.
    pub(crate) fn new(
        url: &str,
        timeout: Duration,
        config: HttpConfig,
    ) -> Result<Self, ClientError> {
        let base = base_url(url).map_err(ClientError::Setup)?;
        if !base.username().is_empty() && config.authorization.is_some() {
            return Err(ClientError::Setup(
                "basic authentication and http.config.file are mutually exclusive".into(),
            ));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| ClientError::Setup(e.to_string()))?;
        let http = config.client(base.scheme() == "https").map_err(ClientError::Setup)?;
        Ok(Self { http, runtime, base, timeout, config })
    }

    /// `GET /api/v2/status`.
    pub(crate) fn status(&self) -> Result<Raw<Status>, ClientError> {
        let json = self.get("v2/status", &[])?;
        let item = decode(&json)?;
        Ok(Raw { json, item })
    }

    /// `GET /api/v2/alerts`.
    pub(crate) fn alerts(&self, query: &[(&str, &str)]) -> Result<Vec<Raw<Alert>>, ClientError> {
        list(self.get("v2/alerts", query)?)
    }

    /// As [`Self::alerts`], again and again, until the user interrupts or `each` has had enough.
    pub(crate) fn poll_alerts<E>(
        &self,
        query: &[(&str, &str)],
        interval: Duration,
        mut each: impl FnMut(Result<Vec<Raw<Alert>>, ClientError>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.runtime.block_on(async {
            let interrupt = async {
                if tokio::signal::ctrl_c().await.is_err() {
                    // It cannot be caught; then it ends the process by itself.
                    std::future::pending::<()>().await;
                }
            };
            let mut interrupt = std::pin::pin!(interrupt);
            let mut ticks = tokio::time::interval(interval);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                let poll = async {
                    ticks.tick().await;
                    let body = self.send(Method::GET, "v2/alerts", query, None).await?;
                    let answer = serde_json::from_slice(&body);
                    list(answer.map_err(|e| ClientError::Answer(e.to_string()))?)
                };
                tokio::select! {
                    biased;
                    () = &mut interrupt => return Ok(()),
                    alerts = poll => each(alerts)?,
                }
            }
        })
    }

    /// `POST /api/v2/alerts`.
    pub(crate) fn post_alerts(&self, alerts: &Value) -> Result<(), ClientError> {
        self.call(Method::POST, "v2/alerts", &[], Some(alerts)).map(drop)
    }

    /// `GET /api/v2/silences`.
    pub(crate) fn silences(
        &self,
        query: &[(&str, &str)],
    ) -> Result<Vec<Raw<Silence>>, ClientError> {
        list(self.get("v2/silences", query)?)
    }

    /// `GET /api/v2/silence/ID`.
    pub(crate) fn silence(&self, id: &str) -> Result<Raw<Silence>, ClientError> {
        let json = self.get(&format!("v2/silence/{}", path_segment(id)), &[])?;
        let item = decode(&json)?;
        Ok(Raw { json, item })
    }

    /// `POST /api/v2/silences`; the id of the silence made or changed.
    pub(crate) fn post_silence(&self, silence: &Value) -> Result<String, ClientError> {
        self.runtime.block_on(self.post_silence_async(silence))
    }

    /// As [`Self::post_silence`] for many, at most `workers` at once; answers in order.
    pub(crate) fn post_silences(
        &self,
        silences: &[Value],
        workers: usize,
        each: impl Fn(&Value, Result<String, ClientError>),
    ) {
        use futures_util::StreamExt;
        self.runtime.block_on(async {
            let posts = silences
                .iter()
                .map(|silence| async move { (silence, self.post_or_create(silence).await) });
            let mut answers = futures_util::stream::iter(posts).buffered(workers.max(1));
            while let Some((silence, answer)) = answers.next().await {
                each(silence, answer);
            }
        });
    }

    /// `DELETE /api/v2/silence/ID`.
    pub(crate) fn expire_silence(&self, id: &str) -> Result<(), ClientError> {
        let path = format!("v2/silence/{}", path_segment(id));
        self.call(Method::DELETE, &path, &[], None).map(drop)
    }

    /// `POST /api/v1/events/PROVIDER`; the receipt.
    pub(crate) fn post_event(
        &self,
        provider: &str,
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Value, ClientError> {
        let instance = query.iter().find(|(name, _)| *name == "provider_id");
        let below = instance.map(|(_, name)| format!("/{}", path_segment(name)));
        let path = format!("v1/events/{}{}", path_segment(provider), below.unwrap_or_default());
        let body = self.call(Method::POST, &path, query, Some(body))?;
        serde_json::from_slice(&body).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `POST /api/v1/payloads/ID/replay`; the receipt.
    pub(crate) fn replay(&self, id: i64) -> Result<Value, ClientError> {
        let body = self.call(Method::POST, &format!("v1/payloads/{id}/replay"), &[], None)?;
        serde_json::from_slice(&body).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `POST /api/v1/payloads/dismiss`: the problem of one payload, or all.
    pub(crate) fn dismiss_problem(&self, id: Option<i64>) -> Result<Value, ClientError> {
        let asked = serde_json::json!({ "id": id });
        let body = self.call(Method::POST, "v1/payloads/dismiss", &[], Some(&asked))?;
        serde_json::from_slice(&body).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `POST /api/v1/occurrences/FINGERPRINT/changes`; the alert afterwards.
    pub(crate) fn change_alert(&self, of: &str, change: &Value) -> Result<Value, ClientError> {
        let path = format!("v1/occurrences/{}/changes", path_segment(of));
        let body = self.call(Method::POST, &path, &[], Some(change))?;
        serde_json::from_slice(&body).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `GET /api/v1/occurrences/FINGERPRINT`, or what is below it.
    pub(crate) fn wide_alert(
        &self,
        of: &str,
        below: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, ClientError> {
        self.get(&format!("v1/occurrences/{}{below}", path_segment(of)), query)
    }

    /// `GET /api/v1/presets/NAME`.
    pub(crate) fn preset(&self, name: &str) -> Result<Value, ClientError> {
        self.get(&format!("v1/presets/{}", path_segment(name)), &[])
    }

    /// `PUT /api/v1/presets/NAME`.
    pub(crate) fn put_preset(&self, name: &str, preset: &Value) -> Result<Value, ClientError> {
        let path = format!("v1/presets/{}", path_segment(name));
        let body = self.call(Method::PUT, &path, &[], Some(preset))?;
        serde_json::from_slice(&body).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `DELETE /api/v1/presets/NAME`.
    pub(crate) fn delete_preset(&self, name: &str) -> Result<(), ClientError> {
        let path = format!("v1/presets/{}", path_segment(name));
        self.call(Method::DELETE, &path, &[], None).map(drop)
    }

    /// As [`Self::get`], for answers that are text.
    pub(crate) fn text(&self, path: &str, query: &[(&str, &str)]) -> Result<String, ClientError> {
        let body = self.call(Method::GET, path, query, None)?;
        String::from_utf8(body).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `POST` of a YAML document below `/api/`.
    pub(crate) fn post_yaml(
        &self,
        path: &str,
        query: &[(&str, &str)],
        text: String,
    ) -> Result<Value, ClientError> {
        let body = Some(("application/yaml", text));
        let answer = self.runtime.block_on(self.send_text(Method::POST, path, query, body))?;
        serde_json::from_slice(&answer).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `POST` of a form below `/api/`: how Prometheus' API is asked when questions may be long.
    pub(crate) fn ask(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, ClientError> {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let body = Some(("application/x-www-form-urlencoded", form));
        let answer = self.runtime.block_on(self.send_text(Method::POST, path, &[], body))?;
        serde_json::from_slice(&answer).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// A request to the API of a ruler: `root` begins with a slash and is below the server's
    /// address, `names` follow it, the body is YAML; the text of the answer.
    pub(crate) fn ruler(
        &self,
        method: Method,
        root: &str,
        names: &[&str],
        query: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<String, ClientError> {
        let below: String = names.iter().map(|name| format!("/{}", path_segment(name))).collect();
        let body = body.map(|text| ("application/yaml", text));
        let path = format!("{root}{below}");
        let answer = self.runtime.block_on(self.send_text(method, &path, query, body))?;
        String::from_utf8(answer).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `POST` without a body below `/api/`.
    pub(crate) fn post(&self, path: &str) -> Result<Value, ClientError> {
        let answer = self.call(Method::POST, path, &[], None)?;
        serde_json::from_slice(&answer).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `GET` of `ROOT/ID` and what is `below` it.
    pub(crate) fn below(&self, root: &str, id: &str, below: &str) -> Result<Value, ClientError> {
        self.below_with(root, id, below, &[])
    }

    /// As [`Self::below`], with parameters.
    pub(crate) fn below_with(
        &self,
        root: &str,
        id: &str,
        below: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, ClientError> {
        self.get(&format!("{root}/{}{below}", path_segment(id)), query)
    }

    /// `POST` to what is `below` `ROOT/ID`.
    pub(crate) fn post_below(
        &self,
        root: &str,
        id: &str,
        below: &str,
        body: &Value,
    ) -> Result<Value, ClientError> {
        self.write_below(Method::POST, root, id, below, body)
    }

    /// `PUT` to what is `below` `ROOT/ID`.
    pub(crate) fn put_below(
        &self,
        root: &str,
        id: &str,
        below: &str,
        body: &Value,
    ) -> Result<Value, ClientError> {
        self.write_below(Method::PUT, root, id, below, body)
    }

    fn write_below(
        &self,
        method: Method,
        root: &str,
        id: &str,
        below: &str,
        body: &Value,
    ) -> Result<Value, ClientError> {
        let path = format!("{root}/{}{below}", path_segment(id));
        let answer = self.call(method, &path, &[], Some(body))?;
        serde_json::from_slice(&answer).map_err(|e| ClientError::Answer(e.to_string()))
    }

    /// `DELETE` below `/api/`; `id` is the last part of the path.
    pub(crate) fn delete(&self, path: &str, id: &str) -> Result<(), ClientError> {
        let path = format!("{path}/{}", path_segment(id));
        self.call(Method::DELETE, &path, &[], None).map(drop)
    }

    /// Any other `GET` below `/api/`, for what Bongsu serves beyond Alertmanager.
    pub(crate) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, ClientError> {
        let body = self.call(Method::GET, path, query, None)?;
        serde_json::from_slice(&body).map_err(|e| ClientError::Answer(e.to_string()))
    }

    async fn post_silence_async(&self, silence: &Value) -> Result<String, ClientError> {
        let body = self.send(Method::POST, "v2/silences", &[], Some(silence)).await?;
        let answer: Value =
            serde_json::from_slice(&body).map_err(|e| ClientError::Answer(e.to_string()))?;
        answer["silenceID"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| ClientError::Answer("no silenceID in the answer".into()))
    }

    /// Updates a silence the server knows, creates one it does not know.
    async fn post_or_create(&self, silence: &Value) -> Result<String, ClientError> {
        match self.post_silence_async(silence).await {
            Err(ClientError::Refused { status: 404, .. }) => {
                let mut fresh = silence.clone();
                if let Some(fields) = fresh.as_object_mut() {
                    fields.shift_remove("id");
                }
                self.post_silence_async(&fresh).await
            }
            answer => answer,
        }
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Vec<u8>, ClientError> {
        self.runtime.block_on(self.send(method, path, query, body))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Vec<u8>, ClientError> {
        let body = body.map(|body| ("application/json", body.to_string()));
        self.send_text(method, path, query, body).await
    }

    /// `path` is below `/api/`, or begins with a slash and is not.
    async fn send_text(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<(&'static str, String)>,
    ) -> Result<Vec<u8>, ClientError> {
        let mut url = self.base.clone();
        let api = if path.starts_with('/') { "" } else { "/api/" };
        url.set_path(&format!("{}{api}{path}", url.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let shown = error::shown_url(&url);
        let unreachable = |e: &reqwest::Error| error::unreachable(&method, &shown, &url, e);
        let mut request = self.http.request(method.clone(), url.clone()).timeout(self.timeout);
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        if let Some(value) = &self.config.authorization {
            request = request.header("authorization", value.expose());
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let mut answer = request.send().await.map_err(|e| unreachable(&e))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| unreachable(&e))? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(ClientError::Answer("the answer is too large".into()));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(bytes);
        }
        Err(ClientError::Refused {
            method: method.to_string(),
            path: path.strip_prefix("v2/").unwrap_or(path).to_owned(),
            status: status.as_u16(),
            message: error::refusal(&bytes),
        })
    }
}

fn decode<T: serde::de::DeserializeOwned>(json: &Value) -> Result<T, ClientError> {
    T::deserialize(json).map_err(|e| ClientError::Answer(e.to_string()))
}

fn list<T: serde::de::DeserializeOwned>(json: Value) -> Result<Vec<Raw<T>>, ClientError> {
    let Value::Array(items) = json else {
        return Err(ClientError::Answer("expected a list".into()));
    };
    items.into_iter().map(|json| Ok(Raw { item: decode(&json)?, json })).collect()
}

fn base_url(text: &str) -> Result<Url, String> {
    let full = if text.contains("://") {
        text.to_owned()
    } else if text.contains(':') {
        format!("http://{text}")
    } else {
        format!("http://localhost:9093/{}", text.trim_start_matches('/'))
    };
    let url = Url::parse(&full).map_err(|e| format!("parse \"{text}\": {e}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("parse \"{text}\": unsupported scheme \"{other}\"")),
    }
}

/// Keeps an id from reaching outside its place in the path.
fn path_segment(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::base_url;

    #[test]
    fn urls_people_write() {
        for (text, want) in [
            ("", "http://localhost:9093/"),
            ("foo", "http://localhost:9093/foo"),
            ("am:9093", "http://am:9093/"),
            ("https://u:p@am/prefix/", "https://u:p@am/prefix/"),
        ] {
            assert_eq!(base_url(text).map(|u| u.to_string()), Ok(want.to_owned()));
        }
        assert!(base_url("ftp://x").is_err());
    }
}
