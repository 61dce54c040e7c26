//! Type, help and unit of metrics. They are not kept over a restart: every sender repeats them.

use std::collections::BTreeMap;

use super::Store;
use crate::sample::Metadata;

/// Longest text kept.
const MAX_TEXT: usize = 1024;

/// By name of metric.
pub(super) type Catalogue = BTreeMap<String, Metadata>;

impl Store {
    /// Remembers what is known of metrics; what was said last wins. Metrics beyond
    /// [`crate::Limits::max_metadata`] are passed over.
    pub fn describe(&self, metadata: impl IntoIterator<Item = (String, Metadata)>) {
        let mut new = Vec::new();
        {
            // Most of it is known already.
            let catalogue = self.metadata.read();
            for (name, mut metadata) in metadata {
                for text in [&mut metadata.help, &mut metadata.unit] {
                    text.truncate(text.floor_char_boundary(MAX_TEXT));
                }
                let fits = !name.is_empty() && name.len() <= self.limits.max_name;
                if fits && catalogue.get(&name) != Some(&metadata) {
                    new.push((name, metadata));
                }
            }
        }
        if new.is_empty() {
            return;
        }
        let mut catalogue = self.metadata.write();
        for (name, metadata) in new {
            if catalogue.len() < self.limits.max_metadata || catalogue.contains_key(&name) {
                catalogue.insert(name, metadata);
            }
        }
    }

    /// What is known of a metric.
    pub fn metadata(&self, metric: &str) -> Option<Metadata> {
        self.metadata.read().get(metric).cloned()
    }

    /// What is known of at most so many metrics, in order of their names.
    pub fn all_metadata(&self, most: usize) -> Vec<(String, Metadata)> {
        let catalogue = self.metadata.read();
        catalogue.iter().take(most).map(|(name, known)| (name.clone(), known.clone())).collect()
    }
}
