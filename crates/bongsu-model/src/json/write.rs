//! JSON text, compact, as serde_json writes it.

use std::io::Write;

use super::{Json, JsonMap};

impl Json {
    /// Appends its text.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => match number.as_u64() {
                Some(digit @ 0..10) => out.push(b'0' + digit as u8),
                // Nothing written to memory fails.
                _ => drop(write!(out, "{number}")),
            },
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Map(map) => map.write(out),
        }
    }
}

impl JsonMap {
    /// Appends its text.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, (name, value)) in self.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_text(name, out);
            out.push(b':');
            value.write(out);
        }
        out.push(b'}');
    }
}

/// Appends a text in quotes. Runs of bytes that stand for themselves are copied at once.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, escaped) = rest.split_at(plain(rest));
        out.extend_from_slice(plain);
        let Some((byte, after)) = escaped.split_first() else { break };
        escape(*byte, out);
        rest = after;
    }
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// How many bytes at the beginning stand for themselves. Eight are looked at together: a byte's
/// highest bit in `odd` says that it, or one before it, is to be escaped.
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let is_zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let (chunks, tail) = text.as_chunks::<8>();
    for (at, chunk) in chunks.iter().enumerate() {
        let bytes = u64::from_le_bytes(*chunk);
        let control = bytes.wrapping_sub(ONES * 0x20) & !bytes;
        let quote = is_zero(bytes ^ (ONES * u64::from(b'"')));
        let backslash = is_zero(bytes ^ (ONES * u64::from(b'\\')));
        let odd = (control | quote | backslash) & HIGH;
        if odd != 0 {
            // The lowest of these bits is always right.
            return at * 8 + odd.trailing_zeros() as usize / 8;
        }
    }
    let tail_at = chunks.len() * 8;
    tail_at + tail.iter().position(|byte| is_escaped(*byte)).unwrap_or(tail.len())
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let digit = |bits: u8| DIGITS[usize::from(bits & 0xf)];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[digit(byte >> 4), digit(byte)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
