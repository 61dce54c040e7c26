//! Samples that others write here: Prometheus' remote write, OTLP.

use std::io::Read as _;
use std::sync::Arc;

use bongsu_engine::api::{SeriesBody, SeriesError, SeriesReceipt};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, StatusCode};

use crate::answer::{self, Answered};
use crate::service::{App, Call};

/// A body after unpacking.
const MAX_UNPACKED: u64 = 64 << 20;

/// `POST write`: remote write 1.0 and 2.0.
pub(crate) async fn remote(app: Arc<App>, call: Call) -> Answered {
    let encoding = header(&call, CONTENT_ENCODING).to_ascii_lowercase();
    if !encoding.is_empty() && encoding != "snappy" {
        let message = format!("{encoding} encoding (compression) is not accepted by this server");
        return answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let kind = header(&call, CONTENT_TYPE);
    let mut parts = kind.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let proto = parts.find_map(|part| part.strip_prefix("proto="));
    if !media.is_empty() && media != "application/x-protobuf" {
        let message = format!(
            "expected application/x-protobuf as the first (media) part, got {media} content-type"
        );
        return answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let body = match proto.unwrap_or("prometheus.WriteRequest") {
        "prometheus.WriteRequest" => SeriesBody::RemoteWrite1(call.body.clone()),
        "io.prometheus.write.v2.Request" => SeriesBody::RemoteWrite2(call.body.clone()),
        other => {
            let message = format!("{other} protobuf message is not accepted by this server");
            return answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        }
    };
    let second = matches!(body, SeriesBody::RemoteWrite2(_));
    match app.backend.write_series(body).await {
        Ok(receipt) => written(&receipt, second),
        Err(error) => refused(&error),
    }
}

/// Parts that were refused make a 400, which senders do not repeat; the others are kept.
fn written(receipt: &SeriesReceipt, second: bool) -> Answered {
    let mut answer = match receipt.refused.is_empty() {
        true => answer::empty(StatusCode::NO_CONTENT),
        false => answer::text(StatusCode::BAD_REQUEST, receipt.refused.join("; ") + "\n"),
    };
    if second {
        let counts = [
            ("x-prometheus-remote-write-samples-written", receipt.samples),
            ("x-prometheus-remote-write-histograms-written", receipt.histograms),
            ("x-prometheus-remote-write-exemplars-written", 0),
        ];
        for (name, count) in counts {
            answer::set(&mut answer, HeaderName::from_static(name), count);
        }
    }
    answer
}

fn refused(error: &SeriesError) -> Answered {
    let status = match error {
        SeriesError::Bad(_) => StatusCode::BAD_REQUEST,
        SeriesError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        SeriesError::Full(_) => StatusCode::TOO_MANY_REQUESTS,
        SeriesError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut answer = answer::text(status, format!("{error}\n"));
    if matches!(error, SeriesError::Full(_) | SeriesError::Unavailable(_)) {
        answer::set(&mut answer, RETRY_AFTER, 10);
    }
    answer
}

/// `POST otlp/v1/metrics`.
pub(crate) async fn otlp(app: Arc<App>, call: Call) -> Answered {
    let unpacked = match header(&call, CONTENT_ENCODING).to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(call.body.clone()),
        "gzip" => unpack(&call.body),
        other => {
            let message = format!("{other} encoding is not accepted by this server\n");
            return answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        }
    };
    let body = match unpacked {
        Ok(body) => body,
        Err(message) => return answer::text(StatusCode::BAD_REQUEST, format!("{message}\n")),
    };
    let kind = header(&call, CONTENT_TYPE);
    let json = kind.starts_with("application/json");
    let body = if json { SeriesBody::OtlpJson(body) } else { SeriesBody::Otlp(body) };
    match app.backend.write_series(body).await {
        // What was not taken stands in the answer: sending it again would not help.
        Ok(receipt) if json => answer::typed("application/json", receipt.answer),
        Ok(receipt) => answer::typed("application/x-protobuf", receipt.answer),
        Err(error) => refused(&error),
    }
}

fn unpack(body: &[u8]) -> Result<Bytes, String> {
    let mut out = Vec::new();
    let mut reader = GzDecoder::new(body).take(MAX_UNPACKED + 1);
    reader
        .read_to_end(&mut out)
        .map_err(|error| format!("the body cannot be unpacked: {error}"))?;
    if out.len() as u64 > MAX_UNPACKED {
        return Err(format!("the body is larger than {MAX_UNPACKED} bytes when unpacked"));
    }
    Ok(out.into())
}

fn header(call: &Call, name: HeaderName) -> String {
    let value = call.headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}
