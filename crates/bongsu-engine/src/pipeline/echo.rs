//! Stage 1: payloads that say again what they said before need not be mapped.
//!
//! In: a payload, byte by byte one that was taken since the configuration was loaded. Out: the alerts
//! that were in it and what each said, if all of them still say that. Senders repeat what goes on
//! firing, most of them word for word.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use bongsu_model::{Occurrence, Unmapped};
use foldhash::fast::FixedState;
use rand::RngCore;
use xxhash_rust::xxh3::Xxh3;

use super::intake::Origin;
use crate::configuration::Loaded;
use crate::intake::Sender;

/// Alerts of remembered payloads, in each of two generations.
const ALERTS: usize = 64 << 10;
/// Fields whose meaning depends on when they are read.
const TIMELY: &[&str] = &["dismissUntil", "deleted", "assignee"];

/// A digest of all that decides what a payload is mapped to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digested(u128);

/// Made up by each process and told nobody, so that no sender can write a payload that looks like
/// another's.
static SECRET: LazyLock<[u8; 192]> = LazyLock::new(|| {
    let mut secret = [0; 192];
    rand::rng().fill_bytes(&mut secret);
    secret
});

impl Digested {
    pub(super) fn of(sender: &Sender, origin: &Origin, body: &[u8]) -> Self {
        let mut digest = Xxh3::with_secret(*SECRET);
        let beside = [
            Some(&*sender.provider),
            sender.instance.as_deref(),
            Some(&origin.content_type),
            origin.fingerprint.as_deref(),
            origin.key.as_deref(),
        ];
        for text in beside {
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            digest.update(&length.to_le_bytes());
            digest.update(text.unwrap_or_default().as_bytes());
        }
        digest.update(body);
        Self(digest.digest128())
    }
}

/// What came of a payload.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    pub(super) shape: String,
    pub(super) skipped: usize,
    pub(super) unmapped: Vec<Unmapped>,
    /// Each with the hash of what was said of it.
    pub(super) alerts: Vec<(Arc<str>, [u8; 16])>,
}

/// Whether an alert is the same whenever its payload is read.
pub(super) fn is_timeless(occurrence: &Occurrence) -> bool {
    !TIMELY.iter().any(|name| occurrence.fields.contains_key(name))
}

/// The payloads remembered: the latest, and those before until as many have come again.
#[derive(Default)]
pub(crate) struct Echoes {
    loaded: Weak<Loaded>,
    latest: Generation,
    before: Generation,
}

#[derive(Default)]
struct Generation {
    payloads: HashMap<Digested, Arc<Echo>, FixedState>,
    alerts: usize,
}

impl Echoes {
    pub(super) fn find(&mut self, loaded: &Arc<Loaded>, digested: Digested) -> Option<Arc<Echo>> {
        if !std::ptr::eq(self.loaded.as_ptr(), Arc::as_ptr(loaded)) {
            return None;
        }
        if let Some(echo) = self.latest.payloads.get(&digested) {
            return Some(Arc::clone(echo));
        }
        let echo = self.before.payloads.remove(&digested)?;
        self.keep(digested, Arc::clone(&echo));
        Some(echo)
    }

    /// Remembers what came of a payload that `loaded` mapped.
    pub(super) fn put(&mut self, loaded: &Arc<Loaded>, digested: Digested, echo: Echo) {
        if !std::ptr::eq(self.loaded.as_ptr(), Arc::as_ptr(loaded)) {
            *self = Self { loaded: Arc::downgrade(loaded), ..Self::default() };
        }
        self.keep(digested, Arc::new(echo));
    }

    fn keep(&mut self, digested: Digested, echo: Arc<Echo>) {
        let alerts = echo.alerts.len().max(1);
        if self.latest.alerts + alerts > ALERTS {
            self.before = std::mem::take(&mut self.latest);
        }
        let replaced = self.latest.payloads.insert(digested, echo);
        self.latest.alerts += alerts - replaced.map_or(0, |echo| echo.alerts.len().max(1));
    }
}
