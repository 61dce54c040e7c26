//! Prometheus' remote write, versions 1.0 and 2.0: messages of protocol buffers, compressed with
//! Snappy's block format.
//!
//! Sources: the two specifications and their `.proto` files. Exemplars are passed over.

mod histogram;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use bongsu_lang::protobuf::{Message, ProtobufError, Value};

use super::{Decoded, WireError, WireLimits};
use crate::sample::Appended;

/// Which message a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`
    One,
    /// `io.prometheus.write.v2.Request`
    Two,
}

impl Version {
    /// From the header `Content-Type`; a missing parameter means 1.0. `None`: 415.
    pub fn of_content_type(header: &str) -> Option<Self> {
        let mut parts = header.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("application/x-protobuf") {
            return None;
        }
        match parts.find_map(|part| part.strip_prefix("proto=")) {
            None | Some("prometheus.WriteRequest") => Some(Self::One),
            Some("io.prometheus.write.v2.Request") => Some(Self::Two),
            Some(_) => None,
        }
    }
}

/// Headers of an answer to version 2.0, of errors too: what was written.
pub fn written_headers(appended: &Appended) -> [(&'static str, u64); 3] {
    [
        ("X-Prometheus-Remote-Write-Samples-Written", appended.floats),
        ("X-Prometheus-Remote-Write-Histograms-Written", appended.histograms),
        ("X-Prometheus-Remote-Write-Exemplars-Written", 0),
    ]
}

/// Unpacks a body. Its length is looked at before anything is allocated.
pub fn unpack(body: &[u8], limits: &WireLimits) -> Result<Vec<u8>, WireError> {
    let snappy = |error: snap::Error| WireError::Snappy(error.to_string());
    let length = snap::raw::decompress_len(body).map_err(snappy)?;
    if length > limits.max_bytes {
        return Err(WireError::TooLarge(limits.max_bytes));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(snappy)
}

/// Reads an unpacked body.
pub fn read<'a>(
    version: Version,
    body: &'a [u8],
    limits: &WireLimits,
) -> Result<Decoded<'a>, WireError> {
    match version {
        Version::One => v1::read(body, limits),
        Version::Two => v2::read(body, limits),
    }
}

/// A sample of either version: value and time.
fn float(value: Value<'_>) -> Result<(i64, f64), WireError> {
    let (mut time, mut number) = (0, 0.0);
    for field in value.message()? {
        match field? {
            (1, value) => number = value.double()?,
            (2, value) => time = value.signed()?,
            _ => {}
        }
    }
    Ok((time, number))
}

/// Zigzag: `sint32`, `sint64`.
fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Integers, packed or one of several, at most `limit` in all.
fn append_numbers(
    value: Value<'_>,
    out: &mut Vec<u64>,
    limit: usize,
    what: &'static str,
) -> Result<(), WireError> {
    let too_many = |_| WireError::TooMany { what, limit };
    // Before anything is unpacked: a number takes a byte to ten.
    if let Value::Bytes(packed) = value
        && packed.len() > limit.saturating_mul(10)
    {
        return Err(too_many(()));
    }
    value.append_unsigned(out)?;
    if out.len() > limit { Err(too_many(())) } else { Ok(()) }
}

/// Doubles, likewise.
fn append_doubles(
    value: Value<'_>,
    out: &mut Vec<f64>,
    limit: usize,
    what: &'static str,
) -> Result<(), WireError> {
    let (doubles, rest) = match value {
        Value::Bytes(packed) => packed.as_chunks::<8>(),
        value => {
            out.push(value.double()?);
            (&[][..], &[][..])
        }
    };
    if !rest.is_empty() {
        return Err(ProtobufError::CutShort.into());
    }
    if out.len() + doubles.len() > limit {
        return Err(WireError::TooMany { what, limit });
    }
    out.extend(doubles.iter().map(|bytes| f64::from_le_bytes(*bytes)));
    Ok(())
}

fn message(body: &[u8]) -> Message<'_> {
    Message::new(body)
}
