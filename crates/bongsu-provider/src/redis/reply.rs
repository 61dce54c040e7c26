//! Replies of Redis as JSON.
//!
//! In: a connection on which a command was sent. Out: the next reply; pushed messages and
//! attributes before it are passed over.

use std::future::Future;
use std::pin::Pin;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Number, Value, json};

use crate::error::TransportError;
use crate::wire::Wire;

/// How deep lists and maps may lie in each other.
const MAX_DEPTH: usize = 32;

/// What a command came to.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// The answer.
    Value(Value),
    /// The server's refusal.
    Error(String),
}

impl Reply {
    fn nested(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Error(text) => json!({ "error": text }),
        }
    }
}

/// The next reply.
pub(super) async fn read(wire: &mut Wire) -> Result<Reply, TransportError> {
    item(wire, 0).await
}

type Reading<'a> = Pin<Box<dyn Future<Output = Result<Reply, TransportError>> + Send + 'a>>;

fn item(wire: &mut Wire, depth: usize) -> Reading<'_> {
    Box::pin(async move {
        if depth > MAX_DEPTH {
            return Err(wire.broken("the reply is nested too deep"));
        }
        loop {
            let line = wire.line().await?;
            let Some((kind, rest)) = line.split_first() else {
                return Err(wire.broken("an empty line instead of a reply"));
            };
            return Ok(match kind {
                b'+' => Reply::Value(text(rest)),
                b'-' => Reply::Error(String::from_utf8_lossy(rest).into_owned()),
                b':' => Reply::Value(number(wire, rest)?),
                b'(' => Reply::Value(large_number(wire, rest)?),
                b',' => Reply::Value(double(wire, rest)?),
                b'#' => Reply::Value(Value::Bool(rest == b"t")),
                b'_' => Reply::Value(Value::Null),
                b'$' => match length(wire, rest)? {
                    None => Reply::Value(Value::Null),
                    Some(length) => Reply::Value(text(&bulk(wire, length).await?)),
                },
                b'!' => {
                    let length = length(wire, rest)?.unwrap_or_default();
                    Reply::Error(String::from_utf8_lossy(&bulk(wire, length).await?).into_owned())
                }
                // Verbatim text: three letters of format and a colon come first.
                b'=' => {
                    let length = length(wire, rest)?.unwrap_or_default();
                    let bytes = bulk(wire, length).await?;
                    Reply::Value(text(bytes.get(4..).unwrap_or_default()))
                }
                b'*' | b'~' => match length(wire, rest)? {
                    None => Reply::Value(Value::Null),
                    Some(length) => Reply::Value(list(wire, length, depth).await?),
                },
                b'%' => {
                    let length = length(wire, rest)?.unwrap_or_default();
                    Reply::Value(map(wire, length, depth).await?)
                }
                b'>' => {
                    let length = length(wire, rest)?.unwrap_or_default();
                    list(wire, length, depth).await?;
                    continue;
                }
                b'|' => {
                    let length = length(wire, rest)?.unwrap_or_default();
                    map(wire, length, depth).await?;
                    continue;
                }
                _ => return Err(wire.broken("an unknown kind of reply")),
            });
        }
    })
}

async fn list(wire: &mut Wire, length: usize, depth: usize) -> Result<Value, TransportError> {
    let mut items = Vec::new();
    for _ in 0..length {
        items.push(item(wire, depth + 1).await?.nested());
    }
    Ok(Value::Array(items))
}

async fn map(wire: &mut Wire, length: usize, depth: usize) -> Result<Value, TransportError> {
    let mut entries = Map::new();
    for _ in 0..length {
        let key = match item(wire, depth + 1).await?.nested() {
            Value::String(text) => text,
            other => other.to_string(),
        };
        entries.insert(key, item(wire, depth + 1).await?.nested());
    }
    Ok(Value::Object(entries))
}

async fn bulk(wire: &mut Wire, length: usize) -> Result<Vec<u8>, TransportError> {
    let bytes = wire.read(length).await?;
    if wire.array::<2>().await? == *b"\r\n" {
        Ok(bytes)
    } else {
        Err(wire.broken("a text is longer than announced"))
    }
}

/// `None` is RESP 2's null.
fn length(wire: &Wire, digits: &[u8]) -> Result<Option<usize>, TransportError> {
    if digits == b"-1" {
        return Ok(None);
    }
    // Streamed replies (`?`) are in the specification, no server sends them.
    let parsed = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    parsed.map(Some).ok_or_else(|| wire.broken("a length is not a number"))
}

fn number(wire: &Wire, digits: &[u8]) -> Result<Value, TransportError> {
    let parsed: Option<i64> = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    parsed.map(Value::from).ok_or_else(|| wire.broken("an integer cannot be read"))
}

fn large_number(wire: &Wire, digits: &[u8]) -> Result<Value, TransportError> {
    number(wire, digits).or_else(|error| {
        let plain = digits.strip_prefix(b"-").unwrap_or(digits);
        let valid = !plain.is_empty() && plain.iter().all(u8::is_ascii_digit);
        if valid { Ok(text(digits)) } else { Err(error) }
    })
}

/// Infinities and NaN have no number in JSON and stay text.
fn double(wire: &Wire, digits: &[u8]) -> Result<Value, TransportError> {
    let parsed: Option<f64> = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    let parsed = parsed.ok_or_else(|| wire.broken("a number cannot be read"))?;
    Ok(Number::from_f64(parsed).map_or_else(|| text(digits), Value::Number))
}

fn text(bytes: &[u8]) -> Value {
    Value::String(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => BASE64_STANDARD.encode(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::time::{Duration, Instant};

    fn parse(bytes: &[u8]) -> Result<Reply, String> {
        let (mut near, far) = tokio::io::duplex(bytes.len().max(1));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::io::AsyncWriteExt::write_all(&mut near, bytes).await.unwrap();
            drop(near);
            let deadline = Instant::now() + Duration::from_secs(60);
            let mut wire = Wire::new(Box::new(far), "peer", deadline, 64 * 1024);
            read(&mut wire).await.map_err(|error| error.message)
        })
    }

    #[test]
    fn every_kind_of_reply() {
        for (bytes, expected) in [
            ("+OK\r\n", json!("OK")),
            (":-7\r\n", json!(-7)),
            ("$5\r\na\r\nbc\r\n", json!("a\r\nbc")),
            ("$0\r\n\r\n", json!("")),
            ("$-1\r\n", json!(null)),
            ("*-1\r\n", json!(null)),
            ("_\r\n", json!(null)),
            ("#t\r\n", json!(true)),
            ("#f\r\n", json!(false)),
            (",1.5\r\n", json!(1.5)),
            (",inf\r\n", json!("inf")),
            ("(12\r\n", json!(12)),
            ("(34928903284092850923\r\n", json!("34928903284092850923")),
            ("=8\r\ntxt:some\r\n", json!("some")),
            ("*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", json!([1, ["x"]])),
            ("~1\r\n+a\r\n", json!(["a"])),
            ("*1\r\n-ERR no\r\n", json!([{"error": "ERR no"}])),
            ("%2\r\n+a\r\n:1\r\n:2\r\n_\r\n", json!({"a": 1, "2": null})),
            (">1\r\n+news\r\n+OK\r\n", json!("OK")),
            ("|1\r\n+ttl\r\n:3\r\n:4\r\n", json!(4)),
        ] {
            assert_eq!(parse(bytes.as_bytes()), Ok(Reply::Value(expected)), "{bytes:?}");
        }
        assert_eq!(parse(b"-ERR x\r\n"), Ok(Reply::Error("ERR x".to_owned())));
        assert_eq!(parse(b"!5\r\nERR x\r\n"), Ok(Reply::Error("ERR x".to_owned())));
        assert_eq!(parse(b"$1\r\n\xff\r\n"), Ok(Reply::Value(json!("/w=="))));
    }

    #[test]
    fn broken_replies_are_refused() {
        for (bytes, expected) in [
            ("", "a line has no end"),
            ("\r\n", "an empty line instead of a reply"),
            ("+OK\n", "a line has no end"),
            ("?1\r\n", "an unknown kind of reply"),
            ("$3\r\nab", "connection closed early"),
            ("$1\r\nabc\r\n", "a text is longer than announced"),
            ("$-2\r\n", "a length is not a number"),
            ("$99999999999\r\n", "the answer is too large"),
            ("*9999999\r\n", "a line has no end"),
            (":x\r\n", "an integer cannot be read"),
            ("(-\r\n", "an integer cannot be read"),
            (",x\r\n", "a number cannot be read"),
        ] {
            assert_eq!(parse(bytes.as_bytes()), Err(format!("peer: {expected}")), "{bytes:?}");
        }
        let deep = "*1\r\n".repeat(40);
        assert_eq!(parse(deep.as_bytes()), Err("peer: the reply is nested too deep".to_owned()));
        let long = "+".repeat(65 * 1024);
        assert_eq!(parse(long.as_bytes()), Err("peer: the answer is too large".to_owned()));
    }

    /// A value and its bytes on the wire.
    fn encoded() -> impl Strategy<Value = (Value, String)> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|n| (json!(n), format!(":{n}\r\n"))),
            any::<bool>().prop_map(|b| (json!(b), if b { "#t\r\n" } else { "#f\r\n" }.to_owned())),
            ".{0,12}".prop_map(|s| (json!(s), format!("${}\r\n{s}\r\n", s.len()))),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            proptest::collection::vec(inner, 0..6).prop_map(|items| {
                let head = format!("*{}\r\n", items.len());
                let (values, bytes): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                (Value::Array(values), head + &bytes.concat())
            })
        })
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read((value, bytes) in encoded()) {
            prop_assert_eq!(parse(bytes.as_bytes()), Ok(Reply::Value(value)));
        }

        #[test]
        fn any_bytes_end_in_a_reply_or_an_error(bytes in "[-+:$*%,#_!=(~>|0-9a-z\r\n]{0,64}") {
            let _ = parse(bytes.as_bytes());
        }
    }
}
