//! Values inside addresses.

use crate::gotmpl::value::TextKind;

use super::escapers::{FAILSAFE, Typed};

/// Lets only web and mail addresses and relative ones pass.
pub(super) fn filter(value: &Typed) -> String {
    if value.kind == Some(TextKind::Url) || is_safe(&value.text) {
        return value.text.clone();
    }
    format!("#{FAILSAFE}")
}

fn is_safe(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => {
            ["http", "https", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        }
        _ => true,
    }
}

/// Escapes everything but letters, digits and `-._~`; a trusted address is only normalised.
pub(super) fn escape(value: &Typed) -> String {
    process(&value.text, value.kind == Some(TextKind::Url))
}

/// Escapes what may not stand in an address and keeps its structure.
pub(super) fn normalize(value: &Typed) -> String {
    process(&value.text, true)
}

fn process(text: &str, keeps_structure: bool) -> String {
    let bytes = text.as_bytes();
    let hexadecimal = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let mut out = String::with_capacity(text.len() + 8);
    for (at, byte) in bytes.iter().enumerate() {
        let keep = match byte {
            b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?'
            | b'@' | b'[' | b']' => keeps_structure,
            b'%' => keeps_structure && hexadecimal(at + 1) && hexadecimal(at + 2),
            other => other.is_ascii_alphanumeric(),
        };
        if keep {
            out.push(*byte as char);
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out
}

/// Each candidate of a `srcset` must be a harmless address with plain descriptors.
pub(super) fn srcset(value: &Typed) -> String {
    match value.kind {
        Some(TextKind::Srcset) => value.text.clone(),
        Some(TextKind::Url) => process(&value.text, true).replace(',', "%2c"),
        _ => value.text.split(',').map(candidate).collect::<Vec<_>>().join(","),
    }
}

fn candidate(text: &str) -> String {
    let spaces = |c: char| matches!(c, ' ' | '\t' | '\n' | '\u{c}' | '\r');
    let body = text.trim_start_matches(spaces);
    let lead = &text[..text.len() - body.len()];
    let end = body.find(spaces).unwrap_or(body.len());
    let (address, descriptors) = body.split_at(end);
    let plain = descriptors
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r'));
    if is_safe(address) && plain {
        format!("{lead}{}{descriptors}", process(address, true))
    } else {
        format!("#{FAILSAFE}")
    }
}
