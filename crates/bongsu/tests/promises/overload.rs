//! P4: more than it can take is pushed back, not swallowed: no death, no bloat, no lie.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bongsu_testkit::process::Client;
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
                        429 | 503 => {
                            pushed_back.fetch_add(1, Ordering::Relaxed);
                            let wait = reply.header("retry-after");
                            assert!(wait.parse::<u64>().is_ok_and(|s| s >= 1), "{wait:?}");
                            assert!(reply.body.trim().len() > 10, "no reason given");
                        }
                        other => panic!("{other}: {}", reply.body),
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
