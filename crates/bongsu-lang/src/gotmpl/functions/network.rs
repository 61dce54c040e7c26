//! Addresses and links of Prometheus' templates.

use std::net::IpAddr;

use super::text::text;
use crate::gotmpl::function::Call;
use crate::gotmpl::run::url_query;
use crate::gotmpl::value::Value;

type Outcome = Result<Value, String>;

/// Where the graph of an expression is, below the server's address.
pub fn graph_link(expression: &str) -> String {
    format!("/graph?g0.expr={}&g0.tab=0", url_query(expression))
}

/// Where the table of an expression is, below the server's address.
pub fn table_link(expression: &str) -> String {
    format!("/graph?g0.expr={}&g0.tab=1", url_query(expression))
}

pub(super) fn graph(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(graph_link(text(v, 0))))
}

pub(super) fn table(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(table_link(text(v, 0))))
}

pub(super) fn query_escape(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(url_query(text(v, 0))))
}

pub(super) fn external_url(call: &mut Call<'_>, _: &[Value]) -> Outcome {
    call.context.host.as_ref().map_or(Ok(Value::from("")), |host| host.answer("externalURL", ""))
}

/// The path of the server's address.
pub(super) fn path_prefix(call: &mut Call<'_>, v: &[Value]) -> Outcome {
    let address = external_url(call, v)?;
    let address = address.as_str().unwrap_or("");
    Ok(Value::from(url::Url::parse(address).map_or(String::new(), |url| match url.path() {
        // A bare host has no path in Go.
        "/" if !address.ends_with('/') => String::new(),
        path => path.to_owned(),
    })))
}

pub(super) fn strip_port(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let address = text(v, 0);
    Ok(Value::from(split_host_port(address).map_or(address, |(host, _)| host)))
}

/// The first part of a host's name, with the port if there is one; IP addresses stay.
pub(super) fn strip_domain(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let address = text(v, 0);
    let (host, port) = split_host_port(address).unwrap_or((address, ""));
    if host.parse::<IpAddr>().is_ok() {
        return Ok(Value::from(address));
    }
    let first = host.split('.').next().unwrap_or_default();
    Ok(Value::from(match port {
        "" => first.to_owned(),
        port if first.contains([':', '%']) => format!("[{first}]:{port}"),
        port => format!("{first}:{port}"),
    }))
}

/// Go's `net.SplitHostPort`; `None` where it is an error.
fn split_host_port(address: &str) -> Option<(&str, &str)> {
    let colon = address.rfind(':')?;
    let (host, before, after) = if let Some(inner) = address.strip_prefix('[') {
        let end = inner.find(']')? + 1;
        if end + 1 != colon {
            return None;
        }
        (&address[1..end], &address[1..], &address[end + 1..])
    } else {
        let host = &address[..colon];
        if host.contains(':') {
            return None;
        }
        (host, address, address)
    };
    (!before.contains('[') && !after.contains(']')).then_some((host, &address[colon + 1..]))
}

#[cfg(test)]
mod tests {
    use super::{split_host_port, table_link};

    #[test]
    fn splits_as_go_does() {
        for (address, want) in [
            ("a:1", Some(("a", "1"))),
            ("[::1]:80", Some(("::1", "80"))),
            (":80", Some(("", "80"))),
            ("a", None),
            ("a:b:1", None),
            ("[::1]", None),
            ("[a:1", None),
            ("a]:1", None),
        ] {
            assert_eq!(split_host_port(address), want, "{address}");
        }
    }

    #[test]
    fn links_escape_as_a_form() {
        assert_eq!(table_link("a > 5 + \"é\""), "/graph?g0.expr=a+%3E+5+%2B+%22%C3%A9%22&g0.tab=1");
    }
}
