//! Rulers that keep groups of rules: Mimir's and Loki's APIs, with their answers.
//!
//! In: groups as clients write them. Out: the namespaces as YAML, 202, 404 or 400 in the words of the
//! originals. Only the names of groups are read; a group is given back as it was written.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;

use crate::capture::{Answer, CaptureServer, Captured};

/// Whose API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mimir: no rules are an empty mapping.
    Mimir,
    /// Loki: no rules are 404.
    Loki,
}

/// Rules of one group that are accepted, as in Mimir by default.
const MOST_RULES: usize = 20;

/// Groups by name, in each namespace of each tenant.
type Groups = BTreeMap<(String, String), BTreeMap<String, String>>;

/// A running ruler.
pub struct Ruler {
    server: CaptureServer,
    groups: Arc<Mutex<Groups>>,
}

impl Ruler {
    /// Without groups.
    pub fn start(kind: Kind) -> Self {
        let groups: Arc<Mutex<Groups>> = Arc::default();
        let kept = Arc::clone(&groups);
        let server =
            CaptureServer::responding(move |request| answer(kind, request, &mut kept.lock()));
        Self { server, groups }
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.server.url("")
    }

    /// `namespace/group` of all groups of a tenant.
    pub fn names(&self, tenant: &str) -> Vec<String> {
        let groups = self.groups.lock();
        let of = groups.iter().filter(|((known, _), _)| known == tenant);
        of.flat_map(|((_, namespace), groups)| {
            groups.keys().map(move |name| format!("{namespace}/{name}"))
        })
        .collect()
    }

    /// A group as it was written.
    pub fn group(&self, tenant: &str, namespace: &str, name: &str) -> Option<String> {
        let groups = self.groups.lock();
        groups.get(&(tenant.to_owned(), namespace.to_owned()))?.get(name).cloned()
    }

    /// Requests that changed or tried to change something: method and path.
    pub fn writes(&self) -> Vec<String> {
        let captured = self.server.captured().into_iter();
        let writes = captured.filter(|request| request.method != "GET");
        writes.map(|request| format!("{} {}", request.method, request.path)).collect()
    }
}

fn answer(kind: Kind, request: &Captured, groups: &mut Groups) -> Answer {
    let root = match kind {
        Kind::Mimir => "/prometheus/config/v1/rules",
        Kind::Loki => "/loki/api/v1/rules",
    };
    let Some(below) = request.path.strip_prefix(root) else {
        return plain(404, "404 page not found");
    };
    let tenant = request.header("x-scope-orgid").to_owned();
    if tenant.is_empty() {
        return plain(401, "no org id");
    }
    let names: Vec<String> = below
        .split('/')
        .skip(1)
        .map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match (request.method.as_str(), names.as_slice()) {
        ("GET", [] | [_]) => list(kind, groups, &tenant, names.first().copied()),
        ("GET", [namespace, name]) => {
            let found = groups.get(&(tenant, (*namespace).to_owned())).and_then(|g| g.get(*name));
            match found {
                Some(text) => yaml(text.clone()),
                None => plain(404, "group does not exist"),
            }
        }
        ("POST", [namespace]) => write(groups, (tenant, (*namespace).to_owned()), &request.text()),
        ("DELETE", [namespace]) => match groups.remove(&(tenant, (*namespace).to_owned())) {
            Some(_) => accepted(),
            None => plain(404, "group namespace does not exist"),
        },
        ("DELETE", [namespace, name]) => {
            let key = (tenant, (*namespace).to_owned());
            match groups.get_mut(&key).and_then(|groups| groups.remove(*name)) {
                Some(_) => {
                    groups.retain(|_, groups| !groups.is_empty());
                    accepted()
                }
                None => plain(404, "group does not exist"),
            }
        }
        _ => plain(405, ""),
    }
}

fn list(kind: Kind, groups: &Groups, tenant: &str, namespace: Option<&str>) -> Answer {
    let mut out = String::new();
    for ((of, name), groups) in groups {
        if of != tenant || namespace.is_some_and(|namespace| namespace != name) {
            continue;
        }
        out.push_str(&format!("{name}:\n"));
        for text in groups.values() {
            for (at, line) in text.lines().enumerate() {
                out.push_str(if at == 0 { "    - " } else { "      " });
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    match (out.is_empty(), kind) {
        (true, Kind::Loki) => plain(404, "no rule groups found"),
        (true, Kind::Mimir) => yaml("{}\n".to_owned()),
        (false, _) => yaml(out),
    }
}

fn write(groups: &mut Groups, namespace: (String, String), text: &str) -> Answer {
    let name = text.lines().find_map(|line| line.strip_prefix("name: "));
    let Some(name) = name.map(|name| name.trim_matches(['\'', '"'])) else {
        return plain(400, "unable to decode rule group");
    };
    let rules = text.matches("- alert: ").count() + text.matches("- record: ").count();
    if rules > MOST_RULES {
        let message = format!(
            "per-user rules per rule group limit (limit: {MOST_RULES} actual: {rules}) exceeded"
        );
        return plain(400, &message);
    }
    groups.entry(namespace).or_default().insert(name.to_owned(), text.to_owned());
    accepted()
}

fn accepted() -> Answer {
    let body = r#"{"status":"success","data":null,"errorType":"","error":""}"#;
    Answer::status(202).header("content-type", "application/json").body(body)
}

fn yaml(text: String) -> Answer {
    Answer::status(200).header("content-type", "application/yaml").body(text)
}

/// As Go's `http.Error` writes it.
fn plain(status: u16, message: &str) -> Answer {
    let answer = Answer::status(status).header("content-type", "text/plain; charset=utf-8");
    answer.body(format!("{message}\n"))
}
