//! Scripts of workflows in every sandbox there is: what they return, and what they cannot do.

use std::path::PathBuf;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_runner::{End, Error, Job, Outcome, Runner, Sandbox, SandboxChoice, ScriptSettings};
use bongsu_workflow::Filled;
use bongsu_workflow::script::{Language, Part, Reader, Ready, Script};
use serde_json::{Value, json};

const CHOICES: [SandboxChoice; 3] =
    [SandboxChoice::Bubblewrap, SandboxChoice::Landlock, SandboxChoice::None];

fn settings(sandbox: SandboxChoice) -> ScriptSettings {
    ScriptSettings { enabled: true, sandbox, ..ScriptSettings::default() }
}

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_bongsu"))
}

/// Runners for every sandbox that works on this machine, with limits changed.
async fn runners(change: impl Fn(&mut ScriptSettings)) -> Vec<Runner> {
    let mut runners = Vec::new();
    for choice in CHOICES {
        let mut settings = settings(choice);
        change(&mut settings);
        let runner = Runner::new(settings, program()).await;
        match runner.sandbox() {
            Ok(_) => runners.push(runner),
            Err(why) => eprintln!("not tested: {choice:?}: {why}"),
        }
    }
    runners
}

/// Those that confine.
async fn sandboxes(change: impl Fn(&mut ScriptSettings)) -> Vec<Runner> {
    let mut runners = runners(change).await;
    runners.retain(|runner| runner.sandbox() != Ok(Sandbox::None));
    runners
}

fn job(language: Language, code: &str) -> Job {
    Job::new(Ready { language, code: Secret::new(code), variables: Vec::new() })
}

async fn bash(runner: &Runner, code: &str) -> Outcome {
    runner.run(&job(Language::Bash, code)).await.unwrap()
}

async fn python(runner: &Runner, code: &str) -> Outcome {
    runner.run(&job(Language::Python, code)).await.unwrap()
}

#[tokio::test]
async fn bash_gives_outputs_and_code() {
    for runner in runners(|_| {}).await {
        let mut job = job(Language::Bash, "cat; echo said >&2; exit 3");
        job.stdin = b"read\n".to_vec();
        let outcome = runner.run(&job).await.unwrap();
        let expected = json!({"stdout": "read\n", "stderr": "said\n", "return_code": 3});
        assert_eq!(outcome.result(), Ok(expected), "{:?}", runner.sandbox());
    }
}

#[tokio::test]
async fn python_returns() {
    let table = [
        ("print('seen')\nreturn {'a': [1, None, 'é']}", json!({"a": [1, null, "é"]})),
        ("x = 2\nif x > 1:\n    return x\nreturn 0", json!(2)),
        ("x = 20\nx + 1", json!(21)),
        ("x = 20", json!(null)),
        ("", json!(null)),
        ("def f(n):\n    return n * 2\nreturn [f(n) for n in (1, 2)]", json!([2, 4])),
        ("from math import *\nfloor(2.5)", json!(2)),
        ("    x = 1\n    return x", json!(1)),
        ("import datetime\nreturn datetime.date(2026, 1, 15)", json!("2026-01-15")),
        ("return json.dumps(1)", json!("1")),
    ];
    for runner in runners(|_| {}).await {
        for (code, expected) in &table {
            let mut job = job(Language::Python, code);
            job.imports = vec!["json".to_owned()];
            let outcome = runner.run(&job).await.unwrap();
            assert_eq!(outcome.result().as_ref(), Ok(expected), "{code}: {outcome:?}");
            assert_eq!(outcome.stdout.text.contains("seen"), code.contains("seen"));
        }
        let failed = python(&runner, "print('before')\nraise ValueError('no')").await;
        assert_eq!(failed.result(), Err("ValueError: no".to_owned()));
        assert_eq!(failed.stdout.text, "before\n");
        assert!(!failed.stderr.text.contains("run.py"), "{}", failed.stderr.text);
        let failed = python(&runner, "x = (").await;
        assert!(failed.result().unwrap_err().starts_with("SyntaxError"), "{failed:?}");
        let failed = python(&runner, "return float('nan')").await;
        assert!(failed.result().is_err());
    }
}

#[tokio::test]
async fn the_environment_is_clean() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "there is something to hide");
    let open = tempfile::tempfile().unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    for runner in runners(|_| {}).await {
        let mut job = job(
            Language::Bash,
            "env; for n in $(seq 3 100); do [ -e /dev/fd/$n ] && [ $n != 255 ] && echo \"OPEN=$n\"; done; true",
        );
        job.script.variables = vec![("BONGSU_V1".to_owned(), Secret::new("given"))];
        let outcome = runner.run(&job).await.unwrap();
        let mut names: Vec<&str> =
            outcome.stdout.text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        names.sort_unstable();
        let expected = ["BONGSU_V1", "HOME", "LANG", "PATH", "PWD", "SHLVL", "TMPDIR", "_"];
        assert_eq!(names, expected, "{:?}", runner.sandbox());
    }
    for runner in sandboxes(|_| {}).await {
        let outcome = bash(&runner, "cat /proc/[0-9]*/environ; true").await;
        assert!(!outcome.stdout.text.contains("CARGO"), "{:?}", runner.sandbox());
    }
    // Nobody but the script encoder names variables.
    let runner = Runner::new(settings(SandboxChoice::None), program()).await;
    for name in ["LD_PRELOAD", "BASH_ENV", "BONGSU_V", "BONGSU_V1=x"] {
        let mut job = job(Language::Bash, "true");
        job.script.variables = vec![(name.to_owned(), Secret::new("x"))];
        assert!(matches!(runner.run(&job).await, Err(Error::Variable(_))), "{name}");
    }
}

#[tokio::test]
async fn the_system_cannot_be_changed_and_others_not_be_seen() {
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("secret"), "planted").unwrap();
    let open = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(other.path(), open(0o777)).unwrap();
    std::fs::set_permissions(other.path().join("secret"), open(0o666)).unwrap();
    let path = other.path().display();
    let code = format!(
        "cat {path}/secret; echo x > {path}/new; echo x > /usr/bongsu; echo x > /etc/bongsu;\
         echo x > /var/tmp/bongsu-new; rm -f /bin/true; echo x > $HOME/own && cat $HOME/own; pwd"
    );
    for runner in sandboxes(|_| {}).await {
        let outcome = bash(&runner, &code).await;
        let lines: Vec<&str> = outcome.stdout.text.lines().collect();
        assert_eq!(lines[0], "x", "{outcome:?}");
        assert!(lines.len() == 2 && lines[1].ends_with("/home"), "{outcome:?}");
        for there in ["/usr/bongsu", "/etc/bongsu", "/var/tmp/bongsu-new"] {
            assert!(!std::path::Path::new(there).exists(), "{there}");
        }
        assert!(!other.path().join("new").exists());
    }
    // What the operator allows, and that the test could see it.
    let allow = |settings: &mut ScriptSettings| settings.readable = vec![other.path().into()];
    for runner in sandboxes(allow).await {
        let outcome = bash(&runner, &code).await;
        assert!(outcome.stdout.text.starts_with("planted"), "{outcome:?}");
        assert!(!other.path().join("new").exists());
    }
    let allow = |settings: &mut ScriptSettings| settings.writable = vec![other.path().into()];
    for runner in sandboxes(allow).await {
        bash(&runner, &code).await;
        assert!(other.path().join("new").exists(), "{:?}", runner.sandbox());
        std::fs::remove_file(other.path().join("new")).unwrap();
    }
}

#[tokio::test]
async fn there_is_no_network_unless_allowed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let code = format!(
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', {port}), 5)\n    return True\nexcept OSError:\n    return False"
    );
    for network in [false, true] {
        for runner in sandboxes(|settings| settings.network = network).await {
            let outcome = python(&runner, &code).await;
            assert_eq!(outcome.result(), Ok(json!(network)), "{:?}", runner.sandbox());
        }
    }
}

#[tokio::test]
async fn calls_that_lead_out_are_denied() {
    // Each prints DENIED, or what it got.
    let code = "import ctypes, os, errno\n\
        libc = ctypes.CDLL(None, use_errno=True)\n\
        def call(name, *args):\n\
        \x20   if getattr(libc, name)(*args) == -1:\n\
        \x20       return errno.errorcode[ctypes.get_errno()]\n\
        \x20   return 'done'\n\
        return [call('unshare', 0x10000000), call('ptrace', 0, 0, 0, 0), call('setns', 0, 0)]";
    for runner in sandboxes(|_| {}).await {
        let outcome = python(&runner, code).await;
        assert_eq!(outcome.result(), Ok(json!(["EPERM", "EPERM", "EPERM"])), "{outcome:?}");
    }
}

/// Whether a process has this among its words.
fn runs(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|part| part == word.as_bytes())
    })
}

async fn gone(word: &str) {
    for _ in 0..1000 {
        if !runs(word) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{word} still runs");
}

async fn there(word: &str) {
    for _ in 0..1000 {
        if runs(word) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{word} does not run");
}

#[tokio::test]
async fn time_ends_everything_a_script_started() {
    for (at, runner) in
        runners(|settings| settings.limits.time = Duration::from_secs(2)).await.iter().enumerate()
    {
        let word = format!("7{at}01.25");
        let outcome = bash(runner, &format!("echo begun; sleep {word} & sleep {word}")).await;
        assert_eq!(outcome.end, End::TimedOut);
        assert_eq!(outcome.stdout.text, "begun\n");
        assert!(outcome.result().unwrap_err().contains("time"));
        gone(&word).await;
    }
}

#[tokio::test]
async fn nothing_stays_when_nobody_waits() {
    for (at, runner) in runners(|_| {}).await.into_iter().enumerate() {
        let word = format!("7{at}02.25");
        let code = format!("(setsid sleep {word} || sleep {word}) & sleep {word}");
        // Without a sandbox a script can leave its group.
        let code = match runner.sandbox() {
            Ok(Sandbox::None) => format!("sleep {word} & sleep {word}"),
            _ => code,
        };
        let job = job(Language::Bash, &code);
        let running = tokio::spawn(async move { runner.run(&job).await.map(|_| ()) });
        there(&word).await;
        running.abort();
        gone(&word).await;
    }
}

#[tokio::test]
async fn memory_is_limited() {
    for runner in runners(|settings| settings.limits.memory = 256 << 20).await {
        let outcome = python(&runner, "return len(bytearray(100 << 20))").await;
        assert_eq!(outcome.result(), Ok(json!(100 << 20)));
        let outcome = python(&runner, "return len(bytearray(512 << 20))").await;
        assert_eq!(outcome.result(), Err("MemoryError".to_owned()));
    }
}

#[tokio::test]
async fn processor_time_is_limited() {
    for runner in runners(|settings| settings.limits.cpu = Duration::from_secs(1)).await {
        let outcome = bash(&runner, "while :; do :; done").await;
        assert!(outcome.stopped().is_some_and(|why| why.contains("processor")), "{outcome:?}");
    }
}

#[tokio::test]
async fn processes_are_limited() {
    let code = "import os, signal, time\nchildren = []\ntry:\n    while len(children) < 100:\n\
        \x20       child = os.fork()\n        if child == 0:\n            time.sleep(60)\n            os._exit(0)\n\
        \x20       children.append(child)\nexcept OSError:\n    pass\n\
        for child in children:\n    os.kill(child, signal.SIGKILL)\nreturn len(children)";
    for runner in runners(|settings| settings.limits.processes = 20).await {
        let outcome = python(&runner, code).await;
        let started = outcome.result().unwrap().as_u64().unwrap();
        // Scripts of other tests count where the user is the same.
        assert!(started < 60, "{:?}: {started}", runner.sandbox());
    }
}

#[tokio::test]
async fn output_is_cut() {
    for runner in runners(|settings| settings.limits.output = 1000).await {
        let outcome =
            bash(&runner, "head -c 3000000 /dev/zero | tr '\\0' x; head -c 1000 /dev/zero >&2")
                .await;
        assert_eq!(outcome.stdout.text, "x".repeat(1000));
        assert!(outcome.stdout.cut && !outcome.stderr.cut);
        assert_eq!(outcome.result().unwrap()["cut"], true);
    }
}

#[tokio::test]
async fn files_are_limited() {
    for runner in runners(|settings| settings.limits.file = 1 << 20).await {
        let code = "head -c 3000000 /dev/zero > big; stat -c %s big";
        assert_eq!(bash(&runner, code).await.stdout.text, "1048576\n");
    }
}

#[tokio::test]
async fn what_is_returned_is_no_way_into_files() {
    let code = "import os, sys\npath = sys.argv[2]\nos.symlink('/etc/passwd', path)\nos._exit(0)";
    let deep = "import os, sys\nopen(sys.argv[2], 'w').write('[' * 100000)\nos._exit(0)";
    let pipe = "import os, sys\nos.mkfifo(sys.argv[2])\nos._exit(0)";
    for runner in runners(|_| {}).await {
        for code in [code, deep, pipe] {
            let outcome = python(&runner, code).await;
            assert_eq!((outcome.end, outcome.returned), (End::Exited(0), None), "{code}");
        }
    }
}

#[tokio::test]
async fn scripts_are_refused_unless_allowed_and_confined() {
    let off = Runner::new(ScriptSettings::default(), program()).await;
    assert!(matches!(off.run(&job(Language::Bash, "true")).await, Err(Error::Disabled)));
    // A program that is no runner: no sandbox can be set up.
    for choice in [SandboxChoice::Auto, SandboxChoice::Bubblewrap, SandboxChoice::Landlock] {
        let runner = Runner::new(settings(choice), PathBuf::from("/bin/false")).await;
        let refused = runner.run(&job(Language::Bash, "true")).await;
        assert!(matches!(refused, Err(Error::NoSandbox(_))), "{refused:?}");
    }
}

/// Alert text that means something to somebody, in every place a script has.
#[tokio::test]
async fn alert_text_stays_data() {
    let payloads = [
        "$(touch pwned)`touch pwned`;touch pwned|touch pwned&touch pwned",
        "'; touch pwned; '",
        "\"; touch pwned; \"",
        "'''+__import__('os').system('touch pwned')+'''",
        "\\\"\\'{__import__('os').system('touch pwned')}%(x)s",
        "a\nEOF\ntouch pwned\nEOF\n",
        "{{ secrets.token }} {% for x in y %}",
    ];
    let bash = "printf '%s\\0' «» \"«»\" '«»' $'«»' \"$(printf '%s' «»; printf .)\"; x=«»; printf '%s\\0' \"$x\"\n\
        IFS= read -r -d '' y <<EOF\n«»\nEOF\nprintf '%s\\0' \"${y%?}\" # «»\nls pwned 2>/dev/null";
    let python = "import os\nv = «»\nreturn [v, '«»', \"«»\", '''«»''', f'«»', b'«»'.decode(), os.listdir()]  # «»";
    for runner in runners(|_| {}).await {
        for payload in payloads {
            let outcome = encoded(&runner, Language::Bash, bash, payload).await;
            let text = outcome.stdout.text.replacen(".\0", "\0", 1);
            assert_eq!(text, format!("{payload}\0").repeat(7), "{outcome:?}");
            let outcome = encoded(&runner, Language::Python, python, payload).await;
            let mut expected = vec![json!(payload); 6];
            expected.push(json!([]));
            assert_eq!(outcome.result(), Ok(Value::from(expected)));
        }
    }
}

async fn encoded(runner: &Runner, language: Language, text: &str, value: &str) -> Outcome {
    let mut parts = Vec::new();
    for (at, code) in text.split("«»").enumerate() {
        if at > 0 {
            parts.push(Part::Value { value: json!(value), text: value.to_owned() });
        }
        parts.push(Part::Code(code.to_owned()));
    }
    let script = Script::encode(Reader::Here(language), &parts).unwrap();
    let filled = Filled::Script(Box::new(script)).preview();
    runner.run(&Job::new(Ready::of(language, &filled).unwrap())).await.unwrap()
}

/// A server that is killed takes its scripts along.
#[tokio::test]
async fn nothing_stays_when_the_server_is_killed() {
    let word = "7503.25";
    let folder = tempfile::tempdir().unwrap();
    for part in ["script", "home", "result"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
    }
    std::fs::write(folder.path().join("script/main"), format!("sleep {word} & sleep {word}"))
        .unwrap();
    let plan = json!({
        "sandbox": "none", "bwrap": null, "language": "bash", "interpreter": "/bin/bash",
        "imports": [], "folder": folder.path(), "network": false, "readable": [], "writable": [],
        "drop_root": false, "time": 600_000, "cpu": 60, "memory": 1 << 30, "processes": 64,
        "file": 1 << 20,
    });
    let mut server = std::process::Command::new("/bin/sh")
        .args(["-c", "\"$0\" __script watch \"$1\" & wait"])
        .arg(program())
        .arg(plan.to_string())
        .spawn()
        .unwrap();
    there(word).await;
    server.kill().unwrap();
    server.wait().unwrap();
    gone(word).await;
}
