//! The API server of a cluster, as much of it as lists and watches objects.
//!
//! ```no_run
//! use bongsu_testkit::kubernetes::{Collection, FakeCluster};
//! use serde_json::json;
//! let cluster = FakeCluster::start();
//! cluster.apply(Collection::PODS, json!({"metadata": {"namespace": "shop", "name": "web"}}));
//! // … the code under test asks cluster.url() …
//! cluster.delete(Collection::PODS, "shop", "web");
//! ```
//!
//! Lists have pages and versions, watches go on from a version, filter by selectors (an object that no
//! longer fits is `DELETED`) and answer 410 where the version is too old.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::background::{Log, listen, runtime};

/// A kind of objects by its API and its name in the plural.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Collection(pub &'static str);

#[expect(missing_docs, reason = "the names are Kubernetes'")]
impl Collection {
    pub const NODES: Self = Self("/api/v1/nodes");
    pub const NAMESPACES: Self = Self("/api/v1/namespaces");
    pub const PODS: Self = Self("/api/v1/pods");
    pub const SERVICES: Self = Self("/api/v1/services");
    pub const ENDPOINTS: Self = Self("/api/v1/endpoints");
    pub const ENDPOINT_SLICES: Self = Self("/apis/discovery.k8s.io/v1/endpointslices");
    pub const INGRESSES: Self = Self("/apis/networking.k8s.io/v1/ingresses");
    pub const PROMETHEUS_RULES: Self = Self("/apis/monitoring.coreos.com/v1/prometheusrules");
}

/// The server; it stops when dropped.
pub struct FakeCluster {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    state: Mutex<State>,
    /// Told of every change of the state.
    changed: watch::Sender<u64>,
    asked: Log<String>,
}

#[derive(Default)]
struct State {
    version: u64,
    /// By collection and key.
    objects: BTreeMap<(String, String), Value>,
    events: Vec<Change>,
    /// Versions up to this one are forgotten.
    compacted: u64,
    /// Rests of lists by their token.
    rests: HashMap<String, (u64, Vec<Value>)>,
    /// Watches of before this cut are over.
    cut: u64,
    /// Versions and bookmarks that were there at the cut: they are still told.
    cut_at: (u64, u64),
    /// Bookmarks sent so far.
    bookmarks: u64,
    /// Statuses that are answered instead, by collection; of the empty one for all.
    refused: HashMap<String, u16>,
    /// Objects of one page at most; 0 is no limit.
    page: usize,
    token: Option<String>,
}

impl State {
    fn cut(&mut self) {
        self.cut += 1;
        self.cut_at = (self.version, self.bookmarks);
    }
}

/// What happened to an object.
#[derive(Clone)]
struct Change {
    version: u64,
    collection: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl FakeCluster {
    /// A cluster without objects.
    pub fn start() -> Self {
        let (address, listener) = listen();
        let shared = Arc::new(Shared {
            state: Mutex::new(State { version: 100, ..State::default() }),
            changed: watch::Sender::new(0),
            asked: Log::new(),
        });
        let accepting = runtime().spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self { address, shared, accepting }
    }

    /// The URL of the API server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes or changes an object.
    pub fn apply(&self, collection: Collection, mut object: Value) {
        self.change(|state| {
            let key = key(&object);
            let at = (collection.0.to_owned(), key);
            let before = state.objects.get(&at).cloned();
            let uid = match &before {
                Some(before) => before["metadata"]["uid"].clone(),
                None => json!(format!("uid-{}", state.version + 1)),
            };
            state.version += 1;
            object["metadata"]["uid"] = uid;
            object["metadata"]["resourceVersion"] = state.version.to_string().into();
            state.objects.insert(at, object.clone());
            let (version, collection) = (state.version, collection.0.to_owned());
            state.events.push(Change { version, collection, before, after: Some(object) });
        });
    }

    /// Takes an object away.
    ///
    /// # Panics
    /// When there is none.
    pub fn delete(&self, collection: Collection, namespace: &str, name: &str) {
        self.change(|state| {
            let key = joined(namespace, name);
            let before = state.objects.remove(&(collection.0.to_owned(), key)).unwrap();
            state.version += 1;
            let (version, collection) = (state.version, collection.0.to_owned());
            state.events.push(Change { version, collection, before: Some(before), after: None });
        });
    }

    /// Sends a bookmark to every watch.
    pub fn bookmark(&self) {
        self.change(|state| state.bookmarks += 1);
    }

    /// Forgets what happened: versions of before are too old from now on.
    pub fn compact(&self) {
        self.change(|state| {
            state.version += 1;
            state.compacted = state.version;
            state.events.clear();
            state.rests.clear();
        });
    }

    /// Ends all watches as a server does whose time is over.
    pub fn cut(&self) {
        self.change(State::cut);
    }

    /// Answers requests for a collection with this status; 0 is as before.
    pub fn refuse(&self, collection: Collection, status: u16) {
        self.change(|state| {
            state.refused.insert(collection.0.to_owned(), status);
            state.cut();
        });
    }

    /// Answers all requests with this status; 0 is as before.
    pub fn refuse_all(&self, status: u16) {
        self.refuse(Collection(""), status);
    }

    /// Lists come in pages of so many objects.
    pub fn pages_of(&self, objects: usize) {
        self.change(|state| state.page = objects);
    }

    /// Only requests with this bearer token are answered.
    pub fn require(&self, token: &str) {
        self.change(|state| state.token = Some(token.to_owned()));
    }

    /// Path and query of what was asked so far, decoded.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.all()
    }

    /// Waits until `count` requests were made.
    pub async fn wait_for(&self, count: usize, within: Duration) -> Vec<String> {
        self.shared.asked.wait_for(count, within).await
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state.lock());
        self.shared.changed.send_modify(|count| *count += 1);
    }
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn key(object: &Value) -> String {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    joined(&text("namespace"), &text("name"))
}

fn joined(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(&request, &shared)) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Which objects a request is about.
#[derive(Clone)]
struct Wanted {
    collection: String,
    namespace: Option<String>,
    labels: String,
    fields: String,
}

impl Wanted {
    fn has(&self, object: &Value) -> bool {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        self.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
            && requirements(&self.labels).iter().all(|text| label_fits(text, object))
            && requirements(&self.fields).iter().all(|text| field_fits(text, object))
    }
}

fn answer(request: &Request<Incoming>, shared: &Arc<Shared>) -> Response<Body> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let query = request.uri().query().unwrap_or_default();
    let path = request.uri().path().to_owned();
    // Whoever waits for this request changes the state only once it was looked at.
    let mut state = shared.state.lock();
    shared.asked.push(if query.is_empty() {
        path.clone()
    } else {
        format!("{path}?{}", decode(query))
    });
    let query: HashMap<String, String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    let given = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (collection, namespace) = place(&path);
    let wanted = Wanted {
        collection,
        namespace,
        labels: given("labelSelector"),
        fields: given("fieldSelector"),
    };
    let bearer = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if let Some(token) = &state.token
        && bearer != Some(&format!("Bearer {token}"))
    {
        return status(401, "Unauthorized");
    }
    let refused = [&wanted.collection, ""].map(|of| state.refused.get(of).copied().unwrap_or(0));
    if let Some(code) = refused.into_iter().find(|code| *code > 0) {
        return status(code, &format!("{} cannot be listed", wanted.collection));
    }
    if matches!(given("watch").as_str(), "1" | "true") {
        let from = given("resourceVersion").parse().unwrap_or(state.version);
        let limit = given("timeoutSeconds").parse().unwrap_or(1800);
        let next = Watch {
            shared: Arc::clone(shared),
            wanted,
            version: from,
            cut: state.cut,
            bookmarks: state.bookmarks,
            deadline: Instant::now() + Duration::from_secs(limit),
            rest: None,
            over: false,
        };
        drop(state);
        let body = StreamBody::new(stream::unfold(next, Watch::next));
        return Response::new(body.boxed_unsync());
    }
    list(&mut state, &wanted, &given("limit"), &given("continue"))
}

/// The collection and the namespace of a path.
fn place(path: &str) -> (String, Option<String>) {
    let pieces: Vec<&str> = path.split('/').collect();
    match pieces.iter().position(|piece| *piece == "namespaces") {
        Some(at) if at + 2 < pieces.len() => {
            let collection = [&pieces[..at], &pieces[at + 2..]].concat().join("/");
            (collection, Some(pieces[at + 1].to_owned()))
        }
        _ => (path.to_owned(), None),
    }
}

fn list(state: &mut State, wanted: &Wanted, limit: &str, token: &str) -> Response<Body> {
    let (version, mut items) = if token.is_empty() {
        let of =
            |((collection, _), _): &(&(String, String), &Value)| *collection == wanted.collection;
        let objects = state.objects.iter().filter(of).map(|(_, object)| object);
        (state.version, objects.filter(|object| wanted.has(object)).cloned().collect())
    } else {
        match state.rests.remove(token) {
            Some(rest) => rest,
            None => return status(410, "The provided continue parameter is too old"),
        }
    };
    let limit = limit.parse().unwrap_or(0);
    let most = [limit, state.page].into_iter().filter(|most| *most > 0).min();
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let Some(most) = most.filter(|most| items.len() > *most) {
        let rest = items.split_off(most);
        let token = format!("token-{}-{}", state.version, state.rests.len());
        metadata["continue"] = token.as_str().into();
        metadata["remainingItemCount"] = rest.len().into();
        state.rests.insert(token, (version, rest));
    }
    // Go writes an empty list of some kinds so.
    let items = if items.is_empty() { Value::Null } else { Value::Array(items) };
    let body = json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items});
    full(200, &body)
}

fn status(code: u16, message: &str) -> Response<Body> {
    full(code, &gone(code, message))
}

fn gone(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})
}

fn full(code: u16, body: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(body.to_string())).boxed_unsync();
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}

/// A watch under way.
struct Watch {
    shared: Arc<Shared>,
    wanted: Wanted,
    /// Told up to here.
    version: u64,
    cut: u64,
    bookmarks: u64,
    deadline: Instant,
    /// The second half of an event: pieces of a body do not end where lines end.
    rest: Option<Bytes>,
    over: bool,
}

impl Watch {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Infallible>, Self)> {
        let mut changed = self.shared.changed.subscribe();
        loop {
            if let Some(rest) = self.rest.take() {
                return Some((Ok(Frame::data(rest)), self));
            }
            if self.over {
                return None;
            }
            if let Some(event) = self.event() {
                let mut line = event.to_string().into_bytes();
                line.push(b'\n');
                let mut first = Bytes::from(line);
                self.rest = Some(first.split_off(first.len() / 2));
                return Some((Ok(Frame::data(first)), self));
            }
            if self.over {
                return None;
            }
            tokio::select! {
                heard = changed.changed() => heard.ok()?,
                () = tokio::time::sleep_until(self.deadline) => return None,
            }
        }
    }

    fn event(&mut self) -> Option<Value> {
        let state = self.shared.state.lock();
        let cut = self.cut < state.cut;
        let (version, bookmarks) =
            if cut { state.cut_at } else { (state.version, state.bookmarks) };
        if !cut && self.version < state.compacted {
            self.over = true;
            return Some(json!({"type": "ERROR", "object": gone(410, "too old resource version")}));
        }
        let told = self.version;
        let new = |change: &&Change| (told + 1..=version).contains(&change.version);
        for change in state.events.iter().filter(new) {
            self.version = change.version;
            if change.collection != self.wanted.collection {
                continue;
            }
            let fits = |object: &Option<Value>| object.as_ref().is_some_and(|o| self.wanted.has(o));
            let kind = match (fits(&change.before), fits(&change.after)) {
                (false, true) => "ADDED",
                (true, true) => "MODIFIED",
                (true, false) => "DELETED",
                (false, false) => continue,
            };
            let mut object = change.after.clone().or(change.before.clone())?;
            object["metadata"]["resourceVersion"] = change.version.to_string().into();
            return Some(json!({"type": kind, "object": object}));
        }
        if self.bookmarks < bookmarks {
            self.bookmarks = bookmarks;
            self.version = version;
            let metadata = json!({"resourceVersion": version.to_string()});
            return Some(json!({"type": "BOOKMARK", "object": {"metadata": metadata}}));
        }
        self.over = cut;
        None
    }
}

/// Requirements of a selector: commas between parentheses do not part them.
fn requirements(selector: &str) -> Vec<String> {
    let (mut found, mut depth) = (vec![String::new()], 0);
    for c in selector.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().unwrap().push(c);
    }
    found.retain(|text| !text.trim().is_empty());
    found
}

fn label_fits(text: &str, object: &Value) -> bool {
    let label = |name: &str| object["metadata"]["labels"][name.trim()].as_str();
    let among = |name: &str, list: &str| {
        let list = list.trim().trim_start_matches('(').trim_end_matches(')');
        label(name).is_some_and(|value| list.split(',').any(|item| item.trim() == value))
    };
    if let Some((name, list)) = text.split_once(" notin ") {
        !among(name, list)
    } else if let Some((name, list)) = text.split_once(" in ") {
        among(name, list)
    } else if let Some((name, value)) = text.split_once("!=") {
        label(name) != Some(value.trim())
    } else if let Some((name, value)) = text.split_once('=') {
        label(name) == Some(value.trim_start_matches('=').trim())
    } else if let Some(name) = text.trim().strip_prefix('!') {
        label(name).is_none()
    } else {
        label(text).is_some()
    }
}

fn field_fits(text: &str, object: &Value) -> bool {
    let field = |path: &str| {
        path.trim().split('.').fold(object, |value, name| &value[name]).as_str().unwrap_or_default()
    };
    if let Some((path, value)) = text.split_once("!=") {
        field(path) != value.trim()
    } else {
        text.split_once('=')
            .is_some_and(|(path, value)| field(path) == value.trim_start_matches('=').trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors() {
        let pod = json!({"metadata": {"name": "a", "labels": {"app": "web", "tier": "x"}},
                         "spec": {"nodeName": "n"}});
        for (labels, fields, fits) in [
            ("", "", true),
            ("app=web,tier in (x, y)", "spec.nodeName=n,metadata.name!=b", true),
            ("app==web,!gone,tier", "", true),
            ("app!=web", "", false),
            ("tier notin (x)", "", false),
            ("gone", "", false),
            ("", "spec.nodeName=m", false),
        ] {
            let wanted = Wanted {
                collection: String::new(),
                namespace: None,
                labels: labels.to_owned(),
                fields: fields.to_owned(),
            };
            assert_eq!(wanted.has(&pod), fits, "{labels} {fields}");
        }
    }

    #[test]
    fn places() {
        let of = |path: &str| place(path);
        assert_eq!(of("/api/v1/pods"), ("/api/v1/pods".to_owned(), None));
        assert_eq!(of("/api/v1/namespaces"), ("/api/v1/namespaces".to_owned(), None));
        let (collection, namespace) = of("/apis/g/v1/namespaces/shop/rules");
        assert_eq!((collection.as_str(), namespace.as_deref()), ("/apis/g/v1/rules", Some("shop")));
    }
}
