//! `bongsu secret`: references are followed without a word of their values, and values are sealed.

use crate::program::Program;

#[test]
fn references_are_followed() {
    let program = Program::new();
    program.write("token", "hunter2\n");
    program.write("key", &"0".repeat(64));
    let name = "one.sealed";
    let sealed = program.run_with(&["secret", "seal", name, "--key-file", "key"], "hunter2\n");
    let sealed = sealed.strip_prefix("exit 0\n--- stdout\n").unwrap().trim();
    assert!(sealed.starts_with("sealed:v1:k") && !sealed.contains("hunter2"), "{sealed}");
    program.write(
        "providers.yaml",
        &format!(
            "secrets:\n  named: file:token\nproviders:\n  one:\n    type: http\n    config:\n      \
             file: file:token\n      gone: env:GONE\n      sealed: {sealed}\n      moved: {sealed}\n      \
             named: '{{{{ secrets.named }}}}'\n      plain: hunter3\n      deep: {{a: ['file:none']}}\n",
        ),
    );
    let check = |words: &[&str]| {
        let text = program.run(&[&["secret", "check", "providers.yaml"], words].concat());
        assert!(!text.contains("hunter"), "{text}");
        text
    };
    insta::assert_snapshot!(check(&["--key-file", "key"]));
    insta::assert_snapshot!(check(&["--fields", "place,reference"]));
    program.write("providers.yaml", "providers: {one: {typ: http, config: {a: hunter2}}}");
    insta::assert_snapshot!(check(&[]));
}

#[test]
fn keys_and_values() {
    let program = Program::new();
    let key = program.run(&["secret", "key"]);
    assert_eq!(key.len(), "exit 0\n--- stdout\n".len() + 45, "{key}");
    assert_ne!(key, program.run(&["secret", "key"]));
    insta::assert_snapshot!(program.run_with(&["secret", "seal", "a.b"], "x"));
    program.write("short", "abc");
    insta::assert_snapshot!(
        program.run_with(&["secret", "seal", "a.b", "--key-file", "short"], "x")
    );
    program.write("key", &"0".repeat(64));
    insta::assert_snapshot!(
        program.run_with(&["secret", "seal", "a.b", "--key-file", "key"], "\n")
    );
}
