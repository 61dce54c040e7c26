//! Flags of a directive, padding and the string forms.

use bongsu_model::go_quote;

/// What stood between `%` and the verb.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    /// `%+v`: field names.
    pub(super) plus_v: bool,
    /// `%#v`: Go syntax.
    pub(super) sharp_v: bool,
}

impl Flags {
    /// Writes `text` padded to the width, counted in characters.
    pub(super) fn pad(&self, text: &str, out: &mut String) {
        let missing = self.missing(text.chars().count());
        if self.minus {
            out.push_str(text);
            self.fill(missing, out);
        } else {
            self.fill(missing, out);
            out.push_str(text);
        }
    }

    pub(super) fn missing(&self, length: usize) -> usize {
        self.width.unwrap_or(0).saturating_sub(length)
    }

    pub(super) fn fill(&self, count: usize, out: &mut String) {
        let c = if self.zero && !self.minus { '0' } else { ' ' };
        out.extend(std::iter::repeat_n(c, count));
    }

    /// `%s`
    pub(super) fn text(&self, text: &str, out: &mut String) {
        self.pad(self.cut(text), out);
    }

    fn cut<'a>(&self, text: &'a str) -> &'a str {
        match self.precision {
            Some(most) => match text.char_indices().nth(most) {
                Some((end, _)) => &text[..end],
                None => text,
            },
            None => text,
        }
    }

    /// `%q` of a string.
    pub(super) fn quoted(&self, text: &str, out: &mut String) {
        let text = self.cut(text);
        if self.sharp && can_backquote(text) {
            self.pad(&format!("`{text}`"), out);
            return;
        }
        let mut quoted = String::with_capacity(text.len() + 2);
        // Writing to a String cannot fail.
        let _ = go_quote(text, &mut quoted);
        if self.plus {
            quoted = ascii_only(&quoted);
        }
        self.pad(&quoted, out);
    }

    /// `%q` of an integer: a character literal.
    pub(super) fn quoted_rune(&self, rune: i64, out: &mut String) {
        let c = to_char(rune);
        let mut quoted = String::new();
        let _ = go_quote(&c.to_string(), &mut quoted);
        let inner = &quoted[1..quoted.len() - 1];
        let mut literal = match c {
            '"' => "'\"'".to_owned(),
            '\'' => r"'\''".to_owned(),
            _ => format!("'{inner}'"),
        };
        if self.plus {
            literal = ascii_only(&literal);
        }
        self.pad(&literal, out);
    }

    /// `%x` and `%X` of a string: its bytes.
    pub(super) fn hexadecimal(&self, text: &str, upper: bool, out: &mut String) {
        let bytes = text.as_bytes();
        let shown = &bytes[..self.precision.unwrap_or(bytes.len()).min(bytes.len())];
        let prefix = if upper { "0X" } else { "0x" };
        let mut hex = String::new();
        for (i, byte) in shown.iter().enumerate() {
            if self.space && i > 0 {
                hex.push(' ');
            }
            if self.sharp && (self.space || i == 0) {
                hex.push_str(prefix);
            }
            hex.push_str(&if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        }
        self.pad(&hex, out);
    }
}

/// The character with this code, or U+FFFD.
pub(super) fn to_char(rune: i64) -> char {
    u32::try_from(rune).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

fn can_backquote(text: &str) -> bool {
    !text.contains(|c: char| {
        (c < ' ' && c != '\t') || matches!(c, '`' | '\u{7f}' | '\u{feff}' | '\u{fffd}')
    })
}

fn ascii_only(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    for c in quoted.chars() {
        match c as u32 {
            0..0x80 => out.push(c),
            code @ 0x80..0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}
