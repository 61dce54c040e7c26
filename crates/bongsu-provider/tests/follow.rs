//! Objects of a cluster are followed through pages, changes, ends of watches, forgotten versions and
//! refusals.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{Clients, SecretSource};
use bongsu_provider::kubernetes::{
    Cluster, ClusterPlace, Connect, Direct, Follower, Metadata, Object, Resource, Scope,
};
use bongsu_testkit::kubernetes::{Collection, FakeCluster};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Pod {
    metadata: Metadata,
    #[serde(default)]
    status: Phase,
}

#[derive(Default, Deserialize)]
struct Phase {
    phase: String,
}

impl Object for Pod {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

struct House {
    cluster: FakeCluster,
    changed: Arc<Notify>,
}

impl House {
    fn new() -> Self {
        Self { cluster: FakeCluster::start(), changed: Arc::default() }
    }

    fn follow(&self, scope: Scope, labels: &str) -> Follower<Pod> {
        let resource = Resource {
            api: "/api/v1",
            kind: "pods",
            scope,
            labels: labels.to_owned(),
            fields: String::new(),
        };
        Follower::start(resource, self.connect(), Arc::clone(&self.changed))
    }

    fn connect(&self) -> Arc<Connect> {
        let place = ClusterPlace::Direct(Direct {
            server: self.cluster.url(),
            token: Some(SecretSource::Inline(Secret::new("t0ken"))),
            ca: None,
            insecure: false,
            namespace: "home".to_owned(),
        });
        let clients = Arc::new(Clients::new("bongsu/test", EgressPolicy::open()));
        Arc::new(move || {
            let (place, clients) = (place.clone(), Arc::clone(&clients));
            Box::pin(async move {
                let connection = place.resolve(&|_| None, Path::new("/")).await;
                let connection = connection.map_err(|found| found[0].message.clone())?;
                Ok(Arc::new(Cluster::connect(connection, &clients).map_err(|e| e.message)?))
            })
        })
    }

    fn pod(&self, name: &str, phase: &str) {
        self.cluster.apply(Collection::PODS, pod(name, phase));
    }

    /// Waits until the follower shows this.
    async fn shows(&self, follower: &Follower<Pod>, wanted: &str) {
        self.until(|| shown(follower) == wanted, || format!("{:?}", shown(follower))).await;
    }

    async fn until(&self, holds: impl Fn() -> bool, shown: impl Fn() -> String) {
        let waiting = async {
            while !holds() {
                self.changed.notified().await;
            }
        };
        assert!(timeout(PATIENCE, waiting).await.is_ok(), "{}", shown());
    }

    /// Waits until a request like this was made.
    async fn asks(&self, nth: usize) -> String {
        let asked = self.cluster.wait_for(nth, PATIENCE).await;
        asked.get(nth - 1).cloned().unwrap_or_else(|| format!("only {asked:?}"))
    }
}

fn pod(name: &str, phase: &str) -> Value {
    json!({"metadata": {"namespace": "shop", "name": name, "labels": {"app": name}},
           "status": {"phase": phase}})
}

fn shown(follower: &Follower<Pod>) -> String {
    let objects = follower.objects();
    let all = objects.iter().map(|(key, pod)| format!("{key}={}", pod.status.phase));
    all.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn pages_changes_and_ends() {
    let house = House::new();
    house.cluster.require("t0ken");
    house.cluster.pages_of(2);
    for name in ["a", "b", "c", "d", "e"] {
        house.pod(name, "Running");
    }
    let follower = house.follow(Scope::All, "");
    house
        .shows(
            &follower,
            "shop/a=Running shop/b=Running shop/c=Running shop/d=Running shop/e=Running",
        )
        .await;
    assert!(follower.standing().synced);
    assert!(house.asks(3).await.starts_with("/api/v1/pods?limit=250&continue=token-"));
    let watch = house.asks(4).await;
    assert!(
        watch.starts_with("/api/v1/pods?watch=1&resourceVersion=105&allowWatchBookmarks=true"),
        "{watch}"
    );
    house.pod("a", "Failed");
    for name in ["b", "c", "d"] {
        house.cluster.delete(Collection::PODS, "shop", name);
    }
    house.shows(&follower, "shop/a=Failed shop/e=Running").await;

    // The next watch goes on from the last change, and sees what happened meanwhile.
    house.cluster.cut();
    house.pod("f", "Pending");
    house.shows(&follower, "shop/a=Failed shop/e=Running shop/f=Pending").await;
    let listed = house.cluster.asked().iter().filter(|asked| !asked.contains("watch=1")).count();
    assert_eq!(listed, 3);
}

#[tokio::test]
async fn bookmarks_and_versions_that_are_forgotten() {
    let house = House::new();
    house.pod("a", "Running");
    let follower = house.follow(Scope::Named("shop".to_owned()), "");
    house.shows(&follower, "shop/a=Running").await;
    house.asks(2).await;
    // Something else moves the version on; the bookmark says so.
    house.cluster.apply(Collection::NODES, json!({"metadata": {"name": "n"}}));
    house.cluster.bookmark();
    house.cluster.cut();
    let watch = house.asks(3).await;
    assert!(
        watch.starts_with("/api/v1/namespaces/shop/pods?watch=1&resourceVersion=102&"),
        "{watch}"
    );

    let before = follower.standing().version;
    house.cluster.refuse_all(503);
    house.cluster.delete(Collection::PODS, "shop", "a");
    house.pod("b", "Running");
    house.cluster.compact();
    house.until(|| follower.standing().problem.is_some(), || "no problem".to_owned()).await;
    assert_eq!(shown(&follower), "shop/a=Running");
    let problem = follower.standing().problem.unwrap();
    assert!(problem.starts_with("pods: the API server is in trouble"), "{problem}");
    assert_eq!(follower.standing().version, before);

    house.cluster.refuse_all(0);
    house.shows(&follower, "shop/b=Running").await;
    house
        .until(|| follower.standing().problem.is_none(), || format!("{:?}", follower.standing()))
        .await;
}

#[tokio::test]
async fn selectors_namespaces_and_odd_objects() {
    let house = House::new();
    house.cluster.apply(
        Collection::PODS,
        json!({"metadata": {"namespace": "home", "name": "a", "labels": {"app": "a"}}}),
    );
    house.cluster.apply(Collection::PODS, json!({"metadata": {"namespace": "home", "name": "odd", "labels": {"app": "a"}}, "status": 5}));
    house.pod("other", "Running");
    let follower = house.follow(Scope::Own, "app in (a,b)");
    house.shows(&follower, "home/a=").await;
    assert_eq!(
        house.asks(1).await,
        "/api/v1/namespaces/home/pods?labelSelector=app in (a,b)&limit=250"
    );
    // It no longer fits.
    house.cluster.apply(
        Collection::PODS,
        json!({"metadata": {"namespace": "home", "name": "a", "labels": {"app": "z"}}}),
    );
    house.shows(&follower, "").await;
}

#[tokio::test]
async fn what_is_forbidden_is_said() {
    let house = House::new();
    house.cluster.refuse(Collection::PODS, 403);
    let follower = house.follow(Scope::All, "");
    house.until(|| follower.standing().problem.is_some(), || "no problem".to_owned()).await;
    let standing = follower.standing();
    assert!(!standing.synced);
    assert_eq!(
        standing.problem.unwrap(),
        "pods: the account may not do this; its role needs one more rule: /api/v1/pods cannot be listed"
    );
}
