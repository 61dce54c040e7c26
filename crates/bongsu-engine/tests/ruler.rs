//! Groups of rules written into a running engine, on a store that fails on command.
#![allow(clippy::unwrap_used)]

mod nobody;

use std::sync::Arc;
use std::time::Duration;

use bongsu_config::alertmanager;
use bongsu_engine::api::{Backend, GroupOrigin, NewGroup, RuleBackend, RulerError, RulesQuery};
use bongsu_engine::clock::ManualClock;
use bongsu_engine::{Engine, Loaded, Options, RuleBook, RuleFiles};
use bongsu_lang::Mode;
use bongsu_model::{Source, Timestamp};
use bongsu_store::memory::{Fault, MemoryStore};
use parking_lot::Mutex;

use crate::nobody::Nobody;

const CONFIG: &str = "route: {receiver: team}\nreceivers: [{name: team}]\n";
const RULES: &str = "rules: [{alert: A, expr: vector(1), for: 1h}]\n";

struct House {
    store: Arc<MemoryStore>,
    engine: Engine,
    /// Rule files: names and texts; read at every reload.
    files: Arc<Mutex<Vec<(&'static str, String)>>>,
}

impl House {
    fn new() -> Self {
        Self::on(MemoryStore::default())
    }

    fn on(store: MemoryStore) -> Self {
        let files: Arc<Mutex<Vec<(&'static str, String)>>> = Arc::default();
        let read = Arc::clone(&files);
        let load = move || {
            let source = Source { name: "am.yml".to_owned(), text: CONFIG.to_owned() };
            let (config, _) = alertmanager::load(source, None, Mode::Fallback)?;
            let templates = bongsu_notify::templates::default_templates().unwrap();
            let source = |(name, text): &(&str, String)| Source {
                name: (*name).to_owned(),
                text: text.clone(),
            };
            let rules = read.lock().iter().map(source).collect();
            let (book, _) = RuleBook::read(RuleFiles { rules, ..RuleFiles::default() })?;
            let retention = Duration::from_secs(1000);
            Ok(Loaded::new(config, templates, "http://am.test", retention).judging(book))
        };
        let store = Arc::new(store);
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let options = Options::default();
        let engine = Engine::start(store.clone(), clock, Arc::new(Nobody), options, Box::new(load));
        Self { store, engine: engine.unwrap(), files }
    }

    async fn write(&self, namespace: &str, name: &str) -> Result<(), RulerError> {
        self.engine.write_group(group(namespace, name)).await
    }

    /// Files or namespaces of the groups that run.
    fn running(&self) -> String {
        let rules = self.engine.rules(&RulesQuery::default()).unwrap();
        let groups = rules["groups"].as_array().unwrap().iter();
        let names = groups.map(|group| {
            format!("{}/{}", group["file"].as_str().unwrap(), group["name"].as_str().unwrap())
        });
        names.collect::<Vec<_>>().join(" ")
    }
}

fn group(namespace: &str, name: &str) -> NewGroup {
    NewGroup {
        namespace: namespace.to_owned(),
        text: format!("name: {name}\n{RULES}"),
        owner: Some("web".to_owned()),
        by: Some("ann".to_owned()),
    }
}

#[tokio::test]
async fn a_group_that_is_not_durable_is_not_in_force() {
    for fault in [Fault::Full, Fault::Busy] {
        let house = House::new();
        house.write("team", "kept").await.unwrap();
        house.store.fail_next(1, fault);
        let refused = house.write("team", "lost").await.unwrap_err();
        assert!(matches!(refused, RulerError::Store(_)), "{refused}");
        house.store.fail_next(1, fault);
        let refused = house.engine.remove_groups("team".to_owned(), None, None).await;
        assert!(matches!(refused, Err(RulerError::Store(_))), "{refused:?}");
        house.store.set_full(false);
        assert_eq!(house.running(), "team/kept");
        // What the store kept of the failed commits does not come back either.
        house.write("team", "after").await.unwrap();
        let again = House::on(house.store.crash());
        assert_eq!(again.running(), "team/after team/kept");
    }
}

#[tokio::test]
async fn it_is_durable_before_it_is_acknowledged_and_in_force_then() {
    let house = House::new();
    house.store.hold(true);
    let engine = house.engine.clone();
    let mut writing = tokio::spawn(async move { engine.write_group(group("team", "g")).await });
    let early = tokio::time::timeout(Duration::from_millis(50), &mut writing).await;
    assert!(early.is_err(), "the store has not written it yet");
    assert_eq!(house.running(), "");
    house.store.hold(false);
    writing.await.unwrap().unwrap();
    assert_eq!(house.running(), "team/g");
    assert_eq!(House::on(house.store.crash()).running(), "team/g");
}

#[tokio::test]
async fn a_file_wins_over_what_was_written_under_its_name() {
    let house = House::new();
    house.write("team.yml", "g").await.unwrap();
    house.write("team.yml", "h").await.unwrap();
    house.files.lock().push(("team.yml", format!("groups: [{{name: g, {}}}]\n", RULES.trim())));
    Backend::reload(&house.engine).await.unwrap();
    assert_eq!(house.running(), "team.yml/g");
    let refused = house.write("team.yml", "h").await.unwrap_err();
    assert!(matches!(refused, RulerError::Fixed(_)), "{refused}");
    let hidden: Vec<bool> =
        house.engine.defined_groups().into_iter().map(|known| known.hidden).collect();
    assert_eq!(hidden, [false, true, true]);
    // Restarted with the file it rests, too, and may still be removed.
    house.engine.remove_groups("team.yml".to_owned(), Some("h".to_owned()), None).await.unwrap();
    house.files.lock().clear();
    Backend::reload(&house.engine).await.unwrap();
    assert_eq!(house.running(), "team.yml/g");
    let known = house.engine.defined_groups();
    let GroupOrigin::Written { owner, by, .. } = &known[0].origin else { panic!("{known:?}") };
    assert_eq!((owner.as_deref(), by.as_deref()), (Some("web"), Some("ann")));
    let unknown = house.engine.remove_groups("none".to_owned(), None, None).await.unwrap_err();
    assert!(matches!(unknown, RulerError::UnknownNamespace), "{unknown}");
}
