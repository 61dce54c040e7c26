//! The SMTP dialogue a mail leads to with a server that offers 8BITMIME and nothing else.

use bongsu_notify::Mail;
use serde_json::Value;

pub(super) const MESSAGE_ID: &str = "<generated@conformance>";
pub(super) const BOUNDARY: &str = "BOUNDARY";

/// Compares with a recorded dialogue; the order of the message's headers does not count.
pub(super) fn same(mail: &Mail, expected: &[Value]) -> Result<(), String> {
    let expected: Vec<String> =
        expected.iter().filter_map(|line| line.as_str().map(str::to_owned)).collect();
    let actual = dialogue(mail);
    let (actual, expected) = (with_sorted_headers(actual), with_sorted_headers(expected));
    for (index, pair) in actual.iter().zip(&expected).enumerate() {
        if !matches(pair.0, pair.1) {
            return Err(format!("line {}: expected {:?}, got {:?}", index + 1, pair.1, pair.0));
        }
    }
    if actual.len() == expected.len() {
        Ok(())
    } else {
        Err(format!("expected {} lines, got {}: {actual:#?}", expected.len(), actual.len()))
    }
}

fn dialogue(mail: &Mail) -> Vec<String> {
    let mut lines = vec![
        format!("C: EHLO {}", mail.hello),
        format!("C: MAIL FROM:<{}> BODY=8BITMIME", mail.from),
    ];
    lines.extend(mail.to.iter().map(|to| format!("C: RCPT TO:<{to}>")));
    lines.push("C: DATA".to_owned());
    let data = String::from_utf8_lossy(&mail.data);
    let data = data.strip_suffix("\r\n").unwrap_or(&data);
    for line in data.split("\r\n") {
        let stuffing = if line.starts_with('.') { "." } else { "" };
        lines.push(format!("D: {stuffing}{line}"));
    }
    lines.push(String::new());
    lines
}

/// Sorts the lines between `DATA` and the first empty line.
fn with_sorted_headers(mut lines: Vec<String>) -> Vec<String> {
    let start = lines.iter().position(|line| line == "C: DATA").map_or(0, |at| at + 1);
    let end = lines.iter().position(|line| line == "D: ").unwrap_or(lines.len());
    if start < end {
        lines[start..end].sort();
    }
    lines
}

/// Whether a line has the form of an expected one, in which `*` stands for anything.
fn matches(actual: &str, expected: &str) -> bool {
    match expected.split_once('*') {
        Some((start, end)) if expected.starts_with("D: ") => {
            actual.len() >= start.len() + end.len()
                && actual.starts_with(start)
                && actual.ends_with(end)
        }
        _ => actual == expected,
    }
}
