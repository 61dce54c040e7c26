//! The bounded queue in front of the writer.

use std::collections::{BTreeMap, VecDeque};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::ack::AckSender;
use crate::{Ack, JournalRecord, JournalSeq, Refused, Row, StoreError, WriteSet};

/// Bounds of one lane. Batches are admitted below them; the lane itself takes twice as much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

/// How much the writer takes at once.
const GROUP_SETS: usize = 1000;
const GROUP_BYTES: usize = 8 << 20;
/// How long is waited for others at most.
const GATHER: Duration = Duration::from_millis(2);
/// How often is looked whether others come.
const PAUSE: Duration = Duration::from_micros(100);
/// So many write-behind rows press: they join every transaction.
const PRESSING: usize = 1500;

/// A set that waits for its commit.
pub(super) struct Waiting {
    pub(super) journal: Option<(u64, JournalRecord)>,
    pub(super) rows: Vec<Row>,
    pub(super) ack: AckSender,
    size: usize,
}

struct Behind {
    /// Sets of the main lane pushed before this; it may not overtake them.
    after: u64,
    rows: std::vec::IntoIter<Row>,
    ack: AckSender,
}

/// What retention and checkpoints asked to forget.
#[derive(Default)]
pub(super) struct Trim {
    /// Journal records up to here.
    pub(super) journal: Option<u64>,
    /// By table of history: what is older than this instant.
    pub(super) history: BTreeMap<&'static str, i64>,
    /// The oldest history, until no more than this is used.
    pub(super) max_bytes: Option<u64>,
    /// Who waits for all of it.
    pub(super) acks: Vec<AckSender>,
}

impl Trim {
    pub(super) fn is_idle(&self) -> bool {
        self.journal.is_none()
            && self.history.is_empty()
            && self.max_bytes.is_none()
            && self.acks.is_empty()
    }
}

/// What the writer does next; its buffers are reused.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) sets: Vec<Waiting>,
    /// Write-behind rows; kept until they are durable.
    pub(super) behind: Vec<Row>,
    /// How many rows they write.
    pub(super) behind_rows: usize,
    /// How many of them are in the open transaction.
    pub(super) behind_applied: usize,
    /// Write-behind calls whose last row is in `behind`.
    pub(super) behind_acks: Vec<AckSender>,
    /// Whether background work may join this transaction.
    pub(super) background: bool,
    /// Much of it waits.
    pub(super) pressing: bool,
}

#[derive(Default)]
struct State {
    main: VecDeque<Waiting>,
    main_bytes: usize,
    behind: VecDeque<Behind>,
    behind_rows: usize,
    behind_bytes: usize,
    pushed: u64,
    taken: u64,
    next_seq: u64,
    trim: Trim,
    closing: bool,
    closed: bool,
    disk_full: bool,
}

/// The queue; see the module.
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    main: Bounds,
    behind: Bounds,
}

/// What the writer brings to [`Queue::take`].
pub(super) struct Appetite {
    /// Write-behind rows at once.
    pub(super) behind_rows: usize,
    /// Background work may run even though sets wait.
    pub(super) background_due: bool,
    /// Something of the writer's own waits to be tried again after this long.
    pub(super) retry: Option<Duration>,
    /// There is more to forget.
    pub(super) trimming: bool,
    /// How many sets to wait for once one has come, at most [`GATHER`] and as long as any come.
    pub(super) together: usize,
}

impl Queue {
    pub(super) fn new(main: Bounds, behind: Bounds, next_seq: u64) -> Self {
        let state = State { next_seq, ..State::default() };
        Self { state: Mutex::new(state), wake: Condvar::new(), main, behind }
    }

    pub(super) fn admit(&self) -> Result<(), Refused> {
        let state = self.state.lock();
        state.check_open()?;
        if state.disk_full {
            return Err(Refused::DiskFull);
        }
        if state.main.len() >= self.main.entries || state.main_bytes >= self.main.bytes {
            return Err(Refused::QueueFull);
        }
        Ok(())
    }

    pub(super) fn push(&self, set: WriteSet) -> Result<Ack, Refused> {
        let size = set.size();
        if size > self.main.bytes {
            return Err(Refused::TooLarge);
        }
        let mut state = self.state.lock();
        state.check_open()?;
        let full = state.main.len() >= 2 * self.main.entries
            || state.main_bytes + size > 2 * self.main.bytes;
        if full {
            return Err(Refused::QueueFull);
        }
        let journal = set.journal.map(|record| {
            let seq = state.next_seq;
            state.next_seq += 1;
            (seq, record)
        });
        let (sender, ack) = Ack::pair(journal.as_ref().map(|(seq, _)| JournalSeq(*seq)));
        state.main.push_back(Waiting { journal, rows: set.rows, ack: sender, size });
        state.main_bytes += size;
        state.pushed += 1;
        drop(state);
        self.wake.notify_one();
        Ok(ack)
    }

    pub(super) fn push_behind(&self, rows: Vec<Row>) -> Result<Ack, Refused> {
        let size: usize = rows.iter().map(Row::size).sum();
        if size > self.behind.bytes {
            return Err(Refused::TooLarge);
        }
        let mut state = self.state.lock();
        state.check_open()?;
        let full = state.behind_rows >= self.behind.entries
            || state.behind_bytes + size > 2 * self.behind.bytes;
        if full {
            return Err(Refused::QueueFull);
        }
        let (sender, ack) = Ack::pair(None);
        state.behind_rows += rows.iter().map(Row::rows).sum::<usize>();
        state.behind_bytes += size;
        let after = state.pushed;
        state.behind.push_back(Behind { after, rows: rows.into_iter(), ack: sender });
        drop(state);
        self.wake.notify_one();
        Ok(ack)
    }

    /// Adds to what is to be forgotten.
    pub(super) fn push_trim(&self, merge: impl FnOnce(&mut Trim)) -> Result<(), Refused> {
        let mut state = self.state.lock();
        state.check_open()?;
        merge(&mut state.trim);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Hands out what was asked to be forgotten since the last call.
    pub(super) fn take_trim(&self) -> Trim {
        std::mem::take(&mut self.state.lock().trim)
    }

    /// Waits for work and fills `turn`. `false` once closing and everything is done.
    pub(super) fn take(&self, turn: &mut Turn, appetite: &Appetite) -> bool {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return false;
            }
            // What is to be forgotten can wait for the next start.
            let has_background = state.behind_is_ready()
                || !turn.behind.is_empty()
                || !state.closing && (appetite.trimming || !state.trim.is_idle());
            if !state.main.is_empty() || (has_background && appetite.retry.is_none()) {
                break;
            }
            if state.closing {
                return false;
            }
            match appetite.retry {
                None => self.wake.wait(&mut state),
                Some(pause) => {
                    if self.wake.wait_for(&mut state, pause).timed_out() {
                        break;
                    }
                }
            }
        }
        let mut left = GATHER;
        while !left.is_zero() && state.is_small(appetite.together) {
            let (before, pause) = (state.pushed, left.min(PAUSE));
            // Whoever pushes meanwhile wakes nobody.
            MutexGuard::unlocked(&mut state, || thread::sleep(pause));
            if state.closed {
                return false;
            }
            // Nobody came: those who are to be waited for are here.
            left = if state.pushed == before { Duration::ZERO } else { left - pause };
        }
        state.take_group(&mut turn.sets);
        turn.pressing = state.behind_rows + turn.behind_rows >= PRESSING;
        turn.background = state.main.is_empty() && turn.sets.is_empty()
            || appetite.background_due
            || turn.pressing;
        if turn.background && turn.behind.is_empty() {
            state.take_behind(turn, appetite.behind_rows);
        }
        true
    }

    /// Takes what came in meanwhile into the open transaction.
    pub(super) fn take_more(&self, turn: &mut Turn) {
        let mut state = self.state.lock();
        if !state.closed {
            state.take_group(&mut turn.sets);
        }
    }

    /// Whether somebody waits for an acknowledgement.
    pub(super) fn is_wanted(&self) -> bool {
        !self.state.lock().main.is_empty()
    }

    /// No more pushes; the writer finishes what is queued.
    pub(super) fn close(&self) {
        self.state.lock().closing = true;
        self.wake.notify_one();
    }

    /// The writer is gone: everything still queued gets this outcome.
    pub(super) fn abandon(&self, outcome: &StoreError) {
        let mut state = self.state.lock();
        state.closed = true;
        let main = std::mem::take(&mut state.main).into_iter().map(|set| set.ack);
        let behind = std::mem::take(&mut state.behind).into_iter().map(|set| set.ack);
        let trim = std::mem::take(&mut state.trim).acks;
        drop(state);
        self.wake.notify_one();
        for ack in main.chain(behind).chain(trim) {
            let _ = ack.send(Err(outcome.clone()));
        }
    }

    pub(super) fn set_disk_full(&self, full: bool) {
        self.state.lock().disk_full = full;
    }

    /// After a failed commit: takes out everything queued, since it may rely on what was lost.
    /// `note` runs before anything new can be queued.
    pub(super) fn fail_queued(&self, full: bool, note: impl FnOnce()) -> VecDeque<Waiting> {
        let mut state = self.state.lock();
        state.disk_full = full;
        note();
        state.main_bytes = 0;
        state.taken += state.main.len() as u64;
        std::mem::take(&mut state.main)
    }

    /// Sets, their bytes, write-behind rows, whether the disk is full.
    pub(super) fn depth(&self) -> (usize, usize, usize, bool) {
        let state = self.state.lock();
        (state.main.len(), state.main_bytes, state.behind_rows, state.disk_full)
    }

    pub(super) fn next_seq(&self) -> u64 {
        self.state.lock().next_seq
    }
}

impl State {
    fn check_open(&self) -> Result<(), Refused> {
        if self.closing || self.closed { Err(Refused::Closed) } else { Ok(()) }
    }

    /// Whether sets wait that are fewer than `together`, and others would fit beside them.
    fn is_small(&self, together: usize) -> bool {
        !self.closing
            && !self.main.is_empty()
            && self.main.len() < together.min(GROUP_SETS / 4)
            && self.main_bytes < GROUP_BYTES / 4
    }

    fn take_group(&mut self, sets: &mut Vec<Waiting>) {
        let mut bytes = 0;
        while sets.len() < GROUP_SETS && bytes < GROUP_BYTES {
            let Some(set) = self.main.pop_front() else { break };
            bytes += set.size;
            sets.push(set);
        }
        self.main_bytes -= bytes;
        self.taken += sets.len() as u64;
    }

    fn behind_is_ready(&self) -> bool {
        self.behind.front().is_some_and(|set| set.after <= self.taken)
    }

    fn take_behind(&mut self, turn: &mut Turn, limit: usize) {
        while turn.behind_rows < limit && self.behind_is_ready() {
            let Some(mut set) = self.behind.pop_front() else { break };
            while turn.behind_rows < limit
                && let Some(row) = set.rows.next()
            {
                turn.behind_rows += row.rows();
                self.behind_rows -= row.rows();
                self.behind_bytes -= row.size();
                turn.behind.push(row);
            }
            if set.rows.len() == 0 {
                turn.behind_acks.push(set.ack);
            } else {
                self.behind.push_front(set);
            }
        }
    }
}
