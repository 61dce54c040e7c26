//! P4: more than it can take is pushed back, not swallowed: no death, no bloat, no lie, and the work
//! that can be done is done.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bongsu_testkit::process::{Client, Reply, Server};
use parking_lot::Mutex;
use serde_json::json;

use crate::support::{ALERTS, eventually, fingerprint, firing, own, shown};

const CONFIG: &str =
    "route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n";
const CONNECTIONS: usize = 64;
/// Alerts of one connection; they are sent over and over, each time changed.
const ALERTS_EACH: usize = 40;
const LOAD: Duration = Duration::from_secs(6);
/// What a server that buffers would exceed within seconds.
const MEMORY: u64 = 500 << 20;

/// Fails unless this answer says that there is too much, why, and when to come again.
fn assert_pushed_back(reply: &Reply) {
    assert!([429, 503].contains(&reply.status), "{}: {}", reply.status, reply.body);
    let wait = reply.header("retry-after");
    assert!(wait.parse::<u64>().is_ok_and(|s| s >= 1), "{wait:?}");
    assert!(reply.body.trim().len() > 10, "no reason given");
}

#[test]
fn overload_is_pushed_back_and_leaves_no_trace() {
    let server = own(CONFIG).environment("BONGSU_STORE_QUEUE", "1").start();
    let address = server.address();
    let stop = AtomicBool::new(false);
    let (taken, pushed_back) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let answered = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (stop, taken, pushed_back, answered) = (&stop, &taken, &pushed_back, &answered);
            scope.spawn(move || {
                let connection = connection.to_string();
                let mut client = Client::connect(address).unwrap();
                let mut own = BTreeSet::new();
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let instance = (n % ALERTS_EACH).to_string();
                    let labels = [
                        ("alertname", "Load"),
                        ("connection", &*connection),
                        ("instance", &*instance),
                    ];
                    let mut alert = firing(&labels);
                    alert["annotations"] = json!({ "summary": format!("change {n}") });
                    let body = json!([alert]).to_string();
                    let reply = client.send("POST", ALERTS, body.as_bytes()).unwrap();
                    match reply.status {
                        200 => {
                            taken.fetch_add(1, Ordering::Relaxed);
                            own.insert(fingerprint(&labels));
                        }
                        _ => {
                            assert_pushed_back(&reply);
                            pushed_back.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                answered.lock().extend(own);
            });
        }
        let end = Instant::now() + LOAD;
        while Instant::now() < end {
            // Whoever looks is served meanwhile, and the server does not grow.
            let healthy = server.request("GET", "/-/healthy", None).unwrap();
            assert_eq!(healthy.status, 200);
            if let Some((now, _)) = server.memory() {
                assert!(now < MEMORY, "{now} bytes of memory");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (taken, pushed_back) = (taken.into_inner(), pushed_back.into_inner());
    assert!(taken > 0 && pushed_back > 0, "{taken} taken, {pushed_back} pushed back");
    // Everything answered 200 is there, and it takes more at once.
    let answered = answered.into_inner();
    let missing: Vec<_> = answered.difference(&shown(&server)).cloned().collect();
    assert!(missing.is_empty(), "{} of {} are lost", missing.len(), answered.len());
    let after = [("alertname", "After")];
    eventually("it takes alerts after the load", || {
        let reply = server.post_alerts(&json!([firing(&after)])).unwrap();
        (reply.status == 200).then_some(())
    });
    assert!(shown(&server).contains(&fingerprint(&after)));
}

/// Large bodies beyond what is held at once are pushed back, too.
#[test]
fn slow_bodies_do_not_fill_the_memory() {
    use std::io::Write;
    let server = own(CONFIG).start();
    // 48 × 60 MB announced, 1 MB of each sent: a server that reserves what is announced dies.
    let mut open = Vec::new();
    for _ in 0..48 {
        let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
        write!(stream, "POST {ALERTS} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n")
            .unwrap();
        // It may refuse before it has read that much.
        let _ = stream.write_all(&vec![b' '; 1 << 20]);
        open.push(stream);
    }
    let labels = [("alertname", "Beside")];
    eventually("others are served meanwhile", || {
        let reply = server.post_alerts(&json!([firing(&labels)])).ok()?;
        assert!([200, 429].contains(&reply.status), "{}", reply.status);
        let looked = server.request("GET", ALERTS, None).unwrap();
        assert_eq!(looked.status, 200);
        drop(open.pop());
        (reply.status == 200).then_some(())
    });
    if let Some((_, most)) = server.memory() {
        assert!(most < MEMORY, "{most} bytes of memory");
    }
    assert!(shown(&server).contains(&fingerprint(&labels)));
}

/// Connections whose load it can take.
const CALM: usize = 2;
const BATCH: usize = 200;

/// What came of a load.
struct Tally {
    /// Alerts answered with success, in quarters of the time.
    accepted: [usize; 4],
    /// Requests pushed back.
    refused: usize,
    took: Duration,
}

impl Tally {
    fn rate(&self) -> f64 {
        self.accepted.iter().sum::<usize>() as f64 / self.took.as_secs_f64()
    }
}

/// Posts large batches over this many connections, one after the other and without heeding
/// `Retry-After`.
fn load(server: &Server, connections: usize, span: Duration) -> Tally {
    let accepted: [AtomicUsize; 4] = Default::default();
    let refused = AtomicUsize::new(0);
    let address = server.address();
    // Rendered before, because the load shares the processors with the server.
    let bodies: Vec<_> = (0..connections)
        .map(|connection| ["one", "other"].map(|summary| batch(connection, summary)))
        .collect();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for bodies in &bodies {
            let (accepted, refused) = (&accepted, &refused);
            scope.spawn(move || {
                let mut client = Client::connect(address).unwrap();
                for body in bodies.iter().cycle() {
                    let reply = client.send("POST", ALERTS, body.as_bytes()).unwrap();
                    let quarter = begun.elapsed().as_nanos() * 4 / span.as_nanos();
                    let Some(accepted) = accepted.get(quarter as usize) else { break };
                    match reply.status {
                        200 => accepted.fetch_add(BATCH, Ordering::Relaxed),
                        _ => {
                            assert_pushed_back(&reply);
                            refused.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            });
        }
        while begun.elapsed() < span {
            if let Some((now, _)) = server.memory() {
                assert!(now < MEMORY, "{now} bytes of memory");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let accepted = accepted.map(AtomicUsize::into_inner);
    Tally { accepted, refused: refused.into_inner(), took: span }
}

/// Alerts of this connection, all of them changed since the other batch of the same alerts.
fn batch(connection: usize, summary: &str) -> String {
    let alerts = (0..BATCH).map(|instance| {
        let mut alert = firing(&[
            ("alertname", "Work"),
            ("connection", &connection.to_string()),
            ("instance", &instance.to_string()),
        ]);
        alert["annotations"] = json!({ "summary": summary });
        alert
    });
    alerts.collect::<serde_json::Value>().to_string()
}

/// Useful work goes on: what is refused costs little beside what is taken, and nothing of it stays.
/// The floor is half of what is taken without overload, not more, because the load takes processors
/// from the server. Other tests do, too, for a while: one round of three has to be good.
#[test]
fn overload_does_not_take_the_place_of_work() {
    let server = own(CONFIG).environment("BONGSU_STORE_QUEUE", "1").start();
    // The first batches make the alerts and the pages of the store; they are no measure.
    load(&server, CONNECTIONS, Duration::from_secs(2));
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let calm = load(&server, CALM, Duration::from_secs(2));
        let over = load(&server, CONNECTIONS, Duration::from_secs(4));
        let after = load(&server, CALM, Duration::from_secs(2));
        assert!(over.refused > 0, "no overload");
        rounds.push(format!(
            "alerts/s: {:.0} calm, {:.0} overloaded ({:?}, {} requests refused), {:.0} after",
            calm.rate(),
            over.rate(),
            over.accepted,
            over.refused,
            after.rate()
        ));
        let floor = calm.rate() / 2.0;
        let steady = over.accepted.iter().all(|&alerts| alerts > 0);
        if steady && over.rate() >= floor && after.rate() >= floor {
            println!("{}", rounds.join("\n"));
            return;
        }
    }
    panic!("overload kept it from its work:\n{}", rounds.join("\n"));
}
