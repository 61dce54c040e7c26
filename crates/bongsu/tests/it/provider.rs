//! `bongsu provider`: a mapping is written, tried and shown without a server.

use crate::program::Program;

#[test]
fn a_provider_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("mine");
    let run = |words: &[&str]| {
        Program::new().run(words).replace(&dir.path().display().to_string(), "DIR")
    };
    let mine = mine.to_str().unwrap();
    insta::assert_snapshot!(run(&["provider", "new", "door", "--dir", mine]));
    insta::assert_snapshot!(run(&["provider", "new", "door", "--dir", mine]));
    insta::assert_snapshot!(run(&["provider", "test", "door", "--providers-dir", mine]));
    insta::assert_snapshot!(run(&["provider", "show", "door", "--providers-dir", mine]));
    let settings = dir.path().join("door.yml");
    std::fs::write(&settings, "url: door.example/api\ntoken: t0p-secret\n").unwrap();
    let settings = settings.to_str().unwrap();
    let call = |words: &[&str]| {
        let instance = ["--auth-file", settings, "--providers-dir", mine];
        run(&[&["provider"], words, &instance].concat())
    };
    insta::assert_snapshot!(
        "dry_run",
        call(&["call", "door", "send", "--param", "message=t0p-secret is out", "--dry-run"])
    );
    insta::assert_snapshot!("wrong_params", call(&["send", "door", "--param", "mesage=x"]));
    insta::assert_snapshot!("nothing_to_check", call(&["check", "door"]));
    let body = dir.path().join("body.json");
    std::fs::write(&body, r#"{"title": "Open", "state": "ajar", "level": "error"}"#).unwrap();
    let body = body.to_str().unwrap();
    insta::assert_snapshot!(run(&[
        "provider",
        "test",
        "door",
        "--providers-dir",
        mine,
        "--payload",
        body
    ]));
    std::fs::write(dir.path().join("mine/door/provider.yaml"), "name: {en: Door, ko: 문}\n")
        .unwrap();
    insta::assert_snapshot!(run(&["provider", "test", "door", "--providers-dir", mine]));
}

#[test]
fn shipped_ones() {
    insta::assert_snapshot!(Program::new().run(&["provider", "ls", "alertmanager"]));
    insta::assert_snapshot!(Program::new().run(&["provider", "show", "nowhere"]));
    insta::assert_snapshot!(Program::new().run(&["provider", "payloads", "prometheus", "rule"]));
}
