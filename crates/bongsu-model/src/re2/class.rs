//! Character classes: `[…]`, `\d`, `\p{Greek}`, `[:alpha:]`.
//!
//! The `regex` crate reads `&&`, `--`, `~~` and `[` inside a class as operators, so every member
//! is written out again from its code points.

use std::fmt::Write;

use super::{Error, escape};

const BAD_RANGE: &str = "invalid character class range";
const NOTHING: &str = r"[^\x{0}-\x{10FFFF}]";
const EVERYTHING: &str = r"[\x{0}-\x{10FFFF}]";

/// General categories by their short names, which is how nearly everybody writes them.
const CATEGORIES: [&str; 37] = [
    "C", "Cc", "Cf", "Cn", "Co", "L", "LC", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn",
    "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm",
    "So", "Z", "Zl", "Zp", "Zs",
];

/// Reads the class at the start of `text` (which begins with `[`), writes it to `out`, returns
/// what follows.
pub(super) fn bracketed<'a>(
    text: &'a str,
    properties: &mut Properties,
    out: &mut String,
) -> Result<&'a str, Error> {
    let mut rest = &text[1..];
    let negated = rest.starts_with('^');
    if negated {
        rest = &rest[1..];
    }
    let mut members = String::new();
    let mut first = true;
    // A `]` in first place is a member.
    while first || !rest.starts_with(']') {
        first = false;
        if let Some(after) = posix(rest, &mut members)? {
            rest = after;
        } else if let Some(after) = unicode(rest, properties, &mut members)? {
            rest = after;
        } else if let Some(after) = perl(rest, &mut members) {
            rest = after;
        } else {
            rest = range(rest, text, &mut members)?;
        }
    }
    match (members.is_empty(), negated) {
        // Only surrogates were listed: no text has them.
        (true, false) => out.push_str(NOTHING),
        (true, true) => out.push_str(EVERYTHING),
        (false, false) => out.extend(["[", &members, "]"]),
        (false, true) => out.extend(["[^", &members, "]"]),
    }
    Ok(&rest[1..])
}

/// `a` or `a-z`.
fn range<'a>(text: &'a str, class: &str, members: &mut String) -> Result<&'a str, Error> {
    let (low, mut rest) = character(text, class)?;
    let mut high = low;
    if rest.len() >= 2 && rest.starts_with('-') && !rest[1..].starts_with(']') {
        (high, rest) = character(&rest[1..], class)?;
        if high < low {
            return Err(Error::new(BAD_RANGE, &text[..text.len() - rest.len()]));
        }
    }
    // Ranges may begin or end among the surrogates, which `regex` has no way to name.
    let low = if (0xd800..0xe000).contains(&low) { 0xe000 } else { low };
    let high = if (0xd800..0xe000).contains(&high) { 0xd7ff } else { high };
    if low == high {
        let _ = write!(members, "\\x{{{low:X}}}");
    } else if low < high {
        let _ = write!(members, "\\x{{{low:X}}}-\\x{{{high:X}}}");
    }
    Ok(rest)
}

fn character<'a>(text: &'a str, class: &str) -> Result<(u32, &'a str), Error> {
    if text.starts_with('\\') {
        return escape::parse(text);
    }
    let mut rest = text.chars();
    match rest.next() {
        Some(c) => Ok((u32::from(c), rest.as_str())),
        None => Err(Error::new("missing closing ]", class)),
    }
}

/// `\d \D \s \S \w \W`, ASCII only.
pub(super) fn perl<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let set = match text.as_bytes() {
        [b'\\', b'd', ..] => "[0-9]",
        [b'\\', b'D', ..] => "[^0-9]",
        [b'\\', b's', ..] => r"[\t\n\f\r\x20]",
        [b'\\', b'S', ..] => r"[^\t\n\f\r\x20]",
        [b'\\', b'w', ..] => "[0-9A-Za-z_]",
        [b'\\', b'W', ..] => "[^0-9A-Za-z_]",
        _ => return None,
    };
    out.push_str(set);
    Some(&text[2..])
}

/// `[:name:]` or `[:^name:]` inside a class.
fn posix<'a>(text: &'a str, members: &mut String) -> Result<Option<&'a str>, Error> {
    let Some(inner) = text.strip_prefix("[:") else { return Ok(None) };
    let Some(length) = inner.find(":]") else { return Ok(None) };
    let name = &inner[..length];
    let (sign, bare) = name.strip_prefix('^').map_or(("", name), |bare| ("^", bare));
    let set = match bare {
        "alnum" => "0-9A-Za-z",
        "alpha" => "A-Za-z",
        "ascii" => r"\x00-\x7F",
        "blank" => r"\t\x20",
        "cntrl" => r"\x00-\x1F\x7F",
        "digit" => "0-9",
        "graph" => r"\x21-\x7E",
        "lower" => "a-z",
        "print" => r"\x20-\x7E",
        "punct" => r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E",
        "space" => r"\x09-\x0D\x20",
        "upper" => "A-Z",
        "word" => "0-9A-Za-z_",
        "xdigit" => "0-9A-Fa-f",
        _ => return Err(Error::new(BAD_RANGE, &text[..length + 4])),
    };
    members.extend(["[", sign, set, "]"]);
    Ok(Some(&inner[length + 2..]))
}

/// `\pN`, `\p{Greek}`, `\P{^Lu}`: general categories and scripts.
pub(super) fn unicode<'a>(
    text: &'a str,
    properties: &mut Properties,
    out: &mut String,
) -> Result<Option<&'a str>, Error> {
    let mut positive = match text.as_bytes() {
        [b'\\', b'p', ..] => true,
        [b'\\', b'P', ..] => false,
        _ => return Ok(None),
    };
    let mut after = text[2..].chars();
    let (name, rest) = match after.next() {
        Some('{') => match text.find('}') {
            Some(end) => (&text[3..end], &text[end + 1..]),
            None => return Err(Error::new(BAD_RANGE, text)),
        },
        _ => (&text[2..text.len() - after.as_str().len()], after.as_str()),
    };
    let bare = name.strip_prefix('^').unwrap_or(name);
    positive ^= bare.len() != name.len();
    // No text has surrogates, and the engine does not name them.
    let surrogates = bare == "Cs";
    let Some(property) = properties.find(if surrogates { "Any" } else { bare }) else {
        return Err(Error::new(BAD_RANGE, &text[..text.len() - rest.len()]));
    };
    let letter = if positive != surrogates { 'p' } else { 'P' };
    let _ = write!(out, "\\{letter}{{{property}}}");
    Ok(Some(rest))
}

/// Properties by the names a pattern uses.
///
/// A property is a category or a script, never one of the others that the `regex` crate knows and
/// Go does not. The crate is asked once for each name.
#[derive(Default)]
pub(super) struct Properties(Vec<(Box<str>, Option<String>)>);

impl Properties {
    /// More names than there are scripts are nobody's honest pattern.
    const MOST: usize = 400;

    /// The property as the `regex` crate spells it.
    fn find(&mut self, name: &str) -> Option<&str> {
        let at = match self.0.iter().position(|(known, _)| **known == *name) {
            Some(at) => at,
            None if self.0.len() >= Self::MOST => return None,
            None => {
                self.0.push((name.into(), property(name)));
                self.0.len() - 1
            }
        };
        self.0[at].1.as_deref()
    }
}

fn property(name: &str) -> Option<String> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ".contains(&b)) {
        return None;
    }
    if matches!(name, "Any" | "ASCII" | "Assigned") {
        return Some(name.to_owned());
    }
    if CATEGORIES.contains(&name) {
        return Some(format!("gc={name}"));
    }
    // Long category names and scripts: the engine knows them all, also in Go's loose spellings.
    ["gc", "sc"]
        .into_iter()
        .map(|kind| format!("{kind}={name}"))
        .find(|property| regex::Regex::new(&format!("\\p{{{property}}}")).is_ok())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_engine_knows_every_category() {
        for name in super::CATEGORIES.into_iter().chain(["Cs"]) {
            let mut out = String::new();
            let pattern = format!("\\p{{{name}}}");
            super::unicode(&pattern, &mut Default::default(), &mut out).unwrap();
            assert!(regex::Regex::new(&out).is_ok(), "{name}: {out}");
        }
    }
}
