//! Secrets of other systems, kept for a short while.
//!
//! In: the key of a secret, how to fetch it. Out: its fields. A fetch is shared by all who wait
//! for the same system; while that system is down, what was read before is used.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Clock, Problem, SecretErrorKind};

/// How long a secret is used without asking again.
pub(super) const FRESH: Duration = Duration::from_secs(60);

/// How long it is used while the system cannot be asked.
pub(super) const STALE: Duration = Duration::from_secs(3600);

/// Most secrets kept of one system.
const MAX_ENTRIES: usize = 256;

/// Largest secret that is kept, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// The fields of one secret.
pub(super) type Fields = Arc<BTreeMap<String, Secret>>;

/// What was read of one system.
pub(super) struct Kept {
    now: Clock,
    entries: Mutex<HashMap<String, (Instant, Fields)>>,
}

impl Kept {
    pub(super) fn new(now: Clock) -> Self {
        Self { now, entries: Mutex::default() }
    }

    /// The fields under a key, from here or fetched.
    pub(super) async fn get(
        &self,
        key: &str,
        fetch: impl Future<Output = Result<Fields, Problem>>,
    ) -> Result<Fields, Problem> {
        let mut entries = self.entries.lock().await;
        let now = (self.now)();
        if let Some((read, fields)) = entries.get(key)
            && now.saturating_duration_since(*read) < FRESH
        {
            return Ok(Arc::clone(fields));
        }
        match fetch.await {
            Ok(fields) => {
                entries.retain(|_, (read, _)| now.saturating_duration_since(*read) < STALE);
                if entries.len() >= MAX_ENTRIES
                    && let Some(oldest) =
                        entries.iter().min_by_key(|(_, (read, _))| *read).map(|(k, _)| k.clone())
                {
                    entries.remove(&oldest);
                }
                let size: usize = fields.iter().map(|(k, v)| k.len() + v.expose().len()).sum();
                if size <= MAX_BYTES {
                    entries.insert(key.to_owned(), (now, Arc::clone(&fields)));
                }
                Ok(fields)
            }
            Err((SecretErrorKind::Unavailable, message)) => match entries.get(key) {
                Some((read, fields)) if now.saturating_duration_since(*read) < STALE => {
                    tracing::warn!(secret = key, error = message, "an earlier value is used");
                    Ok(Arc::clone(fields))
                }
                _ => Err((SecretErrorKind::Unavailable, message)),
            },
            Err(problem) => {
                entries.remove(key);
                Err(problem)
            }
        }
    }
}
