//! Tables over HTTP, services by API and from a cluster, counts: what outlives files and processes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::topology::{Draft, Edit, EditError, Layer, Service, ServiceKey};
use bongsu_config::alertmanager;
use bongsu_engine::api::{Answer, Backend, Delivered, SourceView, TopologyError};
use bongsu_engine::clock::{Clock as _, ManualClock};
use bongsu_engine::intake::{Instance, Intake};
use bongsu_engine::transport::Transport;
use bongsu_engine::{Engine, Enricher, EnrichmentFiles, Loaded, Options};
use bongsu_lang::Mode;
use bongsu_model::{Secret, Source, Timestamp};
use bongsu_notify::{HttpRequest, Mail, Response, TransportError};
use bongsu_provider::Connector;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::manifest::Catalogue;
use bongsu_store::memory::MemoryStore;
use bongsu_testkit::capture::{Answer as Reply, CaptureServer};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

/// Nobody is told anything here.
struct Silent;

impl Transport for Silent {
    fn request(
        &self,
        _request: HttpRequest,
        _deadline: Instant,
    ) -> Answer<'_, Result<Response, TransportError>> {
        Box::pin(std::future::pending())
    }

    fn mail(&self, _mail: Mail, _deadline: Instant) -> Answer<'_, Result<(), TransportError>> {
        Box::pin(std::future::pending())
    }

    fn secret<'a>(&'a self, _path: &'a str) -> Answer<'a, Result<Secret, String>> {
        Box::pin(std::future::pending())
    }
}

/// What the files say; tests change it before a reload.
#[derive(Clone, Default)]
struct Files {
    enrichment: String,
    topology: String,
    /// The API server of the instance `cluster`.
    cluster: String,
    guarded: bool,
}

struct House {
    files: Arc<Mutex<Files>>,
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    engine: Engine,
}

impl House {
    fn new(files: Files) -> Self {
        Self::with(files, MemoryStore::default(), at("00:00:00"))
    }

    fn with(files: Files, store: MemoryStore, now: Timestamp) -> Self {
        let files = Arc::new(Mutex::new(files));
        let clock = Arc::new(ManualClock::new(now));
        let read = Arc::clone(&files);
        let load = move || {
            let files = read.lock().clone();
            let source =
                |name: &str, text: String| Arc::new(Source { name: name.to_owned(), text });
            let (config, _) =
                alertmanager::load(source("am.yml", CONFIG.to_owned()), None, Mode::Fallback)?;
            let templates = bongsu_notify::templates::default_templates().unwrap();
            let catalogue = Catalogue::shipped();
            let manifest = catalogue.get("kubernetes").unwrap().unwrap();
            let given = json!({"api_server": files.cluster, "token": "t0ken"});
            let instance = Instance {
                name: "cluster".into(),
                provider: "kubernetes".into(),
                token: None,
                pulled: false,
                unverifiable: None,
                auth: Ok(manifest.settings(given.as_object().unwrap()).unwrap()),
            };
            let policy = if files.guarded { EgressPolicy::guarded() } else { EgressPolicy::open() };
            let headers = vec![("x-key".to_owned(), Secret::new("k3y"))];
            let intake = Intake::new(catalogue, [instance], BTreeMap::new())
                .reaching(Arc::new(Connector::new("Bongsu/test", policy)))
                .with_headers(BTreeMap::from([("hosts".to_owned(), Ok(headers))]));
            let (enricher, _) = Enricher::read(&EnrichmentFiles {
                enrichment: Some(source("enrichment.yaml", files.enrichment)),
                topology: Some(source("topology.yaml", files.topology)),
                ..EnrichmentFiles::default()
            })?;
            let kept = Duration::from_secs(3600);
            let loaded = Loaded::new(config, templates, "http://am.test", kept);
            Ok(loaded.receiving(intake).enriching(enricher))
        };
        let store = Arc::new(store);
        let engine = Engine::start(
            store.clone(),
            clock.clone(),
            Arc::new(Silent),
            Options::default(),
            Box::new(load),
        )
        .unwrap();
        Self { files, clock, store, engine }
    }

    /// Loses all that is not durable and starts again.
    fn crash(self) -> Self {
        let files = self.files.lock().clone();
        Self::with(files, self.store.crash(), self.clock.now())
    }

    async fn fetch(&self, time: &str) {
        self.clock.set(at(time));
        self.engine.fetch().await;
    }

    /// The team that rules give to an alert of a host.
    async fn team(&self, host: &str) -> Value {
        // One that says nothing new would not be looked at.
        let id = uuid::Uuid::new_v4().to_string();
        let alert = json!({"name": "Disk", "fingerprint": id, "labels": {"host": host}});
        let body = alert.to_string().into();
        let content_type = "application/json".to_owned();
        let provider = "keep".to_owned();
        let delivered = Delivered { provider, content_type, body, ..Delivered::default() };
        self.engine.receive(delivered).await.unwrap();
        let found = self.engine.wide_alert(id).await.unwrap().unwrap();
        found.alert["team"].clone()
    }

    fn source(&self) -> SourceView {
        self.engine.sources().remove(0)
    }

    fn named(&self) -> Vec<String> {
        let view = self.engine.topology();
        let shown = |service: &Service| format!("{}@{}", service.service, service.environment);
        view.topology.services().iter().map(shown).collect()
    }

    async fn edit(&self, edit: Edit) -> Result<(), TopologyError> {
        self.engine.edit_topology(edit).await.map(drop)
    }
}

fn at(time: &str) -> Timestamp {
    format!("2026-01-01T{time}Z").parse().unwrap()
}

fn hosts(server: &CaptureServer, more: &str) -> Files {
    let url = server.url("/hosts?token=hidden");
    let enrichment = format!(
        "mapping:\n- {{name: hosts, url: '{url}', refresh: 10m, matchers: [labels.host]{more}}}\n"
    );
    Files { enrichment, ..Files::default() }
}

fn table(kind: &str, text: &str) -> Reply {
    Reply::status(200).header("content-type", kind).header("etag", "\"v1\"").body(text.to_owned())
}

#[tokio::test]
async fn a_table_is_fetched_and_kept_while_its_server_is_away() {
    let server = CaptureServer::start();
    server.script(
        "/hosts",
        [
            table("text/csv", "host,team\na,core\n"),
            Reply::status(304),
            Reply::status(500),
            table("text/csv", "host,team\n1,2,3\n"),
            table("text/csv", "host,team\na,front\n"),
        ],
    );
    let house = House::new(hosts(&server, ""));
    assert_eq!(house.source().fetched_at, None);
    assert_eq!(house.team("a").await, Value::Null);
    house.fetch("00:00:01").await;
    assert_eq!(house.team("a").await, "core");
    let source = house.source();
    assert_eq!((source.items, source.fetched_at, source.problem), (1, Some(at("00:00:01")), None));
    assert!(source.address.ends_with("/hosts"), "{}", source.address);
    // Not due yet.
    house.fetch("00:05:00").await;
    house.fetch("00:10:02").await;
    assert_eq!(house.source().fetched_at, Some(at("00:10:02")));
    // A server in trouble, then one that answers nonsense: what was fetched stays, also in the next
    // process.
    house.fetch("00:20:03").await;
    assert_eq!(house.source().problem.as_deref(), Some("the server answered 500"));
    assert_eq!(house.team("a").await, "core");
    let house = house.crash();
    assert_eq!(house.team("a").await, "core");
    assert_eq!(house.source().fetched_at, Some(at("00:00:01")));
    house.fetch("00:20:04").await;
    let problem = house.source().problem.unwrap();
    assert!(problem.contains("/hosts:2:1: "), "{problem}");
    assert_eq!(house.team("a").await, "core");
    // What failed is tried again sooner than every ten minutes.
    house.fetch("00:21:05").await;
    assert_eq!((house.team("a").await, house.source().problem), (json!("front"), None));
    let requests = server.captured();
    assert_eq!(requests.len(), 5);
    assert!(requests.iter().all(|request| request.header("x-key") == "k3y"));
    let known: Vec<&str> = requests.iter().map(|r| r.header("if-none-match")).collect();
    assert_eq!(known, ["", "\"v1\"", "\"v1\"", "\"v1\"", "\"v1\""]);
}

#[tokio::test]
async fn tables_come_in_several_forms() {
    for (kind, text, more) in [
        ("application/json", r#"[{"host": "a", "team": "core"}]"#, ""),
        ("application/json", r#"{"count": 1, "items": [{"host": "a", "team": "core"}]}"#, ""),
        (
            "text/plain",
            r#"{"data": {"rows": [{"host": "a", "team": "core"}], "x": []}}"#,
            ", rows_at: data.rows",
        ),
        ("application/yaml", "- {host: a, team: core}\n", ""),
        ("text/plain", "- host: a\n  team: core\n", ""),
        ("application/octet-stream", "rows:\n- {host: a, team: core}\n", ", format: yaml"),
        ("text/plain", "host;team\na;core\n", ""),
    ] {
        let server = CaptureServer::start();
        server.script("/hosts", [table(kind, text)]);
        let house = House::new(hosts(&server, more));
        house.fetch("00:00:01").await;
        assert_eq!(house.source().problem, None, "{text}");
        assert_eq!(house.team("a").await, "core", "{text}");
    }
}

#[tokio::test]
async fn a_table_that_has_not_changed_is_not_written_again() {
    let server = CaptureServer::start();
    let csv = || Reply::status(200).body("host,team\na,core\n");
    server.script("/hosts", [csv(), csv()]);
    let house = House::new(hosts(&server, ""));
    house.fetch("00:00:01").await;
    house.fetch("00:10:02").await;
    assert_eq!(house.source().fetched_at, Some(at("00:10:02")));
    let house = house.crash();
    assert_eq!((house.source().items, house.source().fetched_at), (1, Some(at("00:00:01"))));
}

#[tokio::test]
async fn a_reload_keeps_a_table_as_long_as_its_address_stays() {
    let server = CaptureServer::start();
    let csv = || table("text/csv", "host,team,name\na,core,x\n");
    server.script("/hosts", [csv(), csv()]);
    let house = House::new(hosts(&server, ""));
    house.fetch("00:00:01").await;
    // Other columns are compared now; the rows are the same.
    house.files.lock().enrichment = hosts(&server, ", priority: 3").enrichment;
    house.engine.reload().unwrap();
    assert_eq!(house.team("a").await, "core");
    house.files.lock().enrichment = hosts(&server, "").enrichment.replace("hidden", "other");
    house.engine.reload().unwrap();
    assert_eq!(house.source().fetched_at, None);
    assert_eq!(house.team("b").await, Value::Null);
    house.fetch("00:00:02").await;
    assert_eq!(house.source().items, 1);
    assert_eq!(server.captured()[1].query, "token=other");
    // A rule that is gone leaves nothing behind.
    house.files.lock().enrichment = String::new();
    house.engine.reload().unwrap();
    assert!(house.engine.sources().is_empty());
    house.files.lock().enrichment = hosts(&server, "").enrichment.replace("hidden", "other");
    assert_eq!(house.crash().source().fetched_at, None);
}

#[tokio::test]
async fn the_policy_holds_for_tables() {
    let server = CaptureServer::start();
    let house = House::new(Files { guarded: true, ..hosts(&server, "") });
    house.fetch("00:00:01").await;
    let problem = house.source().problem.unwrap();
    assert!(problem.contains("is not allowed as destination"), "{problem}");
    assert!(server.captured().is_empty());
}

fn service(name: &str, team: &str) -> Service {
    let fields = json!({"service": name, "environment": "prod", "team": team});
    Service::from_json(fields.as_object().unwrap()).unwrap()
}

fn id(name: &str) -> u64 {
    ServiceKey::new(name, "prod").id()
}

const TOPOLOGY: &str = "services:\n- {service: db, environment: prod, team: data}\n";

#[tokio::test]
async fn what_is_made_by_api_is_kept_and_the_file_wins() {
    let house = House::new(Files { topology: TOPOLOGY.to_owned(), ..Files::default() });
    house.edit(Edit::AddService(service("web", "front"))).await.unwrap();
    house.edit(Edit::AddService(service("api", "core"))).await.unwrap();
    house.edit(Edit::AddDependency(id("web"), id("db"), Some("tcp".into()))).await.unwrap();
    let draft =
        Draft { name: "shop".into(), services: vec![id("web"), id("db")], ..Draft::default() };
    house.edit(Edit::AddApplication(draft)).await.unwrap();
    for edit in [
        Edit::AddService(service("db", "x")),
        Edit::AddService(service("web", "x")),
        Edit::ChangeService(id("db"), service("db", "x")),
        Edit::RemoveServices(vec![id("web"), id("db")]),
        Edit::AddDependency(id("web"), id("db"), None),
    ] {
        let refused = house.edit(edit.clone()).await;
        let conflict = matches!(refused, Err(TopologyError::Edit(EditError::Conflict(_))));
        assert!(conflict, "{edit:?}: {refused:?}");
    }
    assert!(house.edit(Edit::RemoveServices(vec![7])).await.is_err());

    let house = house.crash();
    assert_eq!(house.named(), ["db@prod", "api@prod", "web@prod"]);
    let view = house.engine.topology();
    let web = view.topology.find("web", Some("prod")).unwrap();
    assert_eq!(view.topology.needs(web).next().unwrap().protocol.as_deref(), Some("tcp"));
    assert_eq!(view.topology.services_of("shop").count(), 2);
    // A new name goes along.
    house.edit(Edit::ChangeService(id("web"), service("shop-web", "front"))).await.unwrap();
    let view = house.engine.topology();
    let web = view.topology.find("shop-web", None).unwrap();
    assert_eq!(
        (view.topology.needs(web).count(), view.topology.services_of("shop").count()),
        (1, 2)
    );
    // The file gets to know one of them, and wins.
    house.files.lock().topology =
        format!("{TOPOLOGY}- {{service: api, environment: prod, team: own}}\n");
    house.engine.reload().unwrap();
    let view = house.engine.topology();
    let api = view.topology.find("api", None).unwrap();
    assert_eq!(view.topology.services()[api].field("team"), Some("own"));
    house.edit(Edit::RemoveServices(vec![id("shop-web")])).await.unwrap();
    let house = house.crash();
    assert_eq!(house.named(), ["db@prod", "api@prod"]);
    assert_eq!(house.engine.topology().topology.services_of("shop").count(), 1);
}

#[tokio::test]
async fn an_import_is_taken_whole_or_not_at_all() {
    let house = House::new(Files { topology: TOPOLOGY.to_owned(), ..Files::default() });
    house.edit(Edit::AddService(service("old", "x"))).await.unwrap();
    let layer = |text: &str| {
        let source = Arc::new(Source { name: "import".into(), text: text.into() });
        Layer::read(&source).unwrap().0
    };
    let clash = layer("services: [{service: db, environment: prod}, new]");
    let refused = house.edit(Edit::Import { layer: clash, replace: false }).await.unwrap_err();
    assert_eq!(refused.to_string(), "the service db in prod stands in topology.yaml");
    let good = layer("services: [{service: web, environment: prod, depends_on: [cache]}, cache]");
    house.edit(Edit::Import { layer: good.clone(), replace: false }).await.unwrap();
    assert_eq!(house.named(), ["db@prod", "cache@unknown", "old@prod", "web@prod"]);
    house.edit(Edit::Import { layer: good, replace: true }).await.unwrap();
    let house = house.crash();
    assert_eq!(house.named(), ["db@prod", "cache@unknown", "web@prod"]);
    // What is exported can be imported elsewhere, in both forms.
    let view = house.engine.topology();
    for json in [view.topology.to_plain(), view.topology.to_keep(|_| false)] {
        let text = bongsu_lang::yaml::emit(&bongsu_lang::yaml::Value::from_json(&json));
        let other = House::new(Files::default());
        other.edit(Edit::Import { layer: layer(&text), replace: false }).await.unwrap();
        let (one, two) = (Layer::of(&other.engine.topology().topology), Layer::of(&view.topology));
        assert_eq!(
            one.services.keys().collect::<Vec<_>>(),
            two.services.keys().collect::<Vec<_>>()
        );
        assert_eq!(one.dependencies, two.dependencies, "{text}");
    }
}

fn object<const N: usize>(namespace: &str, name: &str, more: [(&str, Value); N]) -> Value {
    let mut object = json!({"metadata": {"namespace": namespace, "name": name}});
    for (key, value) in more {
        match key {
            "labels" | "annotations" => object["metadata"][key] = value,
            _ => object[key] = value,
        }
    }
    object
}

fn list(items: &[Value]) -> Reply {
    Reply::status(200).body(json!({"metadata": {}, "items": items}).to_string())
}

#[tokio::test]
async fn a_cluster_says_which_services_there_are() {
    let server = CaptureServer::start();
    let pods = |app: &str| json!({"template": {"metadata": {"labels": {"app": app}}}});
    let selects = |app: &str| json!({"selector": {"app": app}, "clusterIP": "10.0.0.1", "ports": [{"protocol": "TCP"}]});
    let part = json!({"app.kubernetes.io/part-of": "store"});
    let web = object("shop", "web", [("spec", selects("web")), ("labels", part)]);
    let team = ("labels", json!({"bongsu.io/team": "front"}));
    let needs = ("annotations", json!({"bongsu.io/depends-on": "db, nothing"}));
    let web_pods = object("shop", "web", [("spec", pods("web")), team, needs]);
    let headless = json!({"selector": {"app": "pg"}, "clusterIP": "None"});
    let db = object("shop", "db", [("spec", headless)]);
    let component = json!({"app.kubernetes.io/component": "database"});
    let postgres = object("shop", "postgres", [("spec", pods("pg")), ("labels", component)]);
    let agents = [object("shop", "agent", []), object("ops", "agent", [])];
    server.script("/api/v1/services", [list(&[web, db.clone()]), list(&[db])]);
    server.script("/apis/apps/v1/deployments", [list(&[web_pods]), Reply::status(500), list(&[])]);
    server.script("/apis/apps/v1/statefulsets", [list(&[postgres]), list(&[])]);
    server.script("/apis/apps/v1/daemonsets", [list(&agents), list(&[])]);
    let source = "sources: [{instance: cluster, environment: prod, refresh: 5m}]\n";
    let topology = format!("{TOPOLOGY}{source}");
    let files = Files { topology, cluster: server.url(""), ..Files::default() };
    let house = House::new(files);
    house.fetch("00:00:01").await;
    assert_eq!(house.source().problem, None);
    let all = ["db@prod", "agent.ops@prod", "agent.shop@prod", "postgres@prod", "web@prod"];
    assert_eq!(house.named(), all);
    let view = house.engine.topology();
    let topology = &view.topology;
    let of = |name: &str| topology.find(name, Some("prod")).unwrap();
    let needs = |name: &str| -> Vec<&str> {
        topology.needs(of(name)).map(|d| &*topology.services()[d.to].service).collect()
    };
    assert_eq!((needs("web"), needs("db")), (vec!["db"], vec!["postgres"]));
    let web = &topology.services()[of("web")];
    assert_eq!((web.field("team"), web.field("ip_address")), (Some("front"), Some("10.0.0.1")));
    assert_eq!(
        (web.field("namespace"), web.tags.join(" ")),
        (Some("shop"), "deployment service".into())
    );
    assert_eq!(topology.services()[of("postgres")].field("category"), Some("database"));
    // The file's word about the database stands, what it leaves open is taken from the cluster.
    let db = &topology.services()[of("db")];
    assert_eq!((db.field("team"), db.field("namespace")), (Some("data"), Some("shop")));
    assert_eq!(topology.services_of("store").count(), 1);
    assert!(server.captured().iter().all(|r| r.header("authorization") == "Bearer t0ken"));

    // An answer that is not whole changes nothing; a later start has it, too.
    house.fetch("00:06:00").await;
    assert!(house.source().problem.unwrap().contains("deployments"));
    assert_eq!(house.named(), all);
    let house = house.crash();
    assert_eq!(house.named(), all);
    // What is pulled can be written over, not taken away.
    house.edit(Edit::ChangeService(id("web"), service("web", "ours"))).await.unwrap();
    let refused = house.edit(Edit::RemoveServices(vec![id("postgres")])).await.unwrap_err();
    assert!(refused.to_string().contains("the source cluster"), "{refused}");
    house.fetch("00:08:00").await;
    assert_eq!(house.source().problem, None);
    assert_eq!(house.named(), ["db@prod", "web@prod"]);
    // A source that is no longer named takes its services along.
    house.files.lock().topology = TOPOLOGY.to_owned();
    house.engine.reload().unwrap();
    assert!(house.engine.sources().is_empty());
}

#[tokio::test]
async fn counts_outlive_the_process() {
    let house = House::new(Files::default());
    let report = |severity: &str| {
        let alert = json!({"name": "Disk", "fingerprint": "d", "severity": severity});
        let body = alert.to_string().into();
        let content_type = "application/json".to_owned();
        Delivered { provider: "keep".to_owned(), content_type, body, ..Delivered::default() }
    };
    for severity in ["odd", "odd", "high"] {
        house.engine.receive(report(severity)).await.unwrap();
    }
    let seen = |house: &House| {
        let (rule, ratio) = house.engine.dedup_rules().remove(0);
        let unmapped = house.engine.unmapped();
        let counts: Vec<_> = unmapped.iter().map(|v| (v.unmapped.value.clone(), v.count)).collect();
        (rule.name, ratio.reports, ratio.full, ratio.partial, counts)
    };
    let before = seen(&house);
    assert_eq!((before.1, before.2, before.3), (3, 1, 1));
    assert_eq!(before.4, [("odd".to_owned(), 2)]);
    house.engine.keep_counts().await;
    let house = house.crash();
    assert_eq!(seen(&house), before);
    // They go on from there, and an orderly stop writes them.
    house.engine.receive(report("odd")).await.unwrap();
    house.engine.close().await;
    let house = house.crash();
    let after = seen(&house);
    assert_eq!((after.1, after.4[0].1), (4, 3));
    // What nobody has seen for long is forgotten.
    house.clock.set(at("00:00:00").checked_add(Duration::from_secs(40 * 86400)).unwrap());
    house.engine.keep_counts().await;
    assert!(house.crash().engine.unmapped().is_empty());
}
