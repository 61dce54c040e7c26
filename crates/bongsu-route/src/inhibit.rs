//! Inhibition: firing alerts that keep others quiet.
//!
//! In: rules, alerts as they come, label sets to judge. Out: the fingerprint of an inhibiting
//! alert. Sources are indexed by the values of the rule's `equal` labels, all of them (upstream
//! keeps one per combination and can lose it), so a check costs a few hash lookups however many
//! alerts fire. Semantics: Alertmanager `inhibit`.

use std::collections::HashMap;

use bongsu_model::{Alert, Fingerprint, Labels, Matchers, Timestamp};
use foldhash::fast::FixedState;

/// One rule as written.
#[derive(Clone, Debug, Default)]
pub struct InhibitRule {
    /// What inhibits; empty matches everything.
    pub source: Matchers,
    /// What is inhibited; empty matches everything.
    pub target: Matchers,
    /// Labels that must have equal values on both; missing is equal to empty.
    pub equal: Vec<Box<str>>,
}

/// All rules with the sources seen so far.
#[derive(Clone, Debug, Default)]
pub struct Inhibitor {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    source: Matchers,
    target: Matchers,
    equal: Vec<Box<str>>,
    /// By hash of the values of the `equal` labels.
    buckets: HashMap<u64, Bucket, FixedState>,
    /// Where each source is.
    places: HashMap<Fingerprint, Place, FixedState>,
    /// Reports of sources taken so far.
    reports: u64,
}

/// Sources with the same values in the `equal` labels.
#[derive(Clone, Debug, Default)]
struct Bucket {
    /// Sources that do not match the target side.
    plain: Side,
    /// Sources that do; they cannot inhibit targets that match the source side.
    mixed: Side,
}

#[derive(Clone, Debug, Default)]
struct Side {
    sources: Vec<Source>,
    /// Index of the source that ends last: if it does not fire, none does.
    longest: usize,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    fingerprint: Fingerprint,
    ends_at: Timestamp,
    /// Grows with every report, so that of equal ends the last reported one is taken.
    report: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    bucket: u64,
    mixed: bool,
    at: usize,
}

impl Inhibitor {
    /// Rules without sources. A null entry of the configuration is no rule: leave it out.
    pub fn new(rules: impl IntoIterator<Item = InhibitRule>) -> Self {
        Self { rules: rules.into_iter().map(Rule::new).collect() }
    }

    /// Whether alerts with these labels can inhibit others at all.
    pub fn is_source(&self, labels: &Labels) -> bool {
        self.rules.iter().any(|rule| rule.source.matches(labels))
    }

    /// Takes an alert as it now stands, firing or not.
    pub fn ingest(&mut self, alert: &Alert) {
        for rule in &mut self.rules {
            rule.ingest(alert);
        }
    }

    /// Forgets sources that have ended. Returns how many.
    pub fn gc(&mut self, now: Timestamp) -> usize {
        self.rules.iter_mut().map(|rule| rule.gc(now)).sum()
    }

    /// The alert that inhibits the one with these labels at `now`, by the first rule that finds
    /// one; of several, the one that ends last. An alert never inhibits itself.
    pub fn mutes(
        &self,
        labels: &Labels,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Option<Fingerprint> {
        self.rules
            .iter()
            .find_map(|rule| rule.inhibiting(labels, now).filter(|source| *source != fingerprint))
    }
}

impl Rule {
    fn new(rule: InhibitRule) -> Self {
        let InhibitRule { source, target, equal } = rule;
        Self {
            source,
            target,
            equal,
            buckets: HashMap::default(),
            places: HashMap::default(),
            reports: 0,
        }
    }

    fn bucket_of(&self, labels: &Labels) -> u64 {
        Fingerprint::of(self.equal.iter().map(|name| ("", labels.value(name)))).0
    }

    fn ingest(&mut self, alert: &Alert) {
        self.reports += 1;
        let source = Source {
            fingerprint: alert.fingerprint,
            ends_at: alert.ends_at.at,
            report: self.reports,
        };
        if let Some(place) = self.places.get(&source.fingerprint) {
            if let Some(bucket) = self.buckets.get_mut(&place.bucket) {
                bucket.side(place.mixed).set(place.at, source);
            }
            return;
        }
        if !self.source.matches(&alert.labels) {
            return;
        }
        let key = self.bucket_of(&alert.labels);
        let mixed = self.target.matches(&alert.labels);
        let at = self.buckets.entry(key).or_default().side(mixed).push(source);
        self.places.insert(source.fingerprint, Place { bucket: key, mixed, at });
    }

    fn gc(&mut self, now: Timestamp) -> usize {
        let before = self.places.len();
        let Self { buckets, places, .. } = self;
        buckets.retain(|_, bucket| {
            for side in [&mut bucket.plain, &mut bucket.mixed] {
                side.gc(now, places);
            }
            !bucket.plain.sources.is_empty() || !bucket.mixed.sources.is_empty()
        });
        before - places.len()
    }

    fn inhibiting(&self, labels: &Labels, now: Timestamp) -> Option<Fingerprint> {
        if self.places.is_empty() || !self.target.matches(labels) {
            return None;
        }
        let bucket = self.buckets.get(&self.bucket_of(labels))?;
        let plain = bucket.plain.firing(now);
        let mixed = bucket.mixed.firing(now).filter(|_| !self.source.matches(labels));
        let longest = match (plain, mixed) {
            (Some(plain), Some(mixed)) if mixed.rank() > plain.rank() => mixed,
            (Some(source), _) | (None, Some(source)) => source,
            (None, None) => return None,
        };
        Some(longest.fingerprint)
    }
}

impl Bucket {
    fn side(&mut self, mixed: bool) -> &mut Side {
        if mixed { &mut self.mixed } else { &mut self.plain }
    }
}

impl Source {
    fn rank(&self) -> (Timestamp, u64) {
        (self.ends_at, self.report)
    }
}

impl Side {
    fn push(&mut self, source: Source) -> usize {
        let at = self.sources.len();
        self.sources.push(source);
        self.set(at, source);
        at
    }

    fn set(&mut self, at: usize, source: Source) {
        let before = std::mem::replace(&mut self.sources[at], source);
        if at != self.longest {
            if source.rank() > self.sources[self.longest].rank() {
                self.longest = at;
            }
        } else if source.rank() < before.rank() {
            self.find_longest();
        }
    }

    fn find_longest(&mut self) {
        let ranks = self.sources.iter().map(Source::rank).enumerate();
        self.longest = ranks.max_by_key(|(_, rank)| *rank).map_or(0, |(at, _)| at);
    }

    fn firing(&self, now: Timestamp) -> Option<Source> {
        self.sources.get(self.longest).copied().filter(|source| source.ends_at > now)
    }

    fn gc(&mut self, now: Timestamp, places: &mut HashMap<Fingerprint, Place, FixedState>) {
        let before = self.sources.len();
        self.sources.retain(|source| {
            let firing = source.ends_at > now;
            if !firing {
                places.remove(&source.fingerprint);
            }
            firing
        });
        if self.sources.len() == before {
            return;
        }
        for (at, source) in self.sources.iter().enumerate() {
            if let Some(place) = places.get_mut(&source.fingerprint) {
                place.at = at;
            }
        }
        self.find_longest();
    }
}

#[cfg(test)]
mod tests {
    use bongsu_lang::Mode;
    use bongsu_lang::matcher::parse_list;
    use bongsu_model::Time;
    use proptest::prelude::*;

    use super::*;

    fn rule(source: &str, target: &str, equal: &[&str]) -> InhibitRule {
        InhibitRule {
            source: parse_list(source, Mode::Fallback).unwrap(),
            target: parse_list(target, Mode::Fallback).unwrap(),
            equal: equal.iter().map(|name| (*name).into()).collect(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn alert(labels: &Labels, ends_at: i64) -> Alert {
        Alert {
            fingerprint: labels.fingerprint(),
            labels: labels.clone(),
            annotations: Labels::default(),
            generator_url: "".into(),
            starts_at: Time::utc(at(0)),
            ends_at: Time::utc(at(ends_at)),
            updated_at: at(0),
            timeout: false,
        }
    }

    fn set(text: &str) -> Labels {
        Labels::from_pairs(text.split(' ').filter_map(|pair| pair.split_once('=')))
    }

    #[test]
    fn other_sources_outlive_one_that_resolves() {
        let mut inhibitor = Inhibitor::new([rule("s=c", "s=w", &["zone"])]);
        let (one, two) = (set("s=c zone=a i=1"), set("s=c zone=a i=2"));
        let target = set("s=w zone=a");
        let mutes =
            |inhibitor: &Inhibitor, now| inhibitor.mutes(&target, target.fingerprint(), at(now));
        inhibitor.ingest(&alert(&one, 100));
        inhibitor.ingest(&alert(&two, 200));
        assert_eq!(mutes(&inhibitor, 10), Some(two.fingerprint()));
        inhibitor.ingest(&alert(&two, 10));
        assert_eq!(mutes(&inhibitor, 10), Some(one.fingerprint()));
        assert_eq!(inhibitor.gc(at(10)), 1);
        assert_eq!(mutes(&inhibitor, 10), Some(one.fingerprint()));
        assert_eq!(mutes(&inhibitor, 100), None);
        inhibitor.ingest(&alert(&one, 300));
        assert_eq!(mutes(&inhibitor, 100), Some(one.fingerprint()));
        assert_eq!(inhibitor.gc(at(300)), 1);
        assert_eq!(inhibitor.gc(at(300)), 0);
    }

    #[test]
    fn two_sided_alerts_do_not_silence_each_other() {
        let mut inhibitor = Inhibitor::new([rule("s=~c|w", "s=~w|i", &[])]);
        let (c, w, i) = (set("s=c"), set("s=w"), set("s=i"));
        let mutes = |inhibitor: &Inhibitor, labels: &Labels| {
            inhibitor.mutes(labels, labels.fingerprint(), at(1)).is_some()
        };
        inhibitor.ingest(&alert(&w, 100));
        assert!(!mutes(&inhibitor, &w) && !mutes(&inhibitor, &set("s=w x=1")));
        assert!(mutes(&inhibitor, &i));
        inhibitor.ingest(&alert(&c, 50));
        assert!(mutes(&inhibitor, &w));
        assert!(!mutes(&inhibitor, &c));
    }

    #[test]
    fn of_equal_ends_the_last_report_counts() {
        let mut inhibitor = Inhibitor::new([rule("s=~c|w", "s=~w|i", &[])]);
        let (c, w, i) = (set("s=c"), set("s=w"), set("s=i"));
        for last in [&c, &w, &c] {
            inhibitor.ingest(&alert(last, 100));
            let source = inhibitor.mutes(&i, i.fingerprint(), at(1));
            assert_eq!(source, Some(last.fingerprint()));
        }
    }

    #[test]
    fn missing_equals_empty() {
        let mut inhibitor = Inhibitor::new([rule("s=c", "s=w", &["a", "b"])]);
        inhibitor.ingest(&alert(&set("s=c a=1"), 100));
        let mutes =
            |labels: Labels| inhibitor.mutes(&labels, labels.fingerprint(), at(1)).is_some();
        assert!(mutes(set("s=w a=1")) && mutes(set("s=w a=1 b=")));
        assert!(!mutes(set("s=w b=1")) && !mutes(set("s=w a=1 b=1")));
        assert!(inhibitor.is_source(&set("s=c")) && !inhibitor.is_source(&set("s=w")));
    }

    #[test]
    fn many_sources_and_targets() {
        let mut inhibitor = Inhibitor::new([rule("s=c", "s=w", &["alertname", "cluster", "pod"])]);
        let labels = |severity: &str, n: usize| {
            Labels::from_pairs([
                ("alertname", "A".to_owned()),
                ("cluster", (n % 7).to_string()),
                ("pod", n.to_string()),
                ("s", severity.to_owned()),
            ])
        };
        for n in 0..5_000 {
            inhibitor.ingest(&alert(&labels("c", n), 100));
        }
        for n in 0..10_000 {
            let target = labels("w", n);
            let source = inhibitor.mutes(&target, target.fingerprint(), at(1));
            assert_eq!(source, (n < 5_000).then(|| labels("c", n).fingerprint()));
        }
    }

    proptest! {
        /// The index answers as the rule says, whatever came in which order.
        #[test]
        fn agrees_with_looking_at_every_alert(
            reports in prop::collection::vec((0usize..12, 0i64..20), 0..40),
            now in 0i64..20,
            collected in proptest::option::of(0i64..20),
        ) {
            let rule = rule("s=~c|b", "s=~w|b", &["z"]);
            let mut inhibitor = Inhibitor::new([rule.clone()]);
            let universe: Vec<Labels> = (0..12)
                .map(|n| set(&format!("s={} z={} n={n}", ["c", "b", "w"][n % 3], n / 6)))
                .collect();
            let mut ends = [None; 12];
            for (n, end) in &reports {
                inhibitor.ingest(&alert(&universe[*n], *end));
                ends[*n] = Some(*end);
            }
            if let Some(collected) = collected {
                inhibitor.gc(at(collected.min(now)));
            }
            for target in &universe {
                let two_sided = rule.source.matches(target);
                let sources = universe.iter().zip(&ends).filter(|(source, end)| {
                    end.is_some_and(|end| end > now)
                        && rule.source.matches(source)
                        && source.get("z") == target.get("z")
                        && !(two_sided && rule.target.matches(source))
                });
                let longest = sources.clone().filter_map(|(_, end)| *end).max();
                let answer = inhibitor.mutes(target, target.fingerprint(), at(now));
                if rule.target.matches(target) && longest.is_some() {
                    let mut best = sources.filter(|(_, end)| **end == longest);
                    prop_assert!(best.any(|(source, _)| Some(source.fingerprint()) == answer));
                } else {
                    prop_assert_eq!(answer, None);
                }
            }
        }
    }
}
