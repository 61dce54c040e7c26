//! The packs of rules that ship.
//!
//! In: names. Out: packs, the texts of their rules, their runbooks.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bongsu_model::{Diagnostic, Source};
use bongsu_rules::pack::{Pack, source_name};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../content/rules"]
#[include = "*/pack.yaml"]
#[include = "*/rules.yaml"]
#[include = "*/tests.yaml"]
#[include = "*/runbooks/*.md"]
struct Shipped;

/// Their names, sorted.
pub(crate) fn names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let paths = Shipped::iter();
        let ids = paths.filter_map(|path| Some(path.strip_suffix("/pack.yaml")?.to_owned()));
        let mut names: Vec<String> = ids.collect();
        names.sort_unstable();
        names
    })
}

/// The rules of a pack.
pub(crate) fn rules(name: &str) -> Option<Source> {
    let text = text(&format!("{name}/rules.yaml"))?;
    Some(Source { name: source_name(name), text })
}

/// A pack, or what is wrong with it.
pub(crate) fn get(name: &str) -> Option<Result<Pack, Vec<Diagnostic>>> {
    if !names().iter().any(|known| known == name) {
        return None;
    }
    let folder = format!("{name}/");
    let paths = Shipped::iter();
    let files: BTreeMap<String, String> = paths
        .filter_map(|path| Some((path.strip_prefix(&folder)?.to_owned(), text(&path)?)))
        .collect();
    Some(Pack::read(name, &files))
}

/// The runbook of an alert of a pack, as Markdown.
pub(crate) fn runbook(pack: &str, alert: &str, korean: bool) -> Option<String> {
    // Built for development the texts are files: nothing else than a name goes into a path.
    let is_name =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if !is_name(pack) || !is_name(alert) {
        return None;
    }
    text(&format!("{pack}/runbooks/{alert}{}", if korean { ".ko.md" } else { ".md" }))
}

fn text(path: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&Shipped::get(path)?.data).into_owned())
}

#[cfg(test)]
mod tests {
    use bongsu_model::render_diagnostics;
    use bongsu_rules::lint::{Expected, Policy, lint};
    use bongsu_rules::unit_test::Options;

    use super::*;

    fn all() -> Vec<Pack> {
        let read = |name: &String| {
            let pack = get(name).unwrap();
            pack.unwrap_or_else(|found| panic!("{name}:\n{}", render_diagnostics(&found)))
        };
        names().iter().map(read).collect()
    }

    #[test]
    fn every_pack_has_all_it_needs() {
        let packs = all();
        assert!(packs.len() >= 14);
        let alerts: usize = packs.iter().map(|pack| pack.alerts().count()).sum();
        assert!(alerts >= 169, "{alerts}");
    }

    #[test]
    fn lints_find_nothing() {
        let groups: Vec<_> = all().into_iter().flat_map(|pack| pack.groups).collect();
        let words = ["critical", "warning", "info"].map(str::to_owned).to_vec();
        let severity = Expected { values: words, ..Expected::required() };
        let labels = BTreeMap::from([("severity".to_owned(), severity)]);
        let found = lint(&groups, &Policy { labels, ..Policy::default() });
        assert!(found.is_empty(), "{}", render_diagnostics(&found));
    }

    #[test]
    fn their_tests_pass() {
        // Two threads: the packs with the most tests take as long as all others together.
        let packs = all();
        let (mut failed, mut tests) = (String::new(), 0);
        let reports = std::thread::scope(|scope| {
            let begin = |pack| scope.spawn(move || Pack::test(pack, &Options::default()));
            let running: Vec<_> = packs.iter().map(begin).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        for (pack, report) in packs.iter().zip(&reports) {
            failed += &render_diagnostics(&report.mistakes);
            tests += report.outcomes.len();
            for outcome in &report.outcomes {
                for failure in &outcome.failures {
                    failed += &format!("{}: {}:\n{failure}\n", pack.id, outcome.name);
                }
            }
        }
        assert!(failed.is_empty(), "{failed}");
        assert!(tests >= 300, "{tests}");
    }

    #[test]
    fn runbooks_by_name() {
        assert!(runbook("bongsu", "BongsuDown", false).unwrap().starts_with("# BongsuDown"));
        assert!(runbook("bongsu", "BongsuDown", true).unwrap().contains("조치"));
        for (pack, alert) in
            [("bongsu", "No"), ("../rules/bongsu", "BongsuDown"), ("bongsu", "../x")]
        {
            assert_eq!(runbook(pack, alert, false), None);
        }
    }
}
