//! Role `ingress`: each path of each host.

use super::Ingress;
use super::labels::Meta;
use crate::scrape::TargetGroup;

/// A target for each path.
pub(super) fn targets(ingress: &Ingress) -> Vec<TargetGroup> {
    let Ingress { metadata, spec } = ingress;
    let mut shared = Meta::of_namespace(&metadata.namespace);
    shared.describe("ingress", metadata);
    shared.set_some("ingress_class_name", spec.ingress_class_name.as_ref());
    let secured = |host: &str| {
        spec.tls.iter().flat_map(|tls| &tls.hosts).any(|pattern| covers(pattern, host))
    };
    let mut found = Vec::new();
    for rule in &spec.rules {
        let scheme = if secured(&rule.host) { "https" } else { "http" };
        let paths: Vec<&str> = match &rule.http {
            None => vec!["/"],
            Some(http) => http.paths.iter().map(|path| path.path.as_str()).collect(),
        };
        for path in paths {
            let mut meta = shared.clone();
            meta.set("ingress_scheme", scheme);
            meta.set("ingress_host", rule.host.as_str());
            meta.set("ingress_path", if path.is_empty() { "/" } else { path });
            found.push(meta.at(rule.host.clone()));
        }
    }
    found
}

/// Whether a host of a certificate covers a host; `*` stands for one piece at the beginning.
fn covers(pattern: &str, host: &str) -> bool {
    if pattern == host {
        return true;
    }
    let Some(rest) = pattern.strip_prefix("*.") else { return false };
    host.split_once('.').is_some_and(|(first, others)| !first.is_empty() && others == rest)
}
