//! P1: what was answered 2xx survives `kill -9` at any instant, and whoever had to be told of it
//! is told: repeated only if the message was under way at a kill, and then with the same key.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bongsu_testkit::capture::{CaptureServer, Captured};
use bongsu_testkit::process::{Client, Server};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{
    ALERTS, Chance, SILENCES, assert_sound, eventually, fingerprint, firing, later, own, shown,
};

/// Connections that post at the same time.
const SENDERS: usize = 4;
/// Rounds unless `BONGSU_CRASH_ROUNDS` says otherwise.
const ROUNDS: usize = 200;

fn config(hook: &str) -> String {
    format!(
        "route:\n  receiver: hook\n  group_by: [group]\n  group_wait: 50ms\n  \
         group_interval: 1s\n  repeat_interval: 24h\n\
         receivers:\n- name: hook\n  webhook_configs:\n  - url: {hook}\n"
    )
}

/// One alert and what is known about it.
struct Entry {
    labels: [(&'static str, String); 3],
    starts_at: Timestamp,
    /// What it may be, given what was sent and what was answered.
    may_be_shown: bool,
    may_be_gone: bool,
    /// When its end was first sent.
    ended: Option<Instant>,
    /// Its end was answered 2xx.
    end_taken: bool,
}

impl Entry {
    fn fingerprint(&self) -> String {
        let labels: Vec<(&str, &str)> = self.labels.iter().map(|(n, v)| (*n, v.as_str())).collect();
        fingerprint(&labels)
    }

    fn as_json(&self) -> Value {
        let ends_at = match self.ended {
            Some(_) => later(SignedDuration::ZERO),
            None => later(SignedDuration::from_hours(12)),
        };
        let labels: serde_json::Map<String, Value> =
            self.labels.iter().map(|(n, v)| ((*n).to_owned(), json!(v))).collect();
        json!({
            "labels": labels,
            "annotations": { "summary": "something is wrong" },
            "startsAt": self.starts_at.to_string(),
            "endsAt": ends_at.to_string(),
        })
    }
}

/// All that was sent and answered.
#[derive(Default)]
struct Ledger {
    alerts: BTreeMap<String, Entry>,
    silences: BTreeSet<String>,
    answered: usize,
}

/// A connection's share of the load, until the server is gone.
struct Sender {
    name: String,
    chance: Chance,
    ledger: Arc<Mutex<Ledger>>,
    /// Alerts of earlier rounds and this one, not known to have ended.
    own: Vec<String>,
    sent: usize,
}

impl Sender {
    fn run(&mut self, address: SocketAddr, stop: &AtomicBool) {
        let Ok(mut client) = Client::connect(address) else { return };
        while !stop.load(Ordering::Relaxed) {
            let done = match self.chance.below(20) {
                0 => self.silence(&mut client),
                1..=4 => self.end(&mut client),
                5..=9 => self.again(&mut client),
                _ => self.fresh(&mut client),
            };
            // The connection broke: whether it was taken is not known.
            if done.is_err() {
                return;
            }
        }
    }

    fn fresh(&mut self, client: &mut Client) -> std::io::Result<()> {
        let count = 1 + self.chance.below(4);
        let group = format!("{}-{}", self.name, self.sent / 8);
        let mut fresh = Vec::new();
        for _ in 0..count {
            self.sent += 1;
            // Some have been firing for a while, which makes their group due at once.
            let age = [0, 0, 60][self.chance.below(3)];
            let entry = Entry {
                labels: [
                    ("alertname", "Crash".to_owned()),
                    ("group", group.clone()),
                    ("instance", format!("{}-{}", self.name, self.sent)),
                ],
                starts_at: later(SignedDuration::from_secs(-age)),
                may_be_shown: true,
                may_be_gone: true,
                ended: None,
                end_taken: false,
            };
            let id = entry.fingerprint();
            self.ledger.lock().alerts.insert(id.clone(), entry);
            self.own.push(id.clone());
            fresh.push(id);
        }
        self.send(client, &fresh)
    }

    /// Reports some alerts again.
    fn again(&mut self, client: &mut Client) -> std::io::Result<()> {
        let some = self.pick(6);
        self.send(client, &some)
    }

    /// Ends some alerts.
    fn end(&mut self, client: &mut Client) -> std::io::Result<()> {
        let some = self.pick(3);
        {
            let mut ledger = self.ledger.lock();
            for id in &some {
                let entry = ledger.alerts.get_mut(id).unwrap();
                entry.ended.get_or_insert_with(Instant::now);
                entry.may_be_gone = true;
            }
        }
        self.send(client, &some)
    }

    /// Some alerts of its own. Those whose end was sent stay ended.
    fn pick(&mut self, most: usize) -> Vec<String> {
        let count = 1 + self.chance.below(most);
        let picked: BTreeSet<usize> =
            (0..count).map(|_| self.chance.below(self.own.len())).collect();
        picked.iter().filter_map(|at| self.own.get(*at).cloned()).collect()
    }

    fn send(&mut self, client: &mut Client, ids: &[String]) -> std::io::Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let body: Vec<Value> = {
            let ledger = self.ledger.lock();
            ids.iter().map(|id| ledger.alerts[id].as_json()).collect()
        };
        let reply = client.send("POST", ALERTS, &serde_json::to_vec(&body).unwrap())?;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let mut ledger = self.ledger.lock();
        ledger.answered += ids.len();
        for id in ids {
            let entry = ledger.alerts.get_mut(id).unwrap();
            entry.end_taken = entry.ended.is_some();
            entry.may_be_shown = !entry.end_taken;
            entry.may_be_gone = entry.end_taken;
        }
        self.own.retain(|id| !ledger.alerts[id].end_taken);
        Ok(())
    }

    fn silence(&mut self, client: &mut Client) -> std::io::Result<()> {
        let silence = json!({
            "matchers": [{ "name": "nothing", "value": "here", "isRegex": false, "isEqual": true }],
            "startsAt": later(SignedDuration::ZERO).to_string(),
            "endsAt": later(SignedDuration::from_hours(2)).to_string(),
            "createdBy": "crash test",
            "comment": "must survive",
        });
        let reply = client.send("POST", SILENCES, silence.to_string().as_bytes())?;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let id = reply.json()["silenceID"].as_str().unwrap().to_owned();
        self.ledger.lock().silences.insert(id);
        Ok(())
    }
}

/// Everything answered is there, nothing answered as ended is.
fn compare(server: &Server, ledger: &Ledger, round: usize) {
    let shown = shown(server);
    for (id, entry) in &ledger.alerts {
        let (is_shown, labels) = (shown.contains(id), &entry.labels);
        assert!(is_shown || entry.may_be_gone, "round {round}: {labels:?} is lost");
        assert!(!is_shown || entry.may_be_shown, "round {round}: {labels:?} fires again");
    }
    let silences = server.request("GET", SILENCES, None).unwrap().json();
    let silences = silences.as_array().unwrap();
    let known: BTreeSet<&str> = silences.iter().filter_map(|s| s["id"].as_str()).collect();
    for id in &ledger.silences {
        assert!(known.contains(id.as_str()), "round {round}: silence {id} is lost");
    }
}

/// One message as the receiver got it.
struct Message {
    key: String,
    group: String,
    life: usize,
    arrived: Instant,
    firing: BTreeSet<String>,
    resolved: BTreeSet<String>,
}

impl Message {
    fn read(captured: &Captured) -> Self {
        let body = captured.json();
        let of = |status: &str| {
            let alerts = body["alerts"].as_array().unwrap().iter();
            let with = alerts.filter(|alert| alert["status"] == status);
            with.map(|alert| alert["fingerprint"].as_str().unwrap().to_owned()).collect()
        };
        let url = body["externalURL"].as_str().unwrap();
        Self {
            key: captured.header("idempotency-key").to_owned(),
            group: body["groupKey"].as_str().unwrap().to_owned(),
            life: url.trim_start_matches("http://life-").parse().unwrap(),
            arrived: captured.arrived,
            firing: of("firing"),
            resolved: of("resolved"),
        }
    }
}

/// What has to have been said and was not, as a text; `None` if nothing.
fn unsaid(ledger: &Ledger, messages: &[Message]) -> Option<String> {
    let mut first_told: HashMap<&str, Instant> = HashMap::new();
    let mut told_of_end: BTreeSet<&str> = BTreeSet::new();
    for message in messages {
        for id in &message.firing {
            let first = first_told.entry(id).or_insert(message.arrived);
            *first = message.arrived.min(*first);
        }
        told_of_end.extend(message.resolved.iter().map(String::as_str));
    }
    let missing = ledger.alerts.iter().find(|(id, entry)| match entry.ended {
        None => !entry.may_be_gone && !first_told.contains_key(id.as_str()),
        Some(at) => {
            let told = first_told.get(id.as_str()).is_some_and(|told| *told < at);
            entry.end_taken && told && !told_of_end.contains(id.as_str())
        }
    });
    missing.map(|(_, entry)| format!("{:?}, ended: {}", entry.labels, entry.ended.is_some()))
}

/// Every message said something new, or was under way when the server was killed.
fn judge_repetitions(messages: &[Message]) -> usize {
    let mut repeated = 0;
    let mut last_life: HashMap<&str, usize> = HashMap::new();
    let mut last_of_group: HashMap<&str, &Message> = HashMap::new();
    for message in messages {
        assert!(!message.key.is_empty(), "a message without Idempotency-Key");
        if let Some(life) = last_life.insert(&message.key, message.life) {
            repeated += 1;
            // It reached us, its outcome was not written before the kill: only another life sends
            // it again, and it was still the last thing its group had to say.
            assert!(message.life > life, "{} repeated without a kill", message.key);
            let last = last_of_group[message.group.as_str()];
            assert_eq!(last.key, message.key, "{} repeated after newer news", message.key);
            continue;
        }
        if let Some(before) = last_of_group.insert(&message.group, message) {
            let news = !message.firing.is_subset(&before.firing)
                || !message.resolved.is_subset(&before.resolved);
            assert!(news, "{} was told the same again with another key", message.group);
        }
    }
    repeated
}

#[test]
fn kill_9_at_any_instant_loses_nothing_and_repeats_only_what_was_under_way() {
    let rounds = std::env::var("BONGSU_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok());
    let rounds: usize = rounds.unwrap_or(ROUNDS);
    let mut chance = Chance::new();
    let hook = CaptureServer::start();
    let life = |round: usize| format!("--external-url=http://life-{round}");
    let launch = own(&config(&hook.url("/hook")));
    let mut server = launch.environment("BONGSU_EXTERNAL_URL", "http://life-0").start();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut senders: Vec<Sender> = (0..SENDERS)
        .map(|at| Sender {
            name: format!("s{at}"),
            chance: chance.split(),
            ledger: Arc::clone(&ledger),
            own: Vec::new(),
            sent: 0,
        })
        .collect();
    for round in 0..rounds {
        if round > 0 {
            server.respawn(&[life(round)]);
            // Some die while they start.
            if chance.below(8) == 0 {
                std::thread::sleep(Duration::from_millis(chance.below(150) as u64));
                continue;
            }
            server.await_ready();
        }
        compare(&server, &ledger.lock(), round);
        let stop = AtomicBool::new(false);
        let address = server.address();
        std::thread::scope(|scope| {
            for sender in &mut senders {
                scope.spawn(|| sender.run(address, &stop));
            }
            // The random instant.
            std::thread::sleep(Duration::from_millis(chance.below(200) as u64));
            server.kill();
            stop.store(true, Ordering::Relaxed);
        });
    }
    server.respawn(&[life(rounds)]);
    server.await_ready();
    compare(&server, &ledger.lock(), rounds);
    let read = || hook.captured().iter().map(Message::read).collect::<Vec<_>>();
    let mut missing = None;
    bongsu_testkit::process::poll_until(crate::support::PATIENCE, || {
        missing = unsaid(&ledger.lock(), &read());
        std::thread::sleep(Duration::from_millis(100));
        missing.is_none().then_some(())
    });
    assert_eq!(missing, None, "somebody was not told");
    // Another start that takes up what is left, if anything, before it tells of a new alert.
    assert!(server.stop(crate::support::PATIENCE).is_some_and(|status| status.success()));
    server.respawn(&[life(rounds + 1)]);
    server.await_ready();
    compare(&server, &ledger.lock(), rounds + 1);
    let last = [("alertname", "Last"), ("group", "last")];
    assert_eq!(server.post_alerts(&json!([firing(&last)])).unwrap().status, 200);
    eventually("the last alert is told", || {
        read().iter().any(|m| m.firing.contains(&fingerprint(&last))).then_some(())
    });
    let repeated = judge_repetitions(&read());
    assert_sound(&server.data());
    let answered = ledger.lock().answered;
    assert!(answered > rounds, "only {answered} alerts were answered: that tests nothing");
    summary(rounds, answered, hook.captured().len(), repeated);
}

fn summary(rounds: usize, answered: usize, messages: usize, repeated: usize) {
    println!(
        "{rounds} kills, {answered} alerts answered, {messages} messages, {repeated} repeated"
    );
}

#[test]
fn an_orderly_stop_keeps_everything() {
    let hook = CaptureServer::start();
    let mut server = own(&config(&hook.url("/hook"))).start();
    let kept = [("alertname", "Kept"), ("group", "kept")];
    let ended = [("alertname", "Ended"), ("group", "ended")];
    let mut over = firing(&ended);
    assert_eq!(server.post_alerts(&json!([firing(&kept), over])).unwrap().status, 200);
    over["endsAt"] = json!(later(SignedDuration::ZERO).to_string());
    assert_eq!(server.post_alerts(&json!([over])).unwrap().status, 200);
    let told = |id: &str| hook.captured().iter().filter(|c| c.text().contains(id)).count();
    eventually("the alert is told", || (told(&fingerprint(&kept)) > 0).then_some(()));
    for _ in 0..3 {
        let status = server.stop(crate::support::PATIENCE);
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
        server.restart();
        assert_eq!(shown(&server), BTreeSet::from([fingerprint(&kept)]));
    }
    let other = [("alertname", "Other"), ("group", "other")];
    assert_eq!(server.post_alerts(&json!([firing(&other)])).unwrap().status, 200);
    eventually("the other alert is told", || (told(&fingerprint(&other)) > 0).then_some(()));
    assert_eq!(told(&fingerprint(&kept)), 1, "told once, whatever happened since");
    assert_sound(&server.data());
}

/// Forgotten and reported again between two checkpoints: the newer truth must win.
#[test]
fn an_alert_that_comes_back_after_it_was_forgotten_is_kept() {
    let hook = CaptureServer::start();
    let launch = crate::support::compatible(&config(&hook.url("/hook")));
    let mut server = launch.arguments(["--alerts.gc-interval=100ms"]).start();
    let labels = [("alertname", "Back"), ("group", "back")];
    let id = fingerprint(&labels);
    let mut over = firing(&labels);
    assert_eq!(server.post_alerts(&json!([over])).unwrap().status, 200);
    over["endsAt"] = json!(later(SignedDuration::ZERO).to_string());
    assert_eq!(server.post_alerts(&json!([over])).unwrap().status, 200);
    eventually("its group is gone", || {
        let metrics = server.request("GET", "/metrics", None).unwrap().body;
        metrics.contains("\nalertmanager_dispatcher_aggregation_groups 0\n").then_some(())
    });
    // Each of these takes a `group_wait`: time for the collection of what has ended.
    for n in ["1", "2", "3", "4", "5"] {
        let marker = [("alertname", "Marker"), ("group", n)];
        assert_eq!(server.post_alerts(&json!([firing(&marker)])).unwrap().status, 200);
        let id = fingerprint(&marker);
        eventually("the marker is told", || {
            hook.captured().iter().any(|c| c.text().contains(&id)).then_some(())
        });
    }
    assert_eq!(server.post_alerts(&json!([firing(&labels)])).unwrap().status, 200);
    assert!(server.stop(crate::support::PATIENCE).is_some_and(|status| status.success()));
    server.restart();
    assert!(shown(&server).contains(&id), "the alert that came back is lost");
}
