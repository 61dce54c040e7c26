//! JSON as Go's `encoding/json` reads it, with its error texts.
//!
//! In: body bytes. Out: a tree, or the message. Used only where the quick way did not work, to
//! answer exactly what clients know. Differences kept: text after the first value is not looked
//! at, invalid UTF-8 and lone surrogates become U+FFFD.

use std::borrow::Cow;

/// Deeper input is refused (Go allows 10 000, more than any client sends).
const MAX_DEPTH: usize = 200;

/// A JSON value. Numbers stay text: no field of the API is one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Node>),
    /// Pairs in order, names may repeat.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Go's word for the kind of value in type errors.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

/// Reads the first value; `Ok(None)` if there is only white space.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Node>, String> {
    let mut reader = Reader { bytes, at: 0 };
    match reader.peek() {
        None => Ok(None),
        Some(_) => reader.value(0).map(Some),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Parsed<T> = Result<T, String>;

fn unexpected_end<T>() -> Parsed<T> {
    Err("unexpected EOF".to_owned())
}

/// `'x'` as Go's scanner quotes a byte.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => {
            let mut out = String::new();
            let _ = bongsu_model::go_quote(char::from(byte).encode_utf8(&mut [0; 4]), &mut out);
            format!("'{}'", out.trim_matches('"'))
        }
    }
}

fn invalid<T>(byte: u8, context: &str) -> Parsed<T> {
    Err(format!("invalid character {} {context}", quoted(byte)))
}

impl Reader<'_> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Parsed<u8> {
        match self.bytes.get(self.at) {
            Some(byte) => {
                self.at += 1;
                Ok(*byte)
            }
            None => unexpected_end(),
        }
    }

    fn value(&mut self, depth: usize) -> Parsed<Node> {
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        let Some(byte) = self.peek() else { return unexpected_end() };
        match byte {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => {
                self.at += 1;
                self.string().map(Node::Text)
            }
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true", Node::Bool(true)),
            b'f' => self.literal("false", Node::Bool(false)),
            b'n' => self.literal("null", Node::Null),
            other => invalid(other, "looking for beginning of value"),
        }
    }

    fn literal(&mut self, word: &str, node: Node) -> Parsed<Node> {
        self.at += 1;
        for wanted in word.bytes().skip(1) {
            let byte = self.next()?;
            if byte != wanted {
                let wanted = char::from(wanted);
                return invalid(byte, &format!("in literal {word} (expecting '{wanted}')"));
            }
        }
        Ok(node)
    }

    fn array(&mut self, depth: usize) -> Parsed<Node> {
        self.at += 1;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Node::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Node::Array(items));
                }
                Some(other) => return invalid(other, "after array element"),
                None => return unexpected_end(),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Node> {
        self.at += 1;
        let mut pairs = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Node::Object(pairs));
        }
        loop {
            match self.peek() {
                Some(b'"') => self.at += 1,
                Some(other) => {
                    return invalid(other, "looking for beginning of object key string");
                }
                None => return unexpected_end(),
            }
            let name = self.string()?;
            match self.peek() {
                Some(b':') => self.at += 1,
                Some(other) => return invalid(other, "after object key"),
                None => return unexpected_end(),
            }
            pairs.push((name, self.value(depth + 1)?));
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Node::Object(pairs));
                }
                Some(other) => return invalid(other, "after object key:value pair"),
                None => return unexpected_end(),
            }
        }
    }

    fn number(&mut self) -> Parsed<Node> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.next()? {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            other => return invalid(other, "in numeric literal"),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.one_digit("after decimal point in numeric literal")?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.one_digit("in exponent of numeric literal")?;
        }
        Ok(Node::Number(String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()))
    }

    fn one_digit(&mut self, context: &str) -> Parsed<()> {
        match self.next()? {
            b'0'..=b'9' => {
                self.skip_digits();
                Ok(())
            }
            other => invalid(other, context),
        }
    }

    fn skip_digits(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    /// After the opening quote.
    fn string(&mut self) -> Parsed<String> {
        let mut out = String::new();
        loop {
            let start = self.at;
            while !matches!(self.bytes.get(self.at), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            match String::from_utf8_lossy(&self.bytes[start..self.at]) {
                Cow::Borrowed(text) => out.push_str(text),
                Cow::Owned(text) => out.push_str(&text),
            }
            match self.next()? {
                b'"' => return Ok(out),
                b'\\' => self.escape(&mut out)?,
                other => return invalid(other, "in string literal"),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Parsed<()> {
        out.push(match self.next()? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'u' => {
                let first = self.hex4()?;
                self.low_surrogate(first)?
            }
            other => return invalid(other, "in string escape code"),
        });
        Ok(())
    }

    fn hex4(&mut self) -> Parsed<u32> {
        let mut number = 0;
        for _ in 0..4 {
            let byte = self.next()?;
            match char::from(byte).to_digit(16) {
                Some(digit) => number = number * 16 + digit,
                None => return invalid(byte, "in \\u hexadecimal character escape"),
            }
        }
        Ok(number)
    }

    /// Joins a high surrogate with the low one that must follow, else U+FFFD.
    fn low_surrogate(&mut self, first: u32) -> Parsed<char> {
        if !(0xd800..0xdc00).contains(&first) || !self.bytes[self.at..].starts_with(b"\\u") {
            return Ok(char::from_u32(first).unwrap_or('\u{fffd}'));
        }
        let before = self.at;
        self.at += 2;
        let second = self.hex4()?;
        if (0xdc00..0xe000).contains(&second) {
            let joined = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(joined).unwrap_or('\u{fffd}'));
        }
        self.at = before;
        Ok('\u{fffd}')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn error_texts() {
        for (text, message) in [
            ("{", "unexpected EOF"),
            ("x", "invalid character 'x' looking for beginning of value"),
            ("{a", "invalid character 'a' looking for beginning of object key string"),
            ("{\"a\" 1", "invalid character '1' after object key"),
            ("{\"a\":1 2", "invalid character '2' after object key:value pair"),
            ("[1 2", "invalid character '2' after array element"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("\"\n", "invalid character '\\n' in string literal"),
            ("\"\\x", "invalid character 'x' in string escape code"),
            ("\"\\u12g", "invalid character 'g' in \\u hexadecimal character escape"),
            ("trua", "invalid character 'a' in literal true (expecting 'e')"),
            ("-a", "invalid character 'a' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
            ("'", "invalid character '\\'' looking for beginning of value"),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), message, "{text}");
        }
        assert_eq!(parse(&b"[".repeat(100_000)).unwrap_err(), "exceeded max depth");
    }

    #[test]
    fn lenient_where_go_is() {
        assert_eq!(parse(b" \n").unwrap(), None);
        assert_eq!(parse(b"[] trailing").unwrap(), Some(Node::Array(vec![])));
        let text = |bytes: &[u8]| parse(bytes).unwrap().unwrap();
        assert_eq!(text(b"\"\xff\\ud800x\""), Node::Text("\u{fffd}\u{fffd}x".into()));
        assert_eq!(text(br#""\ud83d\ude00 \/""#), Node::Text("\u{1f600} /".into()));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_on_valid_json(text in r#"(\[|\]|\{|\}|"|:|,|\\u00e9|\\n|a|1|-0\.5e3|true|null| ){0,24}"#) {
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert!(parse(text.as_bytes()).is_ok());
            }
        }
    }
}
