//! Programs of this machine.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::process::{ProcessRequest, ProcessSettings, run};
use bongsu_provider::{CommandAnswer, MAX_OUTPUT_BYTES, TransportError, TransportErrorKind};
use tokio::time::Instant;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn allowed() -> ProcessSettings {
    ProcessSettings { enabled: true, ..ProcessSettings::default() }
}

fn request(program: &str, arguments: &[&str]) -> ProcessRequest {
    ProcessRequest {
        program: program.to_owned(),
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        ..ProcessRequest::default()
    }
}

async fn sh(script: &str) -> CommandAnswer {
    run(&allowed(), &request("sh", &["-c", script]), soon()).await.unwrap()
}

/// Waits until a process is gone, or dead and not yet collected.
async fn gone(number: &str) {
    let stat = format!("/proc/{number}/stat");
    for _ in 0..1000 {
        match std::fs::read_to_string(&stat) {
            Ok(text) if !text.contains(") Z ") => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            _ => return,
        }
    }
    panic!("process {number} still lives");
}

#[tokio::test]
async fn nothing_runs_unless_the_operator_said_so() {
    let request = request("true", &[]);
    let error = run(&ProcessSettings::default(), &request, soon()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Disabled);
}

#[tokio::test]
async fn arguments_input_outputs_and_code() {
    let words = ["%s|", "a b", "$(id)", "; exit 9", "\"", "*", ""];
    for settings in
        [allowed(), ProcessSettings { cpu_seconds: None, memory_bytes: None, ..allowed() }]
    {
        let answer = run(&settings, &request("printf", &words), soon()).await.unwrap();
        assert_eq!(answer.stdout, "a b|$(id)|; exit 9|\"|*||");
        assert_eq!((answer.return_code, answer.stderr.as_str()), (0, ""));
    }
    let reader = ProcessRequest { stdin: b"given".to_vec(), ..request("/bin/cat", &["-"]) };
    assert_eq!(run(&allowed(), &reader, soon()).await.unwrap().stdout, "given");
    // A program need not read, not even a lot.
    let deaf = ProcessRequest { stdin: vec![b'x'; 1 << 20], ..request("true", &[]) };
    assert_eq!(run(&allowed(), &deaf, soon()).await.unwrap().return_code, 0);

    assert_eq!(sh("echo no >&2; exit 3").await.return_code, 3);
    assert_eq!(sh("echo no >&2; exit 3").await.stderr, "no\n");
    assert_eq!(sh("kill -9 $$").await.return_code, 137);
}

#[tokio::test]
async fn the_environment_is_a_clean_one() {
    let mut request = request("env", &[]);
    request.environment = vec![
        ("TOKEN".to_owned(), Secret::new("t")),
        ("LANG".to_owned(), Secret::new("ko_KR.UTF-8")),
    ];
    let settings = ProcessSettings { cpu_seconds: None, memory_bytes: None, ..allowed() };
    let answer = run(&settings, &request, soon()).await.unwrap();
    let mut lines: Vec<&str> = answer.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with("HOME=/"), "{lines:?}");
    assert_eq!(lines[1], "LANG=ko_KR.UTF-8");
    assert!(lines[2].starts_with("PATH=/usr/local/sbin:"), "{lines:?}");
    assert_eq!(lines[3], "TOKEN=t");

    let answer = sh("pwd; echo $HOME; ls -A; echo x > left").await;
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "the folder is empty: {lines:?}");
    assert_eq!(lines[0], lines[1]);
    assert!(!Path::new(lines[0]).exists(), "the folder is deleted");
}

#[tokio::test]
async fn limits_are_set_before_the_program_starts() {
    let settings = ProcessSettings {
        cpu_seconds: Some(7),
        memory_bytes: Some(512 * 1024 * 1024),
        ..allowed()
    };
    let ask = request("sh", &["-c", "ulimit -t; ulimit -v; ulimit -c"]);
    let answer = run(&settings, &ask, soon()).await.unwrap();
    assert_eq!(answer.stdout, "7\n524288\n0\n");
}

#[tokio::test]
async fn outputs_are_cut() {
    let answer = sh("head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2; exit 4").await;
    assert_eq!(answer.stdout.len(), MAX_OUTPUT_BYTES);
    assert_eq!(answer.stderr.len(), MAX_OUTPUT_BYTES);
    assert!(answer.stdout_truncated && answer.stderr_truncated);
    assert_eq!(answer.return_code, 4);
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_killed() {
    let answer = sh("sleep 1000 & echo $!").await;
    gone(answer.stdout.trim()).await;
}

#[tokio::test]
async fn a_run_nobody_waits_for_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let script = format!("sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
    let (settings, request) = (allowed(), request("sh", &["-c", &script]));
    let started = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        answer = run(&settings, &request, soon()) => panic!("{answer:?}"),
        () = started => {}
    }
    gone(std::fs::read_to_string(&file).unwrap().trim()).await;
}

#[tokio::test]
async fn errors() {
    async fn failure(request: ProcessRequest, left: Duration) -> TransportError {
        run(&allowed(), &request, Instant::now() + left).await.unwrap_err()
    }
    let minute = Duration::from_secs(60);
    let error = failure(request("sleep", &["1000"]), Duration::from_millis(50)).await;
    assert_eq!(
        error,
        TransportError {
            kind: TransportErrorKind::Timeout,
            message: "run sleep: time limit reached".to_owned(),
        }
    );
    let secret = ProcessRequest {
        environment: vec![("A=B".to_owned(), Secret::new("hidden"))],
        ..request("true", &[])
    };
    for (request, expected) in [
        (request("no-such-program", &[]), "no program \"no-such-program\" on this machine"),
        (request("/no/such", &[]), "no program \"/no/such\" on this machine"),
        (request("", &[]), "the name of a program is not usable"),
        (request("true", &["a\0b"]), "an argument of a program contains a NUL"),
        (secret, "the variable \"A=B\" cannot be set"),
    ] {
        let error = failure(request, minute).await;
        assert_eq!((error.kind, error.message.as_str()), (TransportErrorKind::Request, expected));
    }
}
