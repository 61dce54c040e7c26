//! What may name a label.

use crate::Mode;

/// Whether `name` may name a label in `mode`: any non-empty text, or the ASCII form in classic mode.
pub fn is_valid(name: &str, mode: Mode) -> bool {
    match mode {
        Mode::Classic => is_legacy(name),
        Mode::Fallback | Mode::Utf8 => !name.is_empty(),
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`: the only form the maps `match`, `match_re`, `source_match` … take.
pub fn is_legacy(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::{is_legacy, is_valid};
    use crate::Mode;

    #[test]
    fn by_mode() {
        for (name, legacy) in
            [("a", true), ("_1", true), ("", false), ("1a", false), ("a.b", false), ("é", false)]
        {
            assert_eq!(is_legacy(name), legacy, "{name}");
            assert_eq!(is_valid(name, Mode::Classic), legacy, "{name}");
            assert_eq!(is_valid(name, Mode::Utf8), !name.is_empty(), "{name}");
            assert_eq!(is_valid(name, Mode::Fallback), !name.is_empty(), "{name}");
        }
    }
}
