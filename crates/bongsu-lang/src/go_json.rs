//! JSON exactly as Go's `encoding/json` writes it.
//!
//! In: anything serialisable (maps keep their order). Out: compact JSON with `<`, `>`, `&`, U+2028
//! and U+2029 as `\u003c` …, and floats in Go's notation; request bodies and `toJson` are
//! compared byte by byte by receivers, so the form is a contract.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// How to write.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Escape `<`, `>` and `&` (Go's default; `SetEscapeHTML(false)` turns it off).
    pub escape_html: bool,
    /// End with `\n`, as Go's `Encoder` does and `Marshal` does not.
    pub newline: bool,
}

impl Style {
    /// `json.Marshal`.
    pub const MARSHAL: Self = Self { escape_html: true, newline: false };
    /// `json.NewEncoder(w).Encode`.
    pub const ENCODER: Self = Self { escape_html: true, newline: true };
}

/// `value` as Go's `json.Marshal` writes it.
///
/// # Errors
/// If the value cannot be JSON (map keys that are not strings).
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    write(value, Style::MARSHAL)
}

/// `value` as Go's `json.Encoder` writes it: HTML-escaped, one trailing newline.
///
/// # Errors
/// If the value cannot be JSON (map keys that are not strings).
pub fn to_line<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    write(value, Style::ENCODER)
}

/// `value` in the given style.
///
/// # Errors
/// If the value cannot be JSON (map keys that are not strings).
pub fn write<T: Serialize + ?Sized>(value: &T, style: Style) -> serde_json::Result<String> {
    let mut bytes = Vec::with_capacity(256);
    let formatter = GoFormatter { plain: CompactFormatter, escape_html: style.escape_html };
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    if style.newline {
        bytes.push(b'\n');
    }
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// A finite float as Go writes it: shortest digits, exponent form below 1e-6 and from 1e21 on.
pub fn float_text(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-6..1e21).contains(&size) {
        format!("{value}")
    } else {
        // Rust prints `1e-7` and `1e21`; Go writes the sign of a positive exponent.
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                format!("{digits}e+{exponent}")
            }
            _ => text,
        }
    }
}

struct GoFormatter {
    plain: CompactFormatter,
    escape_html: bool,
}

impl Formatter for GoFormatter {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float_text(value).as_bytes())
    }

    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        self.write_f64(writer, f64::from(value))
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut clean = 0;
        for (at, c) in fragment.char_indices() {
            let escaped: &[u8] = match c {
                '<' if self.escape_html => b"\\u003c",
                '>' if self.escape_html => b"\\u003e",
                '&' if self.escape_html => b"\\u0026",
                '\u{2028}' => b"\\u2028",
                '\u{2029}' => b"\\u2029",
                _ => continue,
            };
            self.plain.write_string_fragment(writer, &fragment[clean..at])?;
            writer.write_all(escaped)?;
            clean = at + c.len_utf8();
        }
        self.plain.write_string_fragment(writer, &fragment[clean..])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Style, float_text, to_line, to_string, write};

    #[test]
    fn escapes_and_order() {
        let value = json!({"b": "<a>&\u{2028}\u{2029}\u{7f}\u{1}\t\u{8}\"", "a": [1, null, true]});
        assert_eq!(
            to_string(&value).unwrap(),
            "{\"b\":\"\\u003ca\\u003e\\u0026\\u2028\\u2029\u{7f}\\u0001\\t\\b\\\"\",\"a\":[1,null,true]}"
        );
        assert_eq!(to_line(&json!("é")).unwrap(), "\"é\"\n");
        let plain = Style { escape_html: false, newline: false };
        assert_eq!(write(&json!("<&>"), plain).unwrap(), "\"<&>\"");
    }

    #[test]
    fn floats_in_go_notation() {
        for (value, want) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-2.5e-9, "-2.5e-9"),
            (9.223_372_036_854_776e18, "9223372036854776000"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            assert_eq!(float_text(value), want);
            assert_eq!(to_string(&value).unwrap(), want);
        }
    }
}
