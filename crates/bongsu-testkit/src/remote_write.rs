//! Series as senders of Prometheus' remote write 1.0 send them.

use std::net::SocketAddr;

use crate::process::Client;

/// Samples of one series: labels in order of their names, times in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct TimeSeries {
    /// Names and values, `__name__` among them.
    pub labels: Vec<(String, String)>,
    /// Times and values.
    pub samples: Vec<(i64, f64)>,
}

impl TimeSeries {
    /// From `name{a="b"}`-like parts; the labels are put in order.
    pub fn new(name: &str, labels: &[(&str, &str)], samples: Vec<(i64, f64)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut labels: Vec<_> = labels.iter().copied().map(owned).collect();
        labels.push(("__name__".to_owned(), name.to_owned()));
        labels.sort();
        Self { labels, samples }
    }
}

/// A body: a `prometheus.WriteRequest`, compressed with snappy.
pub fn body(series: &[TimeSeries]) -> Vec<u8> {
    let mut request = Vec::new();
    for one in series {
        let mut message = Vec::with_capacity(128);
        for (name, value) in &one.labels {
            let mut label = Vec::with_capacity(name.len() + value.len() + 4);
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut message, 1, &label);
        }
        for (time, value) in &one.samples {
            let mut sample = vec![0x09];
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(0x10);
            varint(&mut sample, time.cast_unsigned());
            field(&mut message, 2, &sample);
        }
        field(&mut request, 1, &message);
    }
    let packed = snap::raw::Encoder::new().compress_vec(&request);
    packed.expect("the body of a test is small enough for snappy")
}

/// The header fields of such a request.
pub const HEADERS: [(&str, &str); 3] = [
    ("Content-Type", "application/x-protobuf"),
    ("Content-Encoding", "snappy"),
    ("X-Prometheus-Remote-Write-Version", "0.1.0"),
];

/// Writes series to a server; what it answered if it did not take them.
pub fn send(address: SocketAddr, path: &str, series: &[TimeSeries]) -> Result<(), String> {
    let mut client = Client::connect(address).map_err(|error| error.to_string())?;
    // As many as Prometheus itself sends at once.
    for some in series.chunks(500) {
        let reply = client.send_with("POST", path, &HEADERS, &body(some));
        let reply = reply.map_err(|error| error.to_string())?;
        if !(200..300).contains(&reply.status) {
            return Err(format!("{}: {}", reply.status, reply.body));
        }
    }
    Ok(())
}

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
