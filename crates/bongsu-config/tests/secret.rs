//! References to secrets: every spelling, every malformed one, and what holds for all texts.

use bongsu_config::secret::Reference;
use proptest::prelude::*;

fn shown(text: &str) -> String {
    match Reference::parse(text) {
        Ok(Reference::Literal(value)) => format!("literal {}", value.expose()),
        Ok(Reference::Sealed(text)) => format!("sealed {text}"),
        Ok(reference) => reference.to_string(),
        Err(error) => format!("malformed: {error}"),
    }
}

#[test]
fn spellings() {
    for (text, expected) in [
        ("", "literal "),
        ("plain", "literal plain"),
        (" spaced ", "literal  spaced "),
        ("https://a.test/x?y#z", "literal https://a.test/x?y#z"),
        ("ENV:X", "literal ENV:X"),
        ("env:SLACK_TOKEN", "env:SLACK_TOKEN"),
        (" env:_x9 ", "env:_x9"),
        ("{{ env.JIRA_URL }}", "env:JIRA_URL"),
        ("{{env.JIRA_URL}}", "env:JIRA_URL"),
        ("$(JIRA_URL)", "env:JIRA_URL"),
        ("$(date +%s)", "literal $(date +%s)"),
        ("$()", "literal $()"),
        ("a$(X)", "literal a$(X)"),
        ("{{ env.A }}{{ env.B }}", "literal {{ env.A }}{{ env.B }}"),
        ("{{ alert.name }}", "literal {{ alert.name }}"),
        ("{{ secrets.slack_webhook }}", "{{ secrets.slack_webhook }}"),
        ("file:/run/secrets/token", "file:/run/secrets/token"),
        ("file:keys.yaml#slack.token", "file:keys.yaml#slack.token"),
        ("vault:secret/keep/slack#webhook_url", "vault:secret/keep/slack#webhook_url"),
        ("vault:/secret/x/#f", "vault:secret/x#f"),
        ("k8s:monitoring/slack#token", "k8s:monitoring/slack#token"),
        ("k8s:a-1/b.c-d#tls.crt", "k8s:a-1/b.c-d#tls.crt"),
        ("sealed:v1:k0:AAAA\n", "sealed sealed:v1:k0:AAAA"),
    ] {
        assert_eq!(shown(text), expected, "{text:?}");
    }
}

#[test]
fn malformed() {
    for (text, expected) in [
        ("env:", "this is no name of an environment variable"),
        ("env:9X", "this is no name of an environment variable"),
        ("env:A-B", "this is no name of an environment variable"),
        ("{{ env. }}", "this is no name of an environment variable"),
        ("{{ secrets.a b }}", "this is no name of a secret"),
        ("file:", "the path is missing"),
        ("file:#x", "the path is missing"),
        ("file:x#", "there is no key after #"),
        ("file:x\ny", "the reference is too long or has control characters"),
        ("vault:secret/keep", "the field after # is missing"),
        ("vault:secret/keep#", "the field after # is missing"),
        ("vault:secret#x", "a mount and a path below it are wanted"),
        ("vault:secret//a#x", "a mount and a path below it are wanted"),
        ("vault:secret/../sys/raw#x", "a path has no . or .. in it"),
        ("k8s:a/b", "namespace, name and key are wanted"),
        ("k8s:b#c", "namespace, name and key are wanted"),
        ("k8s:A/b#c", "this is no name of a namespace or Secret"),
        ("k8s:a/b/c#d", "this is no name of a namespace or Secret"),
        ("k8s:a/-b#d", "this is no name of a namespace or Secret"),
        ("k8s:a/b#", "this is no key of a Secret"),
        ("k8s:a/b#c/d", "this is no key of a Secret"),
        ("sealed:", "a sealed value is cut or broken over lines"),
        ("sealed:v1:a b", "a sealed value is cut or broken over lines"),
    ] {
        assert_eq!(shown(text), format!("malformed: {expected}"), "{text:?}");
    }
    let long = format!("file:{}", "x".repeat(3000));
    assert_eq!(shown(&long), "malformed: the reference is too long or has control characters");
}

#[test]
fn embedded_references() {
    for (text, expected) in [
        ("https://{{ env.HOST }}/x", true),
        ("{{ secrets.a }}-{{ secrets.b }}", true),
        ("Bearer $(TOKEN)", true),
        ("{{ alert.name }}", false),
        ("$(date +%s)", false),
        ("a {{ env.X", false),
    ] {
        assert_eq!(Reference::embeds_reference(text), expected, "{text}");
    }
}

proptest! {
    /// A reference prints as it parses; a text that is none stays byte for byte.
    #[test]
    fn texts(text in "((env|file|vault|k8s|sealed|x):)?[a-zA-Z0-9_./#:{}$() -]{0,40}") {
        match Reference::parse(&text) {
            Ok(Reference::Literal(value)) => prop_assert_eq!(value.expose(), text),
            Ok(Reference::Sealed(sealed)) => prop_assert_eq!(sealed, text.trim()),
            Ok(reference) => {
                prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
            }
            Err(malformed) => prop_assert!(!malformed.message.is_empty()),
        }
    }
}
