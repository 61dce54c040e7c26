//! One client per set of settings, with its connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{self, HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::connector::{Connector, Route, request_error};
use super::oauth2::TokenSource;
use super::proxy::{Proxies, ProxyKind};
use super::redirect::{MAX_REDIRECTS, follow, origin, trusts};
use super::settings::{Authorization, HttpSettings};
use super::{HttpRequest, HttpResponse, MAX_ERROR_BODY_BYTES, header_field};
use crate::egress::EgressPolicy;
use crate::error::{TransportError, TransportErrorKind};
use crate::tls::ClientTlsSource;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(90);

/// Bytes read and thrown away after the part of a body that is kept, so that the connection can be
/// used again.
const MAX_DRAIN: usize = 256 * 1024;

type Pool = Client<Connector, Full<Bytes>>;

/// Sends requests with one set of settings. Keep it: its connections live as long as it does.
pub struct HttpClient {
    settings: HttpSettings,
    user_agent: HeaderValue,
    tls: ClientTlsSource,
    proxy_tls: ClientTlsSource,
    proxies: Arc<Proxies>,
    egress: Arc<EgressPolicy>,
    pool: Mutex<Option<(Arc<ClientConfig>, Pool)>>,
    tokens: Option<TokenSource>,
}

impl HttpClient {
    /// A client. Nothing is read or connected yet.
    ///
    /// # Errors
    /// When the proxy URL, a scheme or the user agent cannot be used.
    pub fn new(
        settings: HttpSettings,
        user_agent: &str,
        egress: Arc<EgressPolicy>,
    ) -> Result<Self, TransportError> {
        let (_, agent) = header_field("user-agent", user_agent)?;
        let tokens = match &settings.authorization {
            Authorization::OAuth2(oauth) => {
                let own = HttpSettings {
                    tls: oauth.tls.clone(),
                    proxy: oauth.proxy.clone(),
                    ..HttpSettings::default()
                };
                let client = Self::new(own, user_agent, egress.clone())?;
                Some(TokenSource::new((**oauth).clone(), Box::new(client)))
            }
            _ => None,
        };
        let protocols: &[&[u8]] = match (settings.http2_only, settings.http2) {
            (true, _) => &[b"h2"],
            (false, true) => &[b"h2", b"http/1.1"],
            (false, false) => &[],
        };
        Ok(Self {
            tls: ClientTlsSource::new(settings.tls.clone(), protocols),
            proxy_tls: ClientTlsSource::new(settings.tls.clone(), &[]),
            proxies: Arc::new(Proxies::new(&settings.proxy)?),
            user_agent: agent,
            egress,
            pool: Mutex::new(None),
            tokens,
            settings,
        })
    }

    /// The settings given.
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// Sends a request and reads the answer, redirects included, before `deadline`. Dropping the
    /// future gives the request up.
    ///
    /// # Errors
    /// Whatever keeps the request from being answered; an answer of any status is not an error.
    pub async fn send(
        &self,
        request: HttpRequest,
        deadline: Instant,
    ) -> Result<HttpResponse, TransportError> {
        let host = origin(&request.url);
        match timeout_at(deadline, self.send_and_follow(request, deadline)).await {
            Ok(result) => result,
            Err(_) => Err(TransportError::timeout(host)),
        }
    }

    /// Sends a request and gives the answer as soon as its head is there, before `deadline`; its body
    /// is read piece by piece, for as long as the peer goes on.
    ///
    /// # Errors
    /// As [`HttpClient::send`].
    pub async fn open(
        &self,
        request: HttpRequest,
        deadline: Instant,
    ) -> Result<HttpStream, TransportError> {
        let host = origin(&request.url);
        let opened = timeout_at(deadline, self.answered(request, deadline)).await;
        let (answer, _) = opened.map_err(|_| TransportError::timeout(host.as_str()))??;
        let (head, body) = answer.into_parts();
        Ok(HttpStream { status: head.status.as_u16(), host, body })
    }

    async fn send_and_follow(
        &self,
        request: HttpRequest,
        deadline: Instant,
    ) -> Result<HttpResponse, TransportError> {
        let most = request.max_answer;
        let (answer, host) = self.answered(request, deadline).await?;
        read(answer, &host, most).await
    }

    /// The answer that is no redirect, and who gave it.
    async fn answered(
        &self,
        mut request: HttpRequest,
        deadline: Instant,
    ) -> Result<(::http::Response<Incoming>, String), TransportError> {
        let pool = self.current_pool().await?;
        let first = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send_once(&pool, &request, &first, deadline).await?;
            let status = answer.status().as_u16();
            if self.settings.follow_redirects
                && let Some(next) = follow(&request, status, answer.headers())?
            {
                request = next;
                continue;
            }
            if status == 401
                && let Some(tokens) = &self.tokens
            {
                tokens.forget().await;
            }
            return Ok((answer, origin(&request.url)));
        }
        let text = format!("{}: stopped after {MAX_REDIRECTS} redirects", origin(&first));
        Err(TransportError::new(TransportErrorKind::Redirect, text))
    }

    async fn send_once(
        &self,
        pool: &Pool,
        request: &HttpRequest,
        first: &Url,
        deadline: Instant,
    ) -> Result<::http::Response<Incoming>, TransportError> {
        let host = origin(&request.url);
        let mut headers = request.headers.clone();
        self.add_headers(&mut headers, &request.url, first, deadline).await?;
        // Userinfo and fragment are not part of what is sent.
        let mut url = request.url.clone();
        url.set_fragment(None);
        url.set_username("").and_then(|()| url.set_password(None)).ok();
        let mut sent = ::http::Request::builder()
            .method(request.method.clone())
            .uri(url.as_str())
            .body(Full::new(request.body.clone()))
            .map_err(|error| {
                TransportError::new(TransportErrorKind::Request, format!("{host}: {error}"))
            })?;
        *sent.headers_mut() = headers;
        pool.request(sent).await.map_err(|error| request_error(&host, &error))
    }

    /// Adds what the settings say, as far as the request does not say it itself. Credentials are
    /// left out when a redirect leads to another host.
    async fn add_headers(
        &self,
        headers: &mut HeaderMap,
        url: &Url,
        first: &Url,
        deadline: Instant,
    ) -> Result<(), TransportError> {
        if !headers.contains_key(header::USER_AGENT) {
            headers.insert(header::USER_AGENT, self.user_agent.clone());
        }
        let port = url.port_or_known_default().unwrap_or(80);
        if url.scheme() == "http"
            && let Some(proxy) = self.proxies.choose(false, url.host_str().unwrap_or(""), port)
            && proxy.kind != ProxyKind::Socks5
            && let Some(value) = proxy.authorization()
        {
            let (name, value) = header_field("proxy-authorization", &value)?;
            headers.insert(name, value);
        }
        if !trusts(first, url) {
            return Ok(());
        }
        let given: Vec<_> = headers.keys().cloned().collect();
        for (name, source) in &self.settings.headers {
            let (name, value) = header_field(name, source.get().await?.expose())?;
            if !given.contains(&name) {
                headers.append(name, value);
            }
        }
        if headers.contains_key(header::AUTHORIZATION) {
            return Ok(());
        }
        if let Some(value) = self.authorization(url, deadline).await? {
            let (name, value) = header_field("authorization", &value)?;
            headers.insert(name, value);
        }
        Ok(())
    }

    async fn authorization(
        &self,
        url: &Url,
        deadline: Instant,
    ) -> Result<Option<String>, TransportError> {
        let basic = |user: &str, password: &str| {
            Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
        };
        Ok(match &self.settings.authorization {
            Authorization::None => {
                let decode = |text| {
                    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
                };
                let (user, password) = (url.username(), url.password());
                if user.is_empty() && password.is_none() {
                    return Ok(None);
                }
                basic(&decode(user), &decode(password.unwrap_or_default()))
            }
            Authorization::Basic { username, password } => {
                let username = username.get().await?;
                let password = match password {
                    Some(source) => source.get().await?,
                    None => bongsu_model::Secret::default(),
                };
                basic(username.expose(), password.expose())
            }
            Authorization::Credentials { scheme, credentials } => {
                Some(format!("{scheme} {}", credentials.get().await?.expose()))
            }
            Authorization::OAuth2(_) => match &self.tokens {
                Some(tokens) => Some(tokens.authorization(deadline).await?),
                None => None,
            },
        })
    }

    /// The connections for the TLS files as they are now.
    async fn current_pool(&self) -> Result<Pool, TransportError> {
        let tls = self.tls.current().await?;
        let proxy_tls = self.proxy_tls.current().await?;
        let mut pool = self.pool.lock();
        if let Some((known, pool)) = &*pool
            && Arc::ptr_eq(known, &tls)
        {
            return Ok(pool.clone());
        }
        let route = Route {
            tls: tls.clone(),
            proxy_tls,
            server_name: self.settings.tls.server_name.clone(),
            proxies: self.proxies.clone(),
            egress: self.egress.clone(),
        };
        let fresh: Pool = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http2_only(self.settings.http2_only)
            .build(Connector(Arc::new(route)));
        *pool = Some((tls, fresh.clone()));
        Ok(fresh)
    }
}

/// An answer whose body is still coming.
pub struct HttpStream {
    /// The status code.
    pub status: u16,
    host: String,
    body: Incoming,
}

impl HttpStream {
    /// The next piece of the body before `deadline`; `None` at its end.
    ///
    /// # Errors
    /// When the body breaks off, or nothing comes in time.
    pub async fn next(&mut self, deadline: Instant) -> Result<Option<Bytes>, TransportError> {
        loop {
            let frame = timeout_at(deadline, self.body.frame()).await;
            let frame = frame.map_err(|_| TransportError::timeout(self.host.as_str()))?;
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    let text = format!("{}: body: {error}", self.host);
                    return Err(TransportError::new(TransportErrorKind::Protocol, text));
                }
            }
        }
    }
}

async fn read(
    answer: ::http::Response<Incoming>,
    host: &str,
    max_answer: usize,
) -> Result<HttpResponse, TransportError> {
    let (head, mut body) = answer.into_parts();
    let keep = if head.status.is_success() { max_answer } else { MAX_ERROR_BODY_BYTES };
    let mut kept = BytesMut::new();
    let mut seen = 0;
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            // The status is the answer; a body that breaks off only shortens an error text.
            Err(_) if !head.status.is_success() => break,
            Err(error) => {
                let text = format!("{host}: body: {error}");
                return Err(TransportError::new(TransportErrorKind::Protocol, text));
            }
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                trailers.extend(frame.into_trailers().unwrap_or_default());
                continue;
            }
        };
        seen += data.len();
        kept.extend_from_slice(&data[..data.len().min(keep - kept.len())]);
        if seen > keep + MAX_DRAIN {
            break;
        }
    }
    Ok(HttpResponse {
        status: head.status.as_u16(),
        headers: head.headers,
        truncated: seen > kept.len(),
        body: kept.freeze(),
        trailers,
    })
}

/// How long a client nobody holds is kept after its last use.
const UNUSED: Duration = Duration::from_secs(3600);

/// The clients in use, one for each set of settings. Those of settings that are gone after a
/// reload are dropped an hour after their last use.
pub struct Clients {
    user_agent: String,
    egress: Arc<EgressPolicy>,
    clients: Mutex<HashMap<HttpSettings, Kept>>,
}

struct Kept {
    client: Arc<HttpClient>,
    used: Instant,
}

impl Clients {
    /// No clients yet. All will send this `User-Agent` and obey this policy.
    pub fn new(user_agent: impl Into<String>, egress: EgressPolicy) -> Self {
        Self { user_agent: user_agent.into(), egress: Arc::new(egress), clients: Mutex::default() }
    }

    /// The client for these settings; equal settings share one and so its connections and tokens.
    ///
    /// # Errors
    /// See [`HttpClient::new`].
    pub fn client(&self, settings: &HttpSettings) -> Result<Arc<HttpClient>, TransportError> {
        let used = Instant::now();
        if let Some(kept) = self.clients.lock().get_mut(settings) {
            kept.used = used;
            return Ok(kept.client.clone());
        }
        let client =
            Arc::new(HttpClient::new(settings.clone(), &self.user_agent, self.egress.clone())?);
        self.forget_unused(UNUSED);
        let mut clients = self.clients.lock();
        let kept = clients.entry(settings.clone()).or_insert(Kept { client, used });
        Ok(kept.client.clone())
    }

    /// Lets go of the clients nobody holds that were not used for this long.
    pub fn forget_unused(&self, since: Duration) {
        let now = Instant::now();
        self.clients.lock().retain(|_, kept| {
            Arc::strong_count(&kept.client) > 1 || now.duration_since(kept.used) < since
        });
    }
}
