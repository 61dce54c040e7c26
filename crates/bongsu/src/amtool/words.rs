//! Labels, matchers and times as typed on the command line.

use std::collections::BTreeMap;

use bongsu_lang::Mode;
use bongsu_lang::matcher::parse_one;
use bongsu_model::{MatchOp, Matcher, Time, go_quote};

use crate::output;

/// Matchers as typed; a first word that is no matcher is the value of `alertname`.
pub(crate) fn with_alertname(words: &[String], mode: Mode) -> Vec<String> {
    let mut words = words.to_vec();
    if let Some(first) = words.first_mut()
        && parse_one(first, mode).is_err()
    {
        let mut text = "alertname=".to_owned();
        // Writing to a String does not fail.
        let _ = go_quote(first, &mut text);
        *first = text;
    }
    words
}

/// Parses matchers, see [`with_alertname`].
pub(crate) fn matchers(words: &[String], mode: Mode) -> Result<Vec<Matcher>, String> {
    with_alertname(words, mode).iter().map(|word| parse_one(word, mode)).collect()
}

/// `name=value` words as a map; `what` begins the message about other operators.
pub(crate) fn pairs<'a>(
    words: impl IntoIterator<Item = &'a str>,
    what: &str,
    mode: Mode,
) -> Result<BTreeMap<String, String>, String> {
    let mut pairs = BTreeMap::new();
    for word in words {
        let matcher = parse_one(word, mode)?;
        if matcher.op() != MatchOp::Equal {
            return Err(format!("{what} must be specified as key=value pairs"));
        }
        pairs.insert(matcher.name().to_owned(), matcher.value().to_owned());
    }
    Ok(pairs)
}

/// Reads RFC 3339.
pub(crate) fn time(text: &str) -> Result<Time, String> {
    Time::parse_rfc3339(text).ok_or_else(|| {
        let mut quoted = String::new();
        let _ = go_quote(text, &mut quoted);
        format!(
            "parsing time {quoted} as \"2006-01-02T15:04:05Z07:00\": \
             cannot parse {quoted} as \"2006\""
        )
    })
}

/// The API's form of an instant: milliseconds, with the offset it was typed with.
pub(crate) fn api_time(time: Time) -> String {
    output::go_date(time, "2006-01-02T15:04:05.000Z07:00")
}

/// The name of the user that runs this process, or empty.
pub(crate) fn user() -> String {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let id = std::fs::metadata("/proc/self").map(|meta| meta.uid().to_string());
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = id.ok().and_then(|id| {
            users
                .lines()
                .map(|line| line.split(':').collect::<Vec<_>>())
                .find(|fields| fields.get(2) == Some(&id.as_str()))
                .map(|fields| fields[0].to_owned())
        });
        if let Some(name) = named {
            return name;
        }
    }
    std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default()
}
