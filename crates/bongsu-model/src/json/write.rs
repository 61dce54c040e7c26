//! JSON text, compact, as serde_json writes it.

use std::fmt::Write;

use super::{Json, JsonMap};

impl Json {
    /// Appends its text.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => match number.as_u64() {
                Some(digit @ 0..10) => out.push(char::from(b'0' + digit as u8)),
                // Writing to a text does not fail.
                _ => {
                    let _ = write!(out, "{number}");
                }
            },
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Map(map) => map.write(out),
        }
    }
}

impl JsonMap {
    /// Appends its text.
    pub fn write(&self, out: &mut String) {
        out.push('{');
        for (at, (name, value)) in self.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_text(name, out);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }
}

/// Appends a text in quotes. Runs of bytes that stand for themselves are copied at once.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut rest = text;
    loop {
        let (plain, escaped) = rest.split_at(plain(rest.as_bytes()));
        out.push_str(plain);
        let Some(byte) = escaped.bytes().next() else { break };
        escape(byte, out);
        rest = &escaped[1..];
    }
    out.push('"');
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// How many bytes at the beginning stand for themselves; eight are looked at together.
fn plain(text: &[u8]) -> usize {
    let (chunks, tail) = text.as_chunks::<8>();
    for (at, chunk) in chunks.iter().enumerate() {
        if let Some(place) = escaped(*chunk) {
            return at * 8 + place;
        }
    }
    match text.last_chunk::<8>() {
        // Those of the last eight that were looked at before stand for themselves.
        Some(last) => escaped(*last).map_or(text.len(), |place| text.len() - 8 + place),
        None => tail.iter().position(|byte| is_escaped(*byte)).unwrap_or(text.len()),
    }
}

/// The first of eight bytes that is to be escaped. A byte's highest bit in `odd` says that it, or one
/// before it, is.
fn escaped(chunk: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let is_zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let bytes = u64::from_le_bytes(chunk);
    let control = bytes.wrapping_sub(ONES * 0x20) & !bytes;
    let quote = is_zero(bytes ^ (ONES * u64::from(b'"')));
    let backslash = is_zero(bytes ^ (ONES * u64::from(b'\\')));
    let odd = (control | quote | backslash) & HIGH;
    // The lowest of these bits is always right.
    (odd != 0).then(|| odd.trailing_zeros() as usize / 8)
}

fn escape(byte: u8, out: &mut String) {
    let short = match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        0x08 => "\\b",
        b'\t' => "\\t",
        b'\n' => "\\n",
        0x0c => "\\f",
        b'\r' => "\\r",
        _ => {
            let _ = write!(out, "\\u{byte:04x}");
            return;
        }
    };
    out.push_str(short);
}
