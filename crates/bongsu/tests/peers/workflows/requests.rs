//! Those that a request or a person starts.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use serde_json::{Value, json};

use super::scene::{CLUSTER, Scene, asked, founding, has};

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn multi_env_deployment() {
    let Some(text) = founding("multi-env-deployment") else { return };
    let scene = Scene::start(
        "multi-env-deployment",
        &text,
        1,
        1,
        Box::new(|host, _, captured| match host {
            CLUSTER => {
                Some(json!({"metadata": {"name": "shop", "namespace": "n", "generation": 2}}))
            }
            "shop.production.company.com" if captured.path == "/health" => {
                Some(json!({"status_code": 503}))
            }
            _ => None,
        }),
    );
    let deploy = |environments: Value, key: &str| {
        let body = json!({"service": "shop", "version": "1.4.2", "environments": environments});
        let path = format!("/api/v1/hooks/deploy?api_key={key}");
        scene.server.request("POST", &path, Some(&body.to_string())).unwrap()
    };
    let reply = deploy(json!(["staging"]), "ci-key");
    assert_eq!(reply.status, 202, "{}", reply.body);
    scene.succeeded(1);
    let update = |environment: &str| {
        asked(
            "PATCH",
            &format!("/apis/apps/v1/namespaces/{environment}/deployments/shop"),
            json!({"spec": {"template": {"spec": {"containers": [{"name": "shop", "image": "registry.company.com/shop:1.4.2"}]}}}}),
        )
    };
    assert_eq!(scene.asked(CLUSTER), [update("staging")]);
    assert_eq!(scene.asked("shop.staging.company.com"), [asked("GET", "/health", Value::Null)]);
    let (channel, message) = scene.slack().remove(0);
    assert_eq!(channel, "#deployments");
    has(
        &message,
        &["✅ **배포 성공**", "**서비스**: shop", "**버전**: 1.4.2", "**환경**: staging"],
    );
    assert_eq!(deploy(json!(["staging", "production"]), "ci-key").status, 202);
    let (run, log) = scene.runs(2).remove(1);
    assert_eq!(run["status"], "failed", "{log}");
    assert_eq!(scene.asked(CLUSTER)[1..], [update("staging"), update("production")]);
    let (_, message) = scene.slack().remove(1);
    has(&message, &["❌ **배포 실패**", "- 상태 확인 단계"]);
    assert!(!message.contains("- 배포 단계"), "{message}");
    assert_eq!(scene.slack().len(), 2);
    // What cannot be deployed ends the run.
    assert_eq!(deploy(json!(["moon"]), "ci-key").status, 202);
    let (run, _) = scene.runs(3).remove(2);
    has(&run["errors"].to_string(), &["ValueError: Invalid environment specified"]);
    assert_eq!((scene.slack().len(), scene.asked(CLUSTER).len()), (2, 3));
}

/// A peer that answers what it is sent, on as many connections as come.
fn peer(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            std::thread::spawn(move || {
                let mut bytes = [0; 16384];
                while let Ok(length @ 1..) = stream.read(&mut bytes) {
                    if stream.write_all(&answer(&bytes[..length])).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

/// Enough of PostgreSQL for one row of one column that is 1.
fn postgres(asked: &[u8]) -> Vec<u8> {
    let message = |tag: u8, body: &[u8]| {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[tag][..], &length, body].concat()
    };
    // The first message has no letter: its length begins with 0.
    if asked[0] == 0 {
        return [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
    }
    let column =
        [&b"\0\x01?column?\0"[..], &[0; 6], &23_u32.to_be_bytes(), &[0, 4], &[255; 4], &[0, 0]]
            .concat();
    let (mut rest, mut answer) = (asked, Vec::new());
    while rest.len() >= 5 {
        let length = u32::from_be_bytes([rest[1], rest[2], rest[3], rest[4]]) as usize;
        match rest[0] {
            b'P' => answer.extend(message(b'1', &[])),
            b'B' => answer.extend(message(b'2', &[])),
            b'D' if rest[5] == b'S' => {
                answer.extend(message(b't', &[0, 0]));
                answer.extend(message(b'T', &column));
            }
            b'D' => answer.extend(message(b'T', &column)),
            b'E' => {
                answer.extend(message(b'D', &[0, 1, 0, 0, 0, 1, b'1']));
                answer.extend(message(b'C', b"SELECT 1\0"));
            }
            b'Q' => {
                answer.extend(message(b'C', b"SET\0"));
                answer.extend(message(b'Z', b"I"));
            }
            b'S' => answer.extend(message(b'Z', b"I")),
            _ => {}
        }
        rest = &rest[(length + 1).min(rest.len())..];
    }
    answer
}

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn optimized_workflow() {
    let Some(text) = founding("optimized-workflow") else { return };
    let redis = peer(|asked| {
        let pings = asked.windows(4).any(|window| window.eq_ignore_ascii_case(b"ping"));
        if pings { b"+PONG\r\n".to_vec() } else { b"+OK\r\n".to_vec() }
    });
    for (database, well) in [(peer(postgres), true), (1, false)] {
        let scene =
            Scene::start("optimized-workflow", &text, database, redis, Box::new(|_, _, _| None));
        scene.by_hand();
        let (run, log) = scene.runs(1).remove(0);
        assert_eq!(scene.asked("api.external.com"), [asked("GET", "/health", Value::Null)]);
        let checks = &run["results"]["parallel-checks"]["results"];
        assert_eq!(checks["check-database"]["success"], well, "{run:#}\n{log}");
        assert_eq!(checks["check-cache"]["success"], true, "{run:#}\n{log}");
        // Its command is a remark in words.
        let analysis = &run["results"]["detailed-analysis"]["results"];
        assert_eq!(analysis["return_code"], if well { Value::Null } else { json!(127) }, "{run:#}");
        assert_eq!(run["status"], if well { "succeeded" } else { "failed" });
    }
}
