//! Objects of one kind, kept as they are in the cluster: listed page by page, then watched.
//!
//! In: a resource, a way to connect. Out: [`Follower`]: the objects, whether they are all, why not.
//! A watch goes on where the last one ended; when the cluster no longer knows that place (410) the
//! objects are listed again. While nothing can be learned the objects stay as they were.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::object::{key, or_default};
use super::{Cluster, ClusterError, ClusterErrorKind, Metadata, Object};

/// Objects of one page of a list.
const PAGE: &str = "250";
/// Bytes of one page.
const PAGE_BYTES: usize = 64 << 20;
/// Objects of one kind.
const MOST: usize = 50_000;
/// How long the API server lets a watch go on.
const WATCH: Duration = Duration::from_secs(240);
/// How long an answer to a watch may be late.
const GRACE: Duration = Duration::from_secs(20);
/// Pauses after failures: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Connects to a cluster; asked again after every failure, since what describes it may have changed.
pub type Connect =
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Arc<Cluster>, String>> + Send>> + Send + Sync;

/// Where objects are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the whole cluster.
    All,
    /// In this namespace.
    Named(String),
    /// In the namespace of the connection.
    Own,
}

/// Objects of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `/api/v1`, or `/apis/GROUP/VERSION`.
    pub api: &'static str,
    /// The kind in the plural.
    pub kind: &'static str,
    /// Where.
    pub scope: Scope,
    /// Which, by labels; empty: all.
    pub labels: String,
    /// Which, by fields; empty: all.
    pub fields: String,
}

impl Resource {
    fn path(&self, own: &str) -> String {
        let Self { api, kind, .. } = self;
        match &self.scope {
            Scope::All => format!("{api}/{kind}"),
            Scope::Named(namespace) => format!("{api}/namespaces/{namespace}/{kind}"),
            Scope::Own => format!("{api}/namespaces/{own}/{kind}"),
        }
    }

    fn query<'q>(&'q self, more: &[(&'q str, &'q str)]) -> Vec<(&'q str, &'q str)> {
        let mut query = Vec::new();
        for (name, value) in [("labelSelector", &self.labels), ("fieldSelector", &self.fields)] {
            if !value.is_empty() {
                query.push((name, value.as_str()));
            }
        }
        query.extend(more);
        query
    }
}

/// How well objects are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Grows with every change of the objects.
    pub version: u64,
    /// Whether all objects were known at some time.
    pub synced: bool,
    /// Why nothing new is learned.
    pub problem: Option<String>,
}

/// Keeps objects of one kind; stops when dropped.
pub struct Follower<T> {
    mirror: Arc<Mirror<T>>,
    task: AbortHandle,
}

impl<T: Object> Follower<T> {
    /// Begins to follow; `changed` is told whenever objects or their standing have changed. Must be
    /// called inside a tokio runtime.
    pub fn start(resource: Resource, connect: Arc<Connect>, changed: Arc<Notify>) -> Self {
        let mirror = Arc::new(Mirror { state: Mutex::default(), changed });
        let following = Following {
            mirror: Arc::clone(&mirror),
            resource,
            connect,
            at: None,
            pause: FIRST_PAUSE,
        };
        let task = tokio::spawn(following.forever()).abort_handle();
        Self { mirror, task }
    }

    /// The objects by `NAMESPACE/NAME`.
    pub fn objects(&self) -> BTreeMap<String, Arc<T>> {
        self.mirror.state.lock().objects.clone()
    }

    /// How well they are known.
    pub fn standing(&self) -> Standing {
        self.mirror.state.lock().standing.clone()
    }
}

impl<T> Drop for Follower<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Mirror<T> {
    state: Mutex<State<T>>,
    changed: Arc<Notify>,
}

struct State<T> {
    objects: BTreeMap<String, Arc<T>>,
    standing: Standing,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), standing: Standing::default() }
    }
}

impl<T: Object> Mirror<T> {
    fn replace(&self, objects: BTreeMap<String, Arc<T>>) {
        let mut state = self.state.lock();
        let version = |object: &Arc<T>| {
            let Metadata { uid, resource_version, .. } = object.metadata();
            (uid.clone(), resource_version.clone())
        };
        let same = state.objects.len() == objects.len()
            && objects.iter().all(|(key, object)| {
                state.objects.get(key).is_some_and(|known| version(known) == version(object))
            });
        if !same || !state.standing.synced {
            state.standing.version += 1;
        }
        state.standing.synced = true;
        state.objects = objects;
        drop(state);
        self.changed.notify_one();
    }

    /// Takes an object, or takes it away.
    fn set(&self, key: String, object: Option<Arc<T>>) -> Result<(), ClusterError> {
        let mut state = self.state.lock();
        match object {
            Some(object) => {
                if state.objects.len() >= MOST && !state.objects.contains_key(&key) {
                    return Err(too_many());
                }
                state.objects.insert(key, object);
            }
            None => drop(state.objects.remove(&key)),
        }
        state.standing.version += 1;
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    fn stand(&self, problem: Option<String>) {
        let mut state = self.state.lock();
        if state.standing.problem != problem {
            state.standing.problem = problem;
            drop(state);
            self.changed.notify_one();
        }
    }
}

/// One kind of objects on its way.
struct Following<T> {
    mirror: Arc<Mirror<T>>,
    resource: Resource,
    connect: Arc<Connect>,
    /// The version up to which everything is known.
    at: Option<String>,
    pause: Duration,
}

impl<T: Object> Following<T> {
    async fn forever(mut self) {
        loop {
            match self.round().await {
                Ok(()) => {}
                Err(error) if error.kind == ClusterErrorKind::Expired => self.at = None,
                Err(error) => {
                    let kind = self.resource.kind;
                    self.mirror.stand(Some(format!("{kind}: {}", error.message)));
                }
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Lists, if nothing is known, and watches until the watch ends.
    async fn round(&mut self) -> Result<(), ClusterError> {
        let connected = (self.connect)().await;
        let cluster = connected.map_err(|message| other(ClusterErrorKind::Unreachable, message))?;
        let path = self.resource.path(cluster.namespace());
        let at = match &self.at {
            Some(at) => at.clone(),
            None => {
                let at = self.list(&cluster, &path).await?;
                self.at = Some(at.clone());
                at
            }
        };
        let limit = WATCH.as_secs().to_string();
        let query = self.resource.query(&[
            ("watch", "1"),
            ("resourceVersion", &at),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &limit),
        ]);
        let begun = Instant::now();
        let mut lines = cluster.lines(&path, &query).await?;
        self.mirror.stand(None);
        while let Some(line) = lines.next(begun + WATCH + GRACE).await? {
            self.take(&line)?;
            self.pause = FIRST_PAUSE;
        }
        if begun.elapsed() > LONGEST_PAUSE {
            self.pause = FIRST_PAUSE;
        }
        Ok(())
    }

    /// Lists all objects; the version of the list.
    async fn list(&self, cluster: &Cluster, path: &str) -> Result<String, ClusterError> {
        let mut objects = BTreeMap::new();
        let mut next = String::new();
        loop {
            let mut more = vec![("limit", PAGE)];
            if !next.is_empty() {
                more.push(("continue", next.as_str()));
            }
            let query = self.resource.query(&more);
            let page = cluster.exchange(Method::GET, path, &query, None, PAGE_BYTES).await?;
            let page: Page = serde_json::from_slice(&page.body).map_err(|error| {
                other(ClusterErrorKind::Other, format!("the list cannot be read: {error}"))
            })?;
            for item in page.items {
                if let Some(object) = self.read(item.get()) {
                    objects.insert(object.metadata().key(), Arc::new(object));
                }
            }
            if objects.len() > MOST {
                return Err(too_many());
            }
            if page.metadata.r#continue.is_empty() {
                self.mirror.replace(objects);
                return Ok(page.metadata.resource_version);
            }
            next = page.metadata.r#continue;
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), ClusterError> {
        let event: Event<'_> = serde_json::from_slice(line).map_err(|error| {
            other(ClusterErrorKind::Other, format!("an event cannot be read: {error}"))
        })?;
        if event.r#type == "ERROR" {
            let status: Status = serde_json::from_str(event.object.get()).unwrap_or_default();
            let kind = match status.code {
                410 => ClusterErrorKind::Expired,
                _ => ClusterErrorKind::Other,
            };
            return Err(other(kind, format!("the watch ended: {}", status.message)));
        }
        let about: About = serde_json::from_str(event.object.get()).map_err(|error| {
            other(ClusterErrorKind::Other, format!("an object cannot be read: {error}"))
        })?;
        match event.r#type {
            "ADDED" | "MODIFIED" => {
                if let Some(object) = self.read(event.object.get()) {
                    self.mirror.set(object.metadata().key(), Some(Arc::new(object)))?;
                }
            }
            "DELETED" => {
                self.mirror.set(key(&about.metadata.namespace, &about.metadata.name), None)?;
            }
            // Only the version, of a BOOKMARK.
            _ => {}
        }
        if !about.metadata.resource_version.is_empty() {
            self.at = Some(about.metadata.resource_version);
        }
        Ok(())
    }

    /// An object of another shape than wanted is as good as none.
    fn read(&self, text: &str) -> Option<T> {
        let read = serde_json::from_str(text);
        read.map_err(|error| {
            tracing::warn!(kind = self.resource.kind, %error, "an object of the cluster cannot be read");
        })
        .ok()
    }
}

fn other(kind: ClusterErrorKind, message: String) -> ClusterError {
    ClusterError { kind, message, status: None }
}

fn too_many() -> ClusterError {
    let message = format!("more than {MOST} objects: choose fewer by namespaces or selectors");
    other(ClusterErrorKind::Other, message)
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, deserialize_with = "or_default")]
    metadata: PageMetadata,
    #[serde(default, deserialize_with = "or_default")]
    items: Vec<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMetadata {
    resource_version: String,
    r#continue: String,
}

#[derive(Deserialize)]
struct Event<'e> {
    r#type: &'e str,
    #[serde(borrow)]
    object: &'e RawValue,
}

#[derive(Deserialize)]
struct About {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}
