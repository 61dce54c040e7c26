//! One request through all gates: rate, credentials, route, concurrency, body, time.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bongsu_engine::api::Backend;
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::Body as HttpBody;
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;

use crate::access::{Access, Verdict};
use crate::answer::{self, Answered, Family};
use crate::body::Body;
use crate::metrics::{HttpMetrics, Meter};
use crate::options::WebOptions;
use crate::query::Query;
use crate::rate::RateLimiter;
use crate::receive::{self, Budget};
use crate::routes::{self, Found, Policy, ROUTES, Route};
use crate::{access, cors, negotiate, v1};

/// The address a request came from, as a request extension.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// What handlers share.
pub(crate) struct App {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) options: WebOptions,
    pub(crate) metrics: Arc<HttpMetrics>,
    prefix: String,
    get_limit: usize,
    get_permits: Arc<Semaphore>,
    budget: Budget,
    rate: Option<RateLimiter>,
    access: Arc<Access>,
}

/// A request that passed the gates.
pub(crate) struct Call {
    pub(crate) headers: HeaderMap,
    pub(crate) query: Query,
    /// In capitals.
    pub(crate) method: String,
    parameters: Vec<String>,
    /// The whole body, empty for routes that read none.
    pub(crate) body: Bytes,
    _reserved: Option<receive::Reserved>,
}

impl Call {
    /// The name in the credentials.
    pub(crate) fn user(&self) -> Option<String> {
        access::credentials(&self.headers).map(|(user, _)| user).filter(|user| !user.is_empty())
    }

    /// A path parameter, decoded.
    pub(crate) fn parameter(&self, index: usize) -> String {
        let text = self.parameters.get(index).map_or("", String::as_str);
        percent_decode_str(text).decode_utf8_lossy().into_owned()
    }
}

/// The HTTP surface over a backend; cheap to clone, shared by all connections.
#[derive(Clone)]
pub struct WebService {
    app: Arc<App>,
}

impl WebService {
    /// A service without a web configuration file being read: everybody may use it.
    pub fn new(backend: Arc<dyn Backend>, options: WebOptions) -> Self {
        Self::with_access(backend, options, Arc::new(Access::open()))
    }

    pub(crate) fn with_access(
        backend: Arc<dyn Backend>,
        options: WebOptions,
        access: Arc<Access>,
    ) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let get_limit =
            if options.get_concurrency == 0 { cpus.max(8) } else { options.get_concurrency };
        let app = App {
            backend,
            metrics: Arc::default(),
            prefix: options.prefix(),
            get_limit,
            get_permits: Arc::new(Semaphore::new(get_limit.min(Semaphore::MAX_PERMITS))),
            budget: Budget::new(options.limits.bodies_in_flight_bytes),
            rate: options.limits.rate.map(RateLimiter::new),
            access,
            options,
        };
        let (metrics, build) = (Arc::clone(&app.metrics), app.options.build.clone());
        app.backend.also_expose(Box::new(move |out| metrics.write(&build, out)));
        Self { app: Arc::new(app) }
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>) -> Answered
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let app = &self.app;
        let mut meter = Meter::start(&app.metrics);
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        let below = match path.strip_prefix(app.prefix.as_str()) {
            Some("") => Some("/"),
            Some(below) if below.starts_with('/') => Some(below),
            _ => None,
        };
        let family = below.map_or(Family::Plain, Family::of);
        let mut answer = match below {
            Some(below) => app.pass(&parts, body, below, family, &mut meter).await,
            None => answer::not_found(family, path),
        };
        app.dress(&parts, family, &mut answer);
        meter.code = answer.status().as_u16();
        if parts.method == Method::HEAD {
            let length = answer.body().length();
            *answer.body_mut() = Body::empty();
            if let Some(length) = length {
                answer::set(&mut answer, http::header::CONTENT_LENGTH, length);
            }
        }
        answer.map(|body| body.metered(meter))
    }
}

impl App {
    async fn pass<B>(
        self: &Arc<Self>,
        parts: &Parts,
        body: B,
        path: &str,
        family: Family,
        meter: &mut Meter,
    ) -> Answered
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        if let (Some(rate), Some(peer)) = (&self.rate, peer)
            && let Err(wait) = rate.take(peer)
        {
            return answer::too_many(family, "too many requests from this address", wait);
        }
        if family == Family::V2
            && let Some(preflight) = cors::preflight(parts)
        {
            return preflight;
        }
        let method = match parts.method.as_str() {
            "HEAD" if family != Family::V2 => "GET",
            other => other,
        };
        let found = routes::find(method, path, self.options.compatible);
        let policy = match &found {
            Found::Route(index, _) => ROUTES[*index].policy,
            _ => Policy::Read,
        };
        if policy != Policy::Public
            && !(policy == Policy::Send && self.admits(parts, &found))
            && self.access.check(&parts.headers).await == Verdict::Refused
        {
            return unauthorized(family);
        }
        if family != Family::V2
            && matches!(policy, Policy::Write | Policy::Admin)
            && is_of_another_site(&parts.headers)
        {
            let message = "a page of another site may change nothing here";
            return answer::error(family, StatusCode::FORBIDDEN, "another_site", message);
        }
        match found {
            Found::Route(index, parameters) => {
                meter.route = index;
                self.run(&ROUTES[index], parameters, parts, body, family).await
            }
            Found::OtherMethods(methods) => answer::not_allowed(family, &parts.method, &methods),
            Found::Nothing => answer::not_found(family, path),
        }
    }

    async fn run<B>(
        self: &Arc<Self>,
        route: &Route,
        parameters: Vec<String>,
        parts: &Parts,
        body: B,
        family: Family,
    ) -> Answered
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        // Probes and metrics must not fail because dashboards are busy.
        let counted = (route.method == "GET" || route.policy == Policy::Read)
            && !matches!(route.path, "/metrics")
            && route.policy != Policy::Public;
        let permit = if counted {
            match Arc::clone(&self.get_permits).try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => return self.too_busy(),
            }
        } else {
            None
        };
        let (body, reserved) = if route.body {
            let limits = &self.options.limits;
            let limit = match route.policy {
                Policy::Send => limits.payload_bytes,
                _ => limits.body_bytes,
            };
            match receive::whole(body, &self.budget, limits, limit, family).await {
                Ok((body, reserved)) => (body, Some(reserved)),
                Err(refused) => return refused,
            }
        } else {
            (Bytes::new(), None)
        };
        if family == Family::V2
            && let Err(refused) = negotiate::check(&parts.headers, !body.is_empty())
        {
            return refused;
        }
        let call = Call {
            headers: parts.headers.clone(),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            method: parts.method.as_str().to_owned(),
            parameters,
            body,
            _reserved: reserved,
        };
        let work = AssertUnwindSafe((route.handler)(Arc::clone(self), call)).catch_unwind();
        let done = match self.options.timeout {
            Some(limit) => match tokio::time::timeout(limit, work).await {
                Ok(done) => done,
                Err(_) => return timed_out(limit),
            },
            None => work.await,
        };
        match done {
            Ok(answer) => answer.map(|body| body.holding(permit)),
            Err(_) => {
                tracing::error!(route = route.path, "a request handler panicked");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                answer::error(family, status, "internal", "internal error")
            }
        }
    }

    /// Whether a sender shows a key or the token of the instance it sends to.
    fn admits(&self, parts: &Parts, found: &Found) -> bool {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let Some(shown) = v1::intake::shown(&parts.headers, &query) else { return false };
        let below = match found {
            Found::Route(index, parameters)
                if ROUTES[*index].path.starts_with("/api/v1/hooks/") =>
            {
                let path =
                    percent_decode_str(&parameters.join("/")).decode_utf8_lossy().into_owned();
                return self.backend.admits_hook(parts.method.as_str(), &path, &shown)
                    || self.backend.key_name(&shown).is_some();
            }
            Found::Route(_, parameters) => parameters.get(1).map(String::as_str),
            _ => None,
        };
        self.backend.admits(below.or(query.last("provider_id")), &shown)
    }

    fn too_busy(&self) -> Answered {
        self.metrics.count_limited();
        let limit = self.get_limit;
        let message =
            format!("Limit of concurrent GET requests reached ({limit}), try again later.\n\n");
        answer::text(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// Headers every answer carries.
    fn dress(&self, parts: &Parts, family: Family, answer: &mut Answered) {
        let headers = answer.headers_mut();
        let fixed = HeaderValue::from_static;
        headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert_with(|| fixed("nosniff"));
        if family != Family::Plain {
            headers.entry(CACHE_CONTROL).or_insert_with(|| fixed("no-store"));
        }
        if family == Family::V2 {
            cors::dress(parts, headers);
        }
        self.access.dress(headers);
    }
}

/// Whether a browser says that a page of another origin asks: it adds credentials by itself, whoever
/// wrote the page. API v2 has its own rules for such pages.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    site.is_some_and(|site| !matches!(site, b"same-origin" | b"none"))
}

fn unauthorized(family: Family) -> Answered {
    let status = StatusCode::UNAUTHORIZED;
    let mut answer = match family {
        Family::V1 => answer::error(family, status, "unauthorized", "credentials are needed"),
        _ => answer::text(status, "Unauthorized\n"),
    };
    answer::set(&mut answer, WWW_AUTHENTICATE, "Basic");
    answer
}

fn timed_out(limit: Duration) -> Answered {
    let message = format!("Exceeded configured timeout of {limit:?}.\n");
    answer::text(StatusCode::SERVICE_UNAVAILABLE, message)
}

impl<B> tower::Service<Request<B>> for WebService
where
    B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
{
    type Response = Answered;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answered, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}
