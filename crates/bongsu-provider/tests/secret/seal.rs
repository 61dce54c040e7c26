//! Sealed values: what opens them and what does not.

use bongsu_model::Secret;
use bongsu_provider::secret::seal::{Keyring, MAX_VALUE, SealError, new_key};
use ring::rand::SystemRandom;

fn ring(text: &str) -> Keyring {
    Keyring::parse(&Secret::new(text)).unwrap()
}

fn fresh() -> String {
    new_key(&SystemRandom::new()).unwrap().expose().to_owned()
}

#[test]
fn what_is_sealed_opens_under_its_key_and_name_only() {
    let (key, random) = (fresh(), SystemRandom::new());
    let keys = ring(&key);
    for value in ["", "hunter2", "ключ\nof two lines"] {
        let sealed = keys.seal("slack.token", &Secret::new(value), &random).unwrap();
        assert!(sealed.starts_with("sealed:v1:k") && !sealed.contains(char::is_whitespace));
        assert_eq!(keys.unseal("slack.token", &sealed).unwrap().expose(), value);
        assert_eq!(keys.unseal("slack.tokem", &sealed).unwrap_err(), SealError::Refused);
        let stranger = ring(&fresh()).unseal("slack.token", &sealed).unwrap_err();
        assert!(matches!(stranger, SealError::UnknownKey(_)), "{stranger}");
    }
    let sealed = keys.seal("a", &Secret::new("x"), &random).unwrap();
    let again = keys.seal("a", &Secret::new("x"), &random).unwrap();
    assert_ne!(sealed, again);
    let large = Secret::new("x".repeat(MAX_VALUE + 1));
    assert_eq!(keys.seal("a", &large, &random).unwrap_err(), SealError::TooLarge);
}

#[test]
fn a_changed_text_does_not_open() {
    let keys = ring(&fresh());
    let sealed = keys.seal("a", &Secret::new("hunter2"), &SystemRandom::new()).unwrap();
    let start = sealed.rfind(':').unwrap() + 1;
    for at in start..sealed.len() {
        let mut bytes = sealed.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // The last character may hold bits that no byte uses, which is refused as malformed.
        let error = keys.unseal("a", &changed).unwrap_err();
        assert!(matches!(error, SealError::Refused | SealError::Malformed), "{at}: {error}");
        keys.reseal("a", &changed, &SystemRandom::new()).unwrap_err();
    }
    // Neither part fits another record's.
    let other = keys.seal("a", &Secret::new("other"), &SystemRandom::new()).unwrap();
    let half = start + 80;
    let mixed = format!("{}{}", &sealed[..half], &other[half..]);
    assert_eq!(keys.unseal("a", &mixed).unwrap_err(), SealError::Refused);
    for text in [
        "",
        "hunter2",
        "sealed:",
        "sealed:v1:",
        "sealed:v1:k0",
        "sealed:v1:k0:AAAA",
        "sealed:v2:k0:AAAA",
        "sealed:v1:p0:%",
    ] {
        assert_eq!(keys.unseal("a", text).unwrap_err(), SealError::Malformed, "{text}");
    }
}

#[test]
fn keys_rotate() {
    let (old, new, random) = (fresh(), fresh(), SystemRandom::new());
    let sealed = ring(&old).seal("a", &Secret::new("hunter2"), &random).unwrap();
    let both = ring(&format!("# since today\n{new}\n\n{old}\n"));
    assert_eq!(both.unseal("a", &sealed).unwrap().expose(), "hunter2");
    let resealed = both.reseal("a", &sealed, &random).unwrap();
    assert_eq!(ring(&new).unseal("a", &resealed).unwrap().expose(), "hunter2");
    assert!(matches!(ring(&old).unseal("a", &resealed), Err(SealError::UnknownKey(_))));
    assert_eq!(both.reseal("b", &sealed, &random).unwrap_err(), SealError::Refused);
}

#[test]
fn a_passphrase_is_a_key() {
    let random = SystemRandom::new();
    let keys = ring("passphrase: correct horse battery");
    let sealed = keys.seal("a", &Secret::new("hunter2"), &random).unwrap();
    assert!(sealed.starts_with("sealed:v1:p"), "{sealed}");
    // Another process, with another salt of its own.
    let later = ring("passphrase:correct horse battery");
    later.seal("a", &Secret::new("x"), &random).unwrap();
    assert_eq!(later.unseal("a", &sealed).unwrap().expose(), "hunter2");
    let other = ring("passphrase:incorrect horse battery");
    assert_eq!(other.unseal("a", &sealed).unwrap_err(), SealError::Refused);
    let raw = fresh();
    let moved = ring(&format!("{raw}\npassphrase:correct horse battery"));
    let resealed = moved.reseal("a", &sealed, &random).unwrap();
    assert_eq!(ring(&raw).unseal("a", &resealed).unwrap().expose(), "hunter2");
}

#[test]
fn spellings_of_keys() {
    let zero = format!("{}=", "A".repeat(43));
    let sealed = ring(&zero).seal("a", &Secret::new("x"), &SystemRandom::new()).unwrap();
    for same in [zero.trim_end_matches('=').to_owned(), "0".repeat(64), format!("\n {zero} \n")] {
        assert_eq!(ring(&same).unseal("a", &sealed).unwrap().expose(), "x", "{same}");
    }
    for wrong in ["", "# none", "hunter2", "AAAA", "passphrase:short", &"g".repeat(64)] {
        let error = Keyring::parse(&Secret::new(wrong)).unwrap_err();
        assert!(matches!(error, SealError::Key(_)), "{wrong}");
        assert!(wrong.is_empty() || !error.to_string().contains(wrong), "{error}");
    }
    assert_eq!(format!("{:?}", ring(&zero)), "Keyring { keys: 1 }");
}
