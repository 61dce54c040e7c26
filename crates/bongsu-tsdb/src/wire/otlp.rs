//! OTLP metrics, as protocol buffers or JSON, as the series Prometheus makes of them by default.
//!
//! In: an `ExportMetricsServiceRequest`. Out: series whose names carry unit and `_total`, with `job` and
//! `instance` from the resource and `target_info` for the rest of it. Exponential histograms become
//! native ones. Points with delta temporality mean nothing without the ones before and are passed
//! over, as Prometheus does.

mod json;
mod model;
mod name;
mod protobuf;
mod series;
#[cfg(test)]
mod tests;

use super::{Decoded, WireError, WireLimits};

/// How a request, and the answer to it, is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

impl Encoding {
    /// From the header `Content-Type`. `None`: 415.
    pub fn of_content_type(header: &str) -> Option<Self> {
        match header.split(';').next().unwrap_or_default().trim() {
            kind if kind.eq_ignore_ascii_case("application/x-protobuf") => Some(Self::Protobuf),
            kind if kind.eq_ignore_ascii_case("application/json") => Some(Self::Json),
            _ => None,
        }
    }

    /// The `ExportMetricsServiceResponse`: empty, or how many points were not taken and why.
    pub fn answer(self, rejected: u64, message: &str) -> Vec<u8> {
        match self {
            Self::Protobuf => protobuf::answer(rejected, message),
            Self::Json => json::answer(rejected, message),
        }
    }
}

/// Reads a request. JSON takes more memory than it has bytes, so a quarter of
/// [`WireLimits::max_bytes`] is read of it.
pub fn read(
    encoding: Encoding,
    body: &[u8],
    limits: &WireLimits,
) -> Result<Decoded<'static>, WireError> {
    let most = match encoding {
        Encoding::Protobuf => limits.max_bytes,
        Encoding::Json => limits.max_bytes / 4,
    };
    if body.len() > most {
        return Err(WireError::TooLarge(most));
    }
    let mut translation = series::Translation::new(limits);
    match encoding {
        Encoding::Protobuf => protobuf::read(body, limits, |resource| translation.add(resource))?,
        Encoding::Json => {
            for resource in json::read(body)? {
                translation.add(resource)?;
            }
        }
    }
    Ok(translation.end())
}
