//! Silences: what may be set, what becomes of them, what they mute.
//!
//! In: drafts, expirations, stored or replicated silences; the present and fresh ids are
//! arguments. Out: the silences to store, in order, and the ids that mute an alert. Semantics and
//! messages: Alertmanager `silence/silence.go`.

mod draft;
mod index;
mod list;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::Mode;
use bongsu_model::{Labels, Silence, SilenceState, Timestamp};
use foldhash::fast::FixedState;
use jiff::SignedDuration;

pub use draft::{Draft, MatcherDraft, SilenceError, check_posted_times, validate_matchers};
pub use list::StateFilter;

use index::Index;

/// Bounds on what is kept.
#[derive(Clone, Copy, Debug)]
pub struct SilenceLimits {
    /// Most silences, expired ones included; 0 is no limit.
    pub max_silences: usize,
    /// Most bytes of one silence as stored; 0 is no limit.
    pub max_bytes: usize,
    /// How long a silence outlives its end.
    pub retention: Duration,
}

/// What setting a silence did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Id in force afterwards.
    pub id: Box<str>,
    /// Silences to store, in this order: the expired former version, if any, then the new one.
    pub stored: Vec<Arc<Silence>>,
}

/// All silences known.
#[derive(Clone, Debug)]
pub struct Silences {
    limits: SilenceLimits,
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    ids: HashMap<Box<str>, u32, FixedState>,
    /// Which of them to look at for an alert.
    index: Index,
    version: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    silence: Arc<Silence>,
    /// When it is forgotten.
    gc_at: Timestamp,
    /// Whether the index holds it.
    indexed: bool,
}

impl Silences {
    /// None yet.
    pub fn new(limits: SilenceLimits) -> Self {
        Self {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            ids: HashMap::default(),
            index: Index::default(),
            version: 0,
        }
    }

    /// Grows with every change: whoever remembers answers may keep them while it stands still and
    /// no silence begins or ends.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Number of silences, expired ones included.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// One silence.
    pub fn get(&self, id: &str) -> Option<&Arc<Silence>> {
        self.entry(*self.ids.get(id)?).map(|entry| &entry.silence)
    }

    /// All of them in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Silence>> {
        self.slots.iter().flatten().map(|entry| &entry.silence)
    }

    /// Creates a silence, or edits the one with the draft's id.
    ///
    /// An edit keeps the id only if the matchers are the same in the same order and: while active,
    /// the start is in the same second and the end not in the past; while pending, the start is
    /// not in the past. Otherwise the old one is expired and a new one made under `fresh_id`, its
    /// start not before `now`. A refusal changes nothing.
    pub fn set(
        &mut self,
        now: Timestamp,
        fresh_id: &str,
        draft: &Draft,
        mode: Mode,
    ) -> Result<Change, SilenceError> {
        let mut silence = draft.validated(now, mode)?;
        let previous = match &draft.id {
            None => None,
            Some(id) => Some(Arc::clone(self.get(id).ok_or(SilenceError::NotFound)?)),
        };
        if let Some(old) = &previous
            && editable_in_place(old, &silence, now)
        {
            silence.id = old.id.clone();
            self.check_size(&silence)?;
            let id = silence.id.clone();
            return Ok(Change { id, stored: vec![self.put(silence)] });
        }
        let limit = self.limits.max_silences;
        if limit > 0 && self.len() >= limit {
            return Err(SilenceError::Invalid(format!(
                "exceeded maximum number of silences: {} (limit: {limit})",
                self.len()
            )));
        }
        silence.id = fresh_id.into();
        silence.starts_at = silence.starts_at.max(now);
        self.check_size(&silence)?;
        let mut stored = Vec::new();
        if let Some(old) = previous {
            stored.extend(self.expire(now, &old.id)?);
        }
        let id = silence.id.clone();
        stored.push(self.put(silence));
        Ok(Change { id, stored })
    }

    /// Ends a silence now. Returns what to store; nothing if it was over already.
    pub fn expire(
        &mut self,
        now: Timestamp,
        id: &str,
    ) -> Result<Option<Arc<Silence>>, SilenceError> {
        let old = self.get(id).ok_or(SilenceError::NotFound)?;
        let mut silence = Silence::clone(old);
        match silence.state_at(now) {
            SilenceState::Expired => return Ok(None),
            SilenceState::Active => silence.ends_at = now,
            SilenceState::Pending => (silence.starts_at, silence.ends_at) = (now, now),
        }
        silence.updated_at = now;
        Ok(Some(self.put(silence)))
    }

    /// Takes a stored silence as it is.
    pub fn restore(&mut self, silence: Silence) {
        self.put(silence);
    }

    /// Takes a silence from a replica, which forgets it at `gc_at`. Returns whether it was news:
    /// not past that, and unknown or newer than the known version.
    pub fn merge(&mut self, now: Timestamp, silence: Silence, gc_at: Timestamp) -> bool {
        let known = self.get(&silence.id);
        if gc_at < now || known.is_some_and(|known| known.updated_at >= silence.updated_at) {
            return false;
        }
        self.put_until(silence, gc_at);
        true
    }

    /// Forgets silences past their retention. Returns their ids.
    pub fn gc(&mut self, now: Timestamp) -> Vec<Box<str>> {
        let mut gone = Vec::new();
        for at in 0..self.slots.len() {
            let Some(entry) = &mut self.slots[at] else { continue };
            // An expired silence mutes nothing any more; only a newer version could change that.
            if entry.indexed && entry.silence.ends_at < now {
                entry.indexed = false;
                self.index.remove(at as u32, &entry.silence.matchers);
            }
            if entry.gc_at <= now {
                let id = entry.silence.id.clone();
                self.ids.remove(&id);
                self.slots[at] = None;
                self.free.push(at as u32);
                gone.push(id);
            }
        }
        if !gone.is_empty() {
            self.version += 1;
        }
        gone
    }

    /// Whether any silence in force at `now` matches.
    pub fn mutes(&self, labels: &Labels, now: Timestamp) -> bool {
        let mut found = false;
        self.index.candidates(labels, |at| {
            found = found || self.entry(at).is_some_and(|entry| entry.mutes(labels, now));
        });
        found
    }

    /// Ids of the silences in force at `now` that match, sorted.
    pub fn silenced_by(&self, labels: &Labels, now: Timestamp) -> Vec<Box<str>> {
        let mut ids = Vec::new();
        self.index.candidates(labels, |at| {
            if let Some(entry) = self.entry(at).filter(|entry| entry.mutes(labels, now)) {
                ids.push(entry.silence.id.clone());
            }
        });
        ids.sort_unstable();
        // A silence may be found under several keys.
        ids.dedup();
        ids
    }

    fn entry(&self, at: u32) -> Option<&Entry> {
        self.slots.get(at as usize)?.as_ref()
    }

    fn put(&mut self, silence: Silence) -> Arc<Silence> {
        let retention = SignedDuration::try_from(self.limits.retention).ok();
        let gc_at = retention.and_then(|by| silence.ends_at.checked_add(by).ok());
        self.put_until(silence, gc_at.unwrap_or(Timestamp::MAX))
    }

    fn put_until(&mut self, silence: Silence, gc_at: Timestamp) -> Arc<Silence> {
        self.version += 1;
        let silence = Arc::new(silence);
        let entry = Entry { silence: Arc::clone(&silence), gc_at, indexed: true };
        let at = match self.ids.get(&silence.id) {
            Some(at) => *at,
            None => {
                let at = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    self.slots.len() as u32 - 1
                });
                self.ids.insert(silence.id.clone(), at);
                at
            }
        };
        if let Some(old) = self.slots[at as usize].replace(entry)
            && old.indexed
        {
            self.index.remove(at, &old.silence.matchers);
        }
        self.index.insert(at, &silence.matchers);
        silence
    }

    fn check_size(&self, silence: &Silence) -> Result<(), SilenceError> {
        let (size, limit) = (stored_size(silence), self.limits.max_bytes);
        if limit > 0 && size > limit {
            return Err(SilenceError::Invalid(format!(
                "silence exceeded maximum size: {size} bytes (limit: {limit} bytes)"
            )));
        }
        Ok(())
    }
}

impl Entry {
    fn mutes(&self, labels: &Labels, now: Timestamp) -> bool {
        self.silence.state_at(now) == SilenceState::Active && self.silence.matchers.matches(labels)
    }
}

/// Whether `new` may take the id of `old`.
pub fn editable_in_place(old: &Silence, new: &Silence, now: Timestamp) -> bool {
    old.matchers == new.matchers
        && match old.state_at(now) {
            SilenceState::Active => {
                whole_second(old.starts_at) == whole_second(new.starts_at) && new.ends_at >= now
            }
            SilenceState::Pending => new.starts_at >= now,
            SilenceState::Expired => false,
        }
}

fn whole_second(at: Timestamp) -> i64 {
    // Rounds towards the past, also before 1970.
    at.as_nanosecond().div_euclid(1_000_000_000) as i64
}

/// Bytes of the texts, two per field, and four times of twelve.
fn stored_size(silence: &Silence) -> usize {
    let text = |text: &str| text.len() + 2;
    let matchers = silence.matchers.0.iter();
    let annotations = silence.annotations.iter();
    text(&silence.id)
        + text(&silence.created_by)
        + text(&silence.comment)
        + matchers.map(|m| text(m.name()) + text(m.value()) + 4).sum::<usize>()
        + annotations.map(|(name, value)| text(name) + text(value) + 2).sum::<usize>()
        + 4 * 12
}

#[cfg(test)]
mod tests;
