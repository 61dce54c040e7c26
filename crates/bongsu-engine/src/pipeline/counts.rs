//! Counts that outlive the process: what rules of deduplication have seen, values nobody could map.
//!
//! In: the counts in memory. Out: a small document for each that moved, every half minute, with the states
//! of alerts and at the end; at the start, the counts again. A crash may lose what was counted since, but
//! no value that could not be mapped: it is in the payloads that are mapped again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::Ratio;
use bongsu_model::Timestamp;
use bongsu_store::Row;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::api::UnmappedValue;
use crate::core::Core;
use crate::engine::Shared;
use crate::records::{Document, RULE_COUNT, UNMAPPED_COUNT};

/// How often counts are written.
const INTERVAL: Duration = Duration::from_secs(30);
/// A value that has not come for so long is forgotten: its provider's manifest knows it by now.
const FORGET: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What the store holds of the counts.
#[derive(Default)]
pub(crate) struct Stored {
    rules: BTreeMap<String, Ratio>,
    unmapped: BTreeMap<String, u64>,
}

/// As a document holds the count of a rule.
#[derive(Serialize, Deserialize)]
struct RuleCount {
    provider: String,
    #[serde(flatten)]
    ratio: Ratio,
}

impl Shared {
    /// Writes counts until the engine closes.
    pub(crate) async fn count_forever(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = self.closing.cancelled() => return,
            }
            // Older counts must not be written after newer ones.
            let _turn = self.writing_behind.lock().await;
            self.keep_counts().await;
        }
    }

    /// Writes counts; if it cannot be done, they are written the next time.
    pub(crate) async fn keep_counts(&self) {
        if let Err(error) = self.write_counts().await {
            tracing::error!(error, "counts were not stored");
        }
    }

    /// Writes the counts that moved since they were last written.
    pub(super) async fn write_counts(&self) -> Result<(), String> {
        let (rows, stored) = {
            let mut core = self.core.lock();
            let now = self.clock.now();
            core.unmapped.forget(now.checked_sub(FORGET).unwrap_or(Timestamp::MIN));
            moved(&core)
        };
        if !rows.is_empty() {
            self.write_rows(rows).await?;
            self.core.lock().counted = stored;
        }
        Ok(())
    }
}

/// Rows for the counts that differ from what is stored, and what is stored afterwards.
fn moved(core: &Core) -> (Vec<Row>, Stored) {
    let (mut rows, mut stored) = (Vec::new(), Stored::default());
    for (rule, ratio) in core.wide.rules.list() {
        if ratio == Ratio::default() {
            continue;
        }
        if core.counted.rules.get(&rule.name) != Some(&ratio) {
            let count = RuleCount { provider: rule.provider, ratio };
            rows.push(put(RULE_COUNT, rule.name.clone(), &count));
        }
        stored.rules.insert(rule.name, ratio);
    }
    for value in core.unmapped.list() {
        let key = format!("{}\n{}\n{}", value.provider, value.unmapped.field, value.unmapped.value);
        if core.counted.unmapped.get(&key) != Some(&value.count) {
            rows.push(put(UNMAPPED_COUNT, key.clone(), &value));
        }
        stored.unmapped.insert(key, value.count);
    }
    let gone = |kind, key: &String| Row::DeleteDocument { kind, key: key.clone() };
    let rules = core.counted.rules.keys().filter(|name| !stored.rules.contains_key(*name));
    rows.extend(rules.map(|name| gone(RULE_COUNT, name)));
    let values = core.counted.unmapped.keys().filter(|key| !stored.unmapped.contains_key(*key));
    rows.extend(values.map(|key| gone(UNMAPPED_COUNT, key)));
    (rows, stored)
}

fn put(kind: u8, key: String, value: &impl Serialize) -> Row {
    // Maps of plain values.
    Row::PutDocument { kind, key, data: serde_json::to_vec(value).unwrap_or_default() }
}

/// Takes what a document says about a count; false where it cannot be read.
pub(super) fn restore(core: &mut Core, document: &Document) -> bool {
    match document.kind {
        RULE_COUNT => {
            let Ok(count) = serde_json::from_slice::<RuleCount>(&document.data) else {
                return false;
            };
            // That of a rule that is gone is noted all the same, so that its document goes, too.
            core.wide.rules.restore(&document.key, &count.provider, count.ratio);
            core.counted.rules.insert(document.key.clone(), count.ratio);
            true
        }
        UNMAPPED_COUNT => {
            let Ok(value) = serde_json::from_slice::<UnmappedValue>(&document.data) else {
                return false;
            };
            core.counted.unmapped.insert(document.key.clone(), value.count);
            core.unmapped.restore(value);
            true
        }
        _ => true,
    }
}
