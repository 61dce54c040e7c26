//! Workflows through a running engine on a clock moved by hand.
#![allow(clippy::unwrap_used)]

mod nobody;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_config::alertmanager;
use bongsu_engine::api::{
    AlertChange, Backend, Delivered, HookRequest, RunFilter, RunView, StartRequest,
    WorkflowBackend, WorkflowError, Written,
};
use bongsu_engine::clock::ManualClock;
use bongsu_engine::intake::{Instance, Intake};
use bongsu_engine::{Engine, Enricher, EnrichmentFiles, Loaded, Options, Provisioned};
use bongsu_lang::Mode;
use bongsu_model::{Secret, Source, Timestamp};
use bongsu_provider::Connector;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::manifest::Catalogue;
use bongsu_store::memory::{Fault, MemoryStore};
use bongsu_testkit::capture::{Answer as Reply, CaptureServer};
use serde_json::{Value, json};

use crate::nobody::Nobody;

const CONFIG: &str = "route: {receiver: team}\nreceivers: [{name: team}]\n";

struct House {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    engine: Engine,
    files: String,
    peer: String,
}

impl House {
    /// `workflows` with `PEER` for the address of a peer.
    fn new(workflows: &str, peer: &CaptureServer) -> Self {
        let peer = peer.url("");
        Self::with(workflows.to_owned(), peer, MemoryStore::default(), at("00:00:00"))
    }

    fn with(files: String, peer: String, store: MemoryStore, now: Timestamp) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let (text, base) = (files.replace("PEER", peer.trim_end_matches('/')), peer.clone());
        let load = move || {
            let source = Source { name: "am.yml".to_owned(), text: CONFIG.to_owned() };
            let (config, _) = alertmanager::load(source, None, Mode::Fallback)?;
            let templates = bongsu_notify::templates::default_templates().unwrap();
            let catalogue = Catalogue::shipped();
            let manifest = catalogue.get("http").unwrap().unwrap();
            let given = json!({"base_url": base});
            let auth = manifest.settings(given.as_object().unwrap()).unwrap();
            let instance = Instance {
                name: "peer".into(),
                provider: "http".into(),
                token: None,
                pulled: false,
                unverifiable: None,
                auth: Ok(auth),
            };
            let connector = Connector::new("Bongsu/test", EgressPolicy::open());
            let secrets = BTreeMap::from([("door".into(), Ok(Secret::new("open-sesame-1")))]);
            let intake = Intake::new(catalogue, [instance], BTreeMap::new())
                .reaching(Arc::new(connector))
                .telling(secrets, Arc::new(|name| (name == "HOME_TOWN").then(|| "Busan".into())));
            let loaded =
                Loaded::new(config, templates, "http://am.test", Duration::from_secs(1000));
            let (enricher, _) = Enricher::read(&EnrichmentFiles::default())?;
            let file = Source { name: "w.yaml".to_owned(), text: text.clone() };
            let files = if text.is_empty() { Vec::new() } else { vec![file] };
            let (flows, _) = Provisioned::read(files)?;
            Ok(loaded.receiving(intake).enriching(enricher).running(flows))
        };
        let store = Arc::new(store);
        let options = Options::default();
        let engine =
            Engine::start(store.clone(), clock.clone(), Arc::new(Nobody), options, Box::new(load));
        let engine = engine.unwrap_or_else(|error| panic!("{error:?}"));
        Self { clock, store, engine, files, peer }
    }

    async fn report(&self, alert: Value) {
        let delivered = Delivered {
            provider: "keep".to_owned(),
            content_type: "application/json".to_owned(),
            body: alert.to_string().into(),
            ..Delivered::default()
        };
        self.engine.receive(delivered).await.unwrap();
        self.work().await;
    }

    async fn work(&self) {
        tokio::time::timeout(Duration::from_secs(60), self.engine.work()).await.unwrap();
    }

    async fn pass(&self, time: &str) {
        self.clock.set(at(time));
        self.work().await;
    }

    async fn runs(&self) -> Vec<RunView> {
        let filter = RunFilter { limit: 100, ..RunFilter::default() };
        let mut views = Vec::new();
        for record in self.engine.runs(filter).await.unwrap().into_iter().rev() {
            views.push(self.engine.run(record.row.run).await.unwrap());
        }
        views
    }

    /// Statuses of all runs, the oldest first.
    async fn statuses(&self) -> Vec<String> {
        self.runs().await.into_iter().map(|run| run.record.row.status).collect()
    }

    async fn events(&self, run: &str) -> Vec<(String, Value)> {
        self.engine.write_metrics(&mut String::new());
        let events = self.engine.run_events(run.to_owned(), 0, 1000).await.unwrap();
        let event = |e: bongsu_engine::api::RunEvent| {
            (e.kind, serde_json::from_str::<Value>(&e.detail).unwrap())
        };
        events.into_iter().map(event).collect()
    }

    async fn alert(&self, fingerprint: &str) -> Value {
        self.engine.wide_alert(fingerprint.to_owned()).await.unwrap().unwrap().alert
    }

    /// Loses all that is not durable and starts again.
    fn crash(self) -> Self {
        let now = bongsu_engine::clock::Clock::now(&*self.clock);
        Self::with(self.files, self.peer, self.store.crash(), now)
    }
}

fn at(time: &str) -> Timestamp {
    format!("2026-01-01T{time}Z").parse().unwrap()
}

fn cpu(status: &str, severity: &str) -> Value {
    json!({"name": "CPU", "status": status, "severity": severity, "fingerprint": "cpu-1",
           "service": "shop", "labels": {"host": "a"}})
}

const TELL: &str = r#"
workflow:
  id: tell
  triggers: [{type: alert, cel: "name == 'CPU'"}]
  actions:
    - name: post
      provider:
        type: http
        config: "{{ providers.peer }}"
        with: {url: /hook, method: POST, body: {text: "{{ alert.name }} {{ alert.status }}"}}
"#;

fn told(peer: &CaptureServer) -> Vec<String> {
    let told = peer.captured().into_iter();
    told.map(|c| c.json()["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_stored_change_starts_what_fits_once_and_duplicates_nothing() {
    let peer = CaptureServer::start();
    let house = House::new(TELL, &peer);
    house.report(cpu("firing", "high")).await;
    house.report(cpu("firing", "high")).await;
    house.report(json!({"name": "Disk", "fingerprint": "d", "status": "firing"})).await;
    assert_eq!(told(&peer), ["CPU firing"]);
    house.report(cpu("resolved", "high")).await;
    assert_eq!(told(&peer), ["CPU firing", "CPU resolved"]);
    assert_eq!(house.statuses().await, ["succeeded", "succeeded"]);
    let runs = house.runs().await;
    let keys: Vec<String> =
        peer.captured().iter().map(|c| c.header("idempotency-key").to_owned()).collect();
    for (run, key) in runs.iter().zip(&keys) {
        assert!(key.starts_with(&run.record.row.run), "{key}");
    }
    let kinds: Vec<String> =
        house.events(&runs[0].record.row.run).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["started", "call", "result", "log", "finished"]);
    assert_eq!(runs[0].results["post"]["results"]["status_code"], 200);
}

#[tokio::test]
async fn a_change_by_hand_starts_workflows_and_one_by_a_workflow_does_not() {
    let peer = CaptureServer::start();
    let text = TELL.replace(
        "body: {text: \"{{ alert.name }} {{ alert.status }}\"}}",
        "body: {text: \"{{ alert.note }}\"}, enrich_alert: [{key: ticket, \
         value: results.status_code}]}",
    );
    let house = House::new(&text, &peer);
    house.report(cpu("firing", "high")).await;
    assert_eq!(house.alert("cpu-1").await["ticket"], 200);
    assert_eq!(told(&peer), [""]);
    let note = Written {
        key: "note".to_owned(),
        value: "look".into(),
        disposable: false,
        expires_at: None,
    };
    let change = AlertChange { written: vec![note], ..AlertChange::default() };
    house.engine.change_alert("cpu-1".to_owned(), change).await.unwrap();
    house.work().await;
    assert_eq!(told(&peer), ["", "look"]);
}

/// The process dies after the disk has the payload and before anybody hears of it.
#[tokio::test]
async fn what_is_durable_starts_although_nobody_heard_of_it() {
    let peer = CaptureServer::start();
    let house = House::new(TELL, &peer);
    house.store.hold(true);
    let engine = house.engine.clone();
    let delivered = Delivered {
        provider: "keep".to_owned(),
        content_type: "application/json".to_owned(),
        body: cpu("firing", "high").to_string().into(),
        ..Delivered::default()
    };
    let sent = tokio::spawn(async move { engine.receive(delivered).await.is_ok() });
    while bongsu_store::Store::stats(&*house.store).queue_sets == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(told(&peer), [""; 0]);
    let now = bongsu_engine::clock::Clock::now(&*house.clock);
    let crashed = house.store.crash_after(1);
    assert!(!sent.await.unwrap());
    let house = House::with(house.files, house.peer, crashed, now);
    house.work().await;
    assert_eq!(told(&peer), ["CPU firing"]);
    // Its sender does not know and sends it again.
    house.report(cpu("firing", "high")).await;
    assert_eq!(told(&peer), ["CPU firing"]);
}

/// The process dies in the middle of a call.
#[tokio::test]
async fn what_was_taken_starts_once_and_goes_on_after_a_crash_with_the_same_key() {
    let peer = CaptureServer::start();
    peer.script("/hook", [Reply::status(200).after(Duration::from_secs(600))]);
    let house = House::new(TELL, &peer);
    let delivered = Delivered {
        provider: "keep".to_owned(),
        content_type: "application/json".to_owned(),
        body: cpu("firing", "high").to_string().into(),
        ..Delivered::default()
    };
    house.engine.receive(delivered).await.unwrap();
    // The call is out and gets no answer.
    peer.wait_for(1, Duration::from_secs(60)).await;
    let house = house.crash();
    house.work().await;
    assert_eq!(house.statuses().await, ["succeeded"]);
    let captured = peer.captured();
    assert_eq!(captured.len(), 2, "the one under way is made again");
    let key = captured[0].header("idempotency-key");
    assert!(!key.is_empty());
    assert_eq!(key, captured[1].header("idempotency-key"));
    // Nothing is left to be done.
    let house = house.crash();
    house.work().await;
    assert_eq!(peer.captured().len(), 2);
}

#[tokio::test]
async fn a_payload_that_could_not_be_stored_starts_nothing_until_it_is_sent_again() {
    let peer = CaptureServer::start();
    let house = House::new(TELL, &peer);
    house.store.fail_next(1, Fault::Full);
    let delivered = Delivered {
        provider: "keep".to_owned(),
        content_type: "application/json".to_owned(),
        body: cpu("firing", "high").to_string().into(),
        ..Delivered::default()
    };
    assert!(house.engine.receive(delivered).await.is_err());
    house.work().await;
    assert_eq!(told(&peer), [""; 0]);
    house.report(cpu("firing", "high")).await;
    assert_eq!(told(&peer), ["CPU firing"]);
    let house = house.crash();
    house.work().await;
    assert_eq!(told(&peer), ["CPU firing"]);
}

#[tokio::test]
async fn a_second_run_for_an_alert_waits_and_sees_what_the_first_wrote() {
    let peer = CaptureServer::start();
    let text = r#"
workflow:
  id: ticket
  triggers: [{type: alert}]
  actions:
    - name: wait
      wait: 5m
    - name: post
      if: not '{{ alert.ticket }}'
      provider:
        type: http
        config: "{{ providers.peer }}"
        with: {url: /hook, method: POST, body: {text: open}, enrich_alert: [{key: ticket, value: T1}]}
"#;
    let house = House::new(text, &peer);
    house.report(cpu("firing", "high")).await;
    house.report(cpu("firing", "critical")).await;
    assert_eq!(house.statuses().await, ["running", "queued"]);
    house.pass("00:05:00").await;
    assert_eq!(house.statuses().await, ["succeeded", "running"]);
    let house = house.crash();
    house.pass("00:10:00").await;
    assert_eq!(house.statuses().await, ["succeeded", "succeeded"]);
    assert_eq!(told(&peer), ["open"], "the second saw the ticket of the first");
}

#[tokio::test]
async fn strategies_and_throttles_say_why_nothing_starts() {
    let peer = CaptureServer::start();
    let text = r#"
workflows:
  - id: once
    strategy: nonparallel
    triggers: [{type: alert}]
    actions: [{name: wait, wait: 5m}]
  - id: seldom
    throttle: 1h
    triggers: [{type: alert}]
    actions: [{name: say, provider: {type: console, with: {message: hi}}}]
  - id: worse
    triggers: [{type: alert, severity_changed: true, cel: "severity == 'critical'"}]
    actions: [{name: say, provider: {type: mock, with: {to: "{{ alert.severity_change }} from {{ alert.previous_severity }}"}}}]
  - {id: off, disabled: true, triggers: [{type: alert}], actions: [{name: say, provider: {type: mock}}]}
"#;
    let house = House::new(text, &peer);
    house.report(cpu("firing", "high")).await;
    house.report(cpu("firing", "critical")).await;
    let runs = house.runs().await;
    let of: Vec<(&str, &str)> = runs
        .iter()
        .map(|run| (run.record.row.workflow.as_str(), run.record.row.status.as_str()))
        .collect();
    assert_eq!(of, [("once", "running"), ("seldom", "succeeded"), ("worse", "succeeded")]);
    assert_eq!(runs[2].results["say"]["results"]["to"], "increased from high");
    let explained = house.engine.explain_workflows("cpu-1".to_owned()).await.unwrap();
    let why: BTreeMap<String, String> = explained
        .now
        .iter()
        .map(|c| {
            let reasons: Vec<String> = c.reasons.iter().map(ToString::to_string).collect();
            (c.workflow.clone(), format!("{} {}", c.starts, reasons.join("; ")))
        })
        .collect();
    assert_eq!(why["off"], "false it is disabled");
    assert!(why["seldom"].starts_with("false it ran for this alert at"), "{why:?}");
    let decided: Vec<(String, Option<String>)> = explained
        .decided
        .into_iter()
        .map(|(_, workflow, outcome)| (workflow, outcome.err()))
        .collect();
    let said = |workflow: &str, why: &str| {
        decided.iter().any(|(w, e)| w == workflow && e.as_ref().is_some_and(|e| e.starts_with(why)))
    };
    assert!(said("once", "it is running for this alert"), "{decided:?}");
    assert!(said("seldom", "it ran for this alert at"), "{decided:?}");
    // What was done is remembered.
    let house = house.crash();
    house.report(cpu("firing", "low")).await;
    assert_eq!(house.runs().await.len(), 3);
    house.pass("01:00:00").await;
    house.report(cpu("firing", "high")).await;
    assert_eq!(house.runs().await.len(), 5);
}

#[tokio::test]
async fn the_clock_starts_workflows_and_what_was_given_last_is_known() {
    let peer = CaptureServer::start();
    let text = r#"
workflows:
  - id: poll
    triggers: [{type: interval, value: 60}]
    steps:
      - name: ask
        provider: {type: mock, with: {n: "{{ last_workflow_results.ask.results.n | default('') }}x"}}
  - id: nightly
    triggers: [{type: schedule, cron: "0 2 * * *", timezone: Asia/Seoul}]
    actions: [{name: say, provider: {type: mock}}]
"#;
    let house = House::new(text, &peer);
    house.work().await;
    house.pass("00:00:30").await;
    assert_eq!(house.runs().await.len(), 1);
    house.pass("00:01:00").await;
    let house = house.crash();
    house.pass("00:02:00").await;
    let runs = house.runs().await;
    let given: Vec<&Value> = runs.iter().map(|run| &run.results["ask"]["results"]["n"]).collect();
    assert_eq!(given, ["x", "xx", "xxx"]);
    house.pass("17:00:00").await;
    let nightly = |run: &RunView| run.record.row.workflow == "nightly";
    assert_eq!(house.runs().await.iter().filter(|run| nightly(run)).count(), 1);
}

#[tokio::test]
async fn a_wait_ends_when_the_alert_does() {
    let peer = CaptureServer::start();
    let text = TELL.replace(
        "  actions:\n",
        "  actions:\n    - {name: still, wait: {for: 10m, while: firing}}\n",
    );
    let text = text.replace("name == 'CPU'", "name == 'CPU' && status == 'firing'");
    let house = House::new(&text, &peer);
    house.report(cpu("firing", "high")).await;
    assert_eq!(house.statuses().await, ["running"]);
    house.report(cpu("resolved", "high")).await;
    assert_eq!(house.statuses().await, ["succeeded"]);
    house.pass("00:05:00").await;
    house.report(cpu("firing", "high")).await;
    house.pass("00:15:00").await;
    assert_eq!(told(&peer), ["CPU firing"]);
}

#[tokio::test]
async fn people_start_approve_stop_and_repeat() {
    let peer = CaptureServer::start();
    let text = r#"
workflow:
  id: restart
  inputs: [{name: host, type: string, required: true}]
  triggers: [{type: manual}]
  steps: [{name: look, provider: {type: mock, with: {host: "{{ inputs.host }}"}}}]
  actions:
    - {name: sure, wait: {approval: {message: "restart {{ inputs.host }}?", by: [kim], timeout: 1h}}, on-failure: stop}
    - name: post
      provider:
        type: http
        config: "{{ providers.peer }}"
        with: {url: /hook, method: POST, body: {text: "{{ steps.look.results.host }}"}}
"#;
    let house = House::new(text, &peer);
    let engine = &house.engine;
    let start = |host: Option<&str>| StartRequest {
        inputs: host.map_or(json!({}), |host| json!({"host": host})),
        by: Some("lee".to_owned()),
        ..StartRequest::default()
    };
    let refused = engine.start_workflow("restart".to_owned(), start(None)).await;
    assert!(matches!(refused, Err(WorkflowError::Invalid(_))), "{refused:?}");
    let run = engine.start_workflow("restart".to_owned(), start(Some("db1"))).await.unwrap();
    house.work().await;
    let view = engine.run(run.clone()).await.unwrap();
    assert_eq!(view.questions[0]["message"], "restart db1?");
    let house = house.crash();
    house.work().await;
    let engine = &house.engine;
    let lee = engine.answer_run(run.clone(), None, true, Some("lee".to_owned())).await;
    assert!(matches!(lee, Err(WorkflowError::Forbidden(_))), "{lee:?}");
    engine.answer_run(run.clone(), None, true, Some("kim".to_owned())).await.unwrap();
    house.work().await;
    assert_eq!(told(&peer), ["db1"]);
    // Once more from the action on: what the step gave is known.
    let again = engine.rerun(run.clone(), Some("post".to_owned()), None).await.unwrap();
    house.work().await;
    assert_eq!(told(&peer), ["db1", "db1"]);
    let view = engine.run(again).await.unwrap();
    assert_eq!(view.record.row.status, "succeeded");
    assert!(view.record.row.summary.contains(&run));
    let stopped = engine.start_workflow("restart".to_owned(), start(Some("db2"))).await.unwrap();
    house.work().await;
    engine.cancel_run(stopped.clone(), Some("kim".to_owned())).await.unwrap();
    house.work().await;
    assert_eq!(engine.run(stopped.clone()).await.unwrap().record.row.status, "cancelled");
    let twice = engine.cancel_run(stopped, None).await;
    assert!(matches!(twice, Err(WorkflowError::Conflict(_))), "{twice:?}");
}

#[tokio::test]
async fn secrets_reach_requests_and_nothing_else() {
    let peer = CaptureServer::start();
    peer.script("/hook", [Reply::status(200).body(r#"{"echo": "open-sesame-1"}"#)]);
    let text = TELL.replace(
        "body: {text: \"{{ alert.name }} {{ alert.status }}\"}",
        "headers: {x-door: \"{{ secrets.door }}\"}, body: {text: \"{{ alert.note }}\"}",
    );
    let house = House::new(&text, &peer);
    let mut alert = cpu("firing", "high");
    // What an alert says is never evaluated.
    alert["note"] = "{{ secrets.door }} keep.utcnow()".into();
    house.report(alert).await;
    let captured = peer.captured();
    assert_eq!(captured[0].header("x-door"), "open-sesame-1");
    assert_eq!(told(&peer), ["{{ secrets.door }} keep.utcnow()"]);
    let run = house.runs().await.remove(0);
    let mut all = format!("{:?}", run);
    for (_, detail) in house.events(&run.record.row.run).await {
        all.push_str(&detail.to_string());
    }
    assert!(!all.contains("open-sesame-1"), "{all}");
    assert!(all.contains("***"));
}

#[tokio::test]
async fn failures_are_tried_again_and_scripts_are_not_enabled() {
    let peer = CaptureServer::start();
    peer.script("/hook", [Reply::status(503), Reply::status(200)]);
    let text = TELL.replace(
        "    - name: post\n",
        "    - name: post\n      retry: {count: 2, interval: 10s}\n",
    );
    let house = House::new(&text, &peer);
    house.report(cpu("firing", "high")).await;
    assert_eq!(house.statuses().await, ["running"]);
    house.pass("00:00:10").await;
    assert_eq!(house.statuses().await, ["succeeded"]);
    let keys: Vec<String> =
        peer.captured().iter().map(|c| c.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys[0], keys[1]);
    let text = "id: x\nsteps: [{name: a, provider: {type: bash, with: {command: ls}}}]\n";
    let request = StartRequest::default();
    let run = house.engine.try_workflow(text.to_owned(), request).await.unwrap();
    let view = house.engine.await_run(run, Duration::from_secs(60)).await.unwrap();
    assert_eq!(view.record.row.status, "failed");
    assert!(view.record.row.summary.contains("scripts are not enabled"), "{:?}", view.record);
}

#[tokio::test]
async fn workflows_are_saved_with_versions_and_files_win() {
    let peer = CaptureServer::start();
    let house = House::new(TELL, &peer);
    let engine = &house.engine;
    let by = || Some("kim".to_owned());
    let text = "workflow: {id: mine, triggers: [{type: alert}], actions: [{name: say, provider: {type: mock}}]}";
    let fixed = engine.put_workflow(None, TELL.replace("PEER", "x"), by()).await;
    assert!(matches!(fixed, Err(WorkflowError::Fixed(_))));
    let wrong = engine.put_workflow(None, "workflow: {id: a, triger: []}".to_owned(), by()).await;
    assert!(matches!(wrong, Err(WorkflowError::Refused(_))));
    engine.put_workflow(Some("mine".to_owned()), text.to_owned(), by()).await.unwrap();
    house.report(cpu("firing", "high")).await;
    assert_eq!(house.runs().await.len(), 2);
    engine.switch_workflow("mine".to_owned(), true, by()).await.unwrap();
    let house = house.crash();
    let engine = &house.engine;
    house.report(cpu("firing", "low")).await;
    assert_eq!(house.runs().await.len(), 3);
    let versions = engine.workflow_versions("mine".to_owned()).await.unwrap();
    let shown: Vec<_> = versions.iter().map(|v| (v.version, v.disabled)).collect();
    assert_eq!(shown, [(2, true), (1, false)]);
    engine.remove_workflow("mine".to_owned(), by()).await.unwrap();
    assert!(matches!(engine.workflow("mine".to_owned()).await, Err(WorkflowError::Unknown(_))));
    // A file of the same id wins, and that what was saved differs is told.
    let other = "workflow: {id: tell, actions: [{name: a, provider: {type: mock}}]}";
    let empty =
        House::with(String::new(), house.peer.clone(), MemoryStore::default(), at("00:00:00"));
    empty.engine.put_workflow(None, other.to_owned(), by()).await.unwrap();
    let filed =
        House::with(TELL.to_owned(), empty.peer.clone(), empty.store.crash(), at("00:00:00"));
    assert_eq!(filed.engine.workflow("tell".to_owned()).await.unwrap().drift, Some("differs"));
}

#[tokio::test]
async fn a_workflow_that_could_not_be_saved_does_not_come_back() {
    let house = House::new(TELL, &CaptureServer::start());
    let text = |id: &str| {
        format!(
            "workflow: {{id: {id}, triggers: [{{type: alert}}], actions: [{{name: say, provider: {{type: mock}}}}]}}"
        )
    };
    house.engine.put_workflow(None, text("kept"), None).await.unwrap();
    house.store.fail_next(1, Fault::Full);
    let refused = house.engine.switch_workflow("kept".to_owned(), true, None).await;
    assert!(matches!(refused, Err(WorkflowError::Store(_))));
    house.store.fail_next(1, Fault::Full);
    let refused = house.engine.put_workflow(None, text("lost"), None).await;
    assert!(matches!(refused, Err(WorkflowError::Store(_))));
    house.store.set_full(false);
    house.engine.put_workflow(None, text("after"), None).await.unwrap();
    let again = house.crash();
    for (id, disabled) in [("kept", Some(false)), ("lost", None), ("after", Some(false))] {
        let known = again.engine.workflow(id.to_owned()).await.ok();
        assert_eq!(known.map(|view| view.workflow.disabled), disabled, "{id}");
    }
}

#[tokio::test]
async fn a_request_starts_what_waits_for_it() {
    let peer = CaptureServer::start();
    let text = r#"
workflow:
  id: deploy
  triggers: [{type: webhook, path: deploy/done, token: "{{ secrets.door }}"}]
  actions: [{name: say, provider: {type: mock, with: {version: "{{ trigger.body.version }}"}}}]
"#;
    let house = House::new(text, &peer);
    let request = |token: Option<&str>| HookRequest {
        method: "POST".to_owned(),
        path: "deploy/done".to_owned(),
        token: token.map(str::to_owned),
        known: true,
        body: json!({"version": "1.2"}),
        ..HookRequest::default()
    };
    assert!(!house.engine.admits_hook("POST", "deploy/done", "wrong"));
    assert!(house.engine.admits_hook("POST", "/deploy/done", "open-sesame-1"));
    for token in [None, Some("wrong")] {
        let refused = house.engine.call_hook(request(token)).await;
        assert!(matches!(refused, Err(WorkflowError::Forbidden(_))), "{refused:?}");
    }
    let runs = house.engine.call_hook(request(Some("open-sesame-1"))).await.unwrap();
    house.work().await;
    let view = house.engine.run(runs[0].clone()).await.unwrap();
    assert_eq!(view.results["say"]["results"]["version"], "1.2");
}

#[tokio::test]
async fn a_workflow_looks_for_alerts_and_makes_some() {
    let peer = CaptureServer::start();
    let text = r#"
workflow:
  id: watch
  triggers: [{type: manual}]
  inputs: [{name: rows, default: []}]
  steps:
    - name: cpus
      provider: {type: keep, with: {version: 2, filter: "name == 'CPU'", limit: 5}}
    - name: rows
      provider: {type: mock, with: {command_output: [{pod: a, n: 5}, {pod: b, n: 1}]}}
  actions:
    - name: make
      foreach: "{{ steps.rows.results }}"
      if: "{{ foreach.value.n }} > 3"
      provider:
        type: keep
        with:
          alert: {name: "pod {{ foreach.value.pod }}", severity: high, labels: {pod: "{{ foreach.value.pod }}"}}
"#;
    let house = House::new(text, &peer);
    house.report(cpu("firing", "high")).await;
    let run =
        house.engine.start_workflow("watch".to_owned(), StartRequest::default()).await.unwrap();
    house.work().await;
    let view = house.engine.run(run).await.unwrap();
    assert_eq!(view.record.row.status, "succeeded", "{:?}", view.record);
    assert_eq!(view.results["cpus"]["results"][0]["fingerprint"], "cpu-1");
    let made = &view.results["make"]["results"][0][0];
    let alert = house.alert(made["fingerprint"].as_str().unwrap()).await;
    assert_eq!((&alert["name"], &alert["providerId"]), (&json!("pod a"), &json!("watch")));
}
