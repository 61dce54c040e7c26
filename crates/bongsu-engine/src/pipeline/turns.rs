//! Stages 1 and 2: payloads and posts take turns at the core.
//!
//! In: work of all threads that needs the core. Out: what came of each. Whoever finds nobody at it does
//! its own work and that of those who come meanwhile; they leave theirs and wait as tasks. A thread
//! that waits for the lock maps nothing in that time, and the core would move from one processor's
//! cache to another's with every payload.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use crate::api::StoreError;
use crate::core::Core;
use crate::engine::Shared;

/// Turns taken in one go; whoever takes them has an answer of its own to give.
const IN_ONE_GO: usize = 64;
/// Bytes of payloads that may wait before others are refused.
const BYTES: usize = 64 << 20;

/// What waits for `C`.
pub(crate) struct Turns<C>(Mutex<Queue<C>>);

struct Queue<C> {
    waiting: VecDeque<(Turn<C>, usize)>,
    bytes: usize,
    /// Somebody takes what waits.
    attended: bool,
}

type Turn<C> = Box<dyn FnOnce(&mut C) + Send>;

impl<C> Default for Turns<C> {
    fn default() -> Self {
        Self(Mutex::new(Queue { waiting: VecDeque::new(), bytes: 0, attended: false }))
    }
}

impl<C> Turns<C> {
    /// Whether so much waits that no more is to be begun.
    pub(super) fn is_full(&self) -> bool {
        self.0.lock().bytes >= BYTES
    }

    /// Whether nobody attends; whoever asks does from now on.
    fn begin(&self) -> bool {
        !std::mem::replace(&mut self.0.lock().attended, true)
    }

    /// Whether whoever leaves this, with a payload of so many bytes, has to attend.
    fn leave(&self, turn: Turn<C>, bytes: usize) -> bool {
        let mut queue = self.0.lock();
        queue.waiting.push_back((turn, bytes));
        queue.bytes += bytes;
        !std::mem::replace(&mut queue.attended, true)
    }

    /// Takes what waits; who waits for the lock has it before the next turn. Whether nothing is left and
    /// nobody attends any more; else somebody has to go on.
    fn take(&self, core: &mut MutexGuard<'_, C>) -> bool {
        for _ in 0..IN_ONE_GO {
            let Some(turn) = self.next() else { return true };
            MutexGuard::bump(core);
            turn(core);
        }
        false
    }

    fn next(&self) -> Option<Turn<C>> {
        let mut queue = self.0.lock();
        let next = queue.waiting.pop_front();
        queue.attended = next.is_some();
        next.map(|(turn, bytes)| {
            queue.bytes -= bytes;
            turn
        })
    }
}

impl Shared {
    /// Does `work`, of a payload of so many bytes, on the core when its turn has come. What comes of it
    /// is handed to `unwanted` if nobody waits for it any more.
    pub(super) async fn in_turn<T: Send + 'static>(
        self: &Arc<Self>,
        bytes: usize,
        work: impl FnOnce(&mut Core) -> T + Send + 'static,
        unwanted: impl FnOnce(&mut Core, T) + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.turns.begin() {
            return Ok(self.attend(work));
        }
        let (done, outcome) = oneshot::channel();
        let turn = Box::new(move |core: &mut Core| {
            let came = work(core);
            if let Err(came) = done.send(came) {
                unwanted(core, came);
            }
        });
        if self.turns.leave(turn, bytes) {
            self.attend(|_| ());
        }
        // Only a turn that panicked says nothing.
        let unsaid =
            |_| StoreError { reason: "what was sent was not taken".to_owned(), full: false };
        outcome.await.map_err(unsaid)
    }

    /// Does `first`, then what waits.
    fn attend<T>(self: &Arc<Self>, first: impl FnOnce(&mut Core) -> T) -> T {
        // Dropped after the lock.
        let mut attendance = Attendance { shared: self, over: false };
        let mut core = self.core.lock();
        let came = first(&mut core);
        attendance.over = self.turns.take(&mut core);
        self.behind.store(core.is_behind(), Ordering::Relaxed);
        came
    }

    /// Whether payloads have to wait until more is taken or written.
    pub(super) fn is_behind(&self) -> bool {
        if self.turns.is_full() {
            return true;
        }
        if !self.behind.load(Ordering::Relaxed) {
            return false;
        }
        let behind = self.core.lock().is_behind();
        self.behind.store(behind, Ordering::Relaxed);
        behind
    }
}

/// Somebody takes what waits; if a turn panics or there were many, somebody else goes on.
struct Attendance<'s> {
    shared: &'s Arc<Shared>,
    over: bool,
}

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        if !self.over {
            let shared = Arc::clone(self.shared);
            tokio::spawn(async move { shared.attend(|_| ()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Adds one in a turn.
    fn add(turns: &Turns<u64>, core: &Mutex<u64>) {
        if turns.begin() {
            let mut held = core.lock();
            *held += 1;
            while !turns.take(&mut held) {}
        } else if turns.leave(Box::new(|core| *core += 1), 1) {
            while !turns.take(&mut core.lock()) {}
        }
    }

    #[test]
    fn every_turn_is_taken_once_whoever_left_it() {
        let (turns, core) = (Turns::default(), Mutex::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        add(&turns, &core);
                    }
                });
            }
        });
        assert_eq!(*core.lock(), 40_000);
        assert!(turns.begin(), "nobody attends once all are taken");
        assert!(!turns.begin());
    }

    #[test]
    fn whoever_takes_many_has_somebody_go_on() {
        let (turns, core) = (Turns::default(), Mutex::new(0));
        for n in 0..=IN_ONE_GO {
            assert_eq!(turns.leave(Box::new(|core: &mut usize| *core += 1), 1), n == 0);
        }
        assert!(!turns.take(&mut core.lock()));
        assert_eq!(*core.lock(), IN_ONE_GO);
        assert!(!turns.leave(Box::new(|_| ()), 1), "somebody goes on");
        assert!(turns.take(&mut core.lock()));
        assert_eq!(*core.lock(), IN_ONE_GO + 1);
    }

    #[test]
    fn whoever_waits_for_the_lock_has_it_between_two_turns() {
        let (turns, core, was_there) = (Turns::default(), Mutex::new(()), AtomicBool::new(false));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let mut held = core.lock();
            scope.spawn(|| {
                drop(core.lock());
                was_there.store(true, Ordering::Relaxed);
            });
            while !was_there.load(Ordering::Relaxed) && begun.elapsed() < PATIENCE {
                turns.leave(Box::new(|_| ()), 1);
                assert!(turns.take(&mut held));
            }
            drop(held);
        });
        assert!(begun.elapsed() < PATIENCE);
    }

    #[test]
    fn a_turn_that_panics_ends_no_other() {
        let (turns, core) = (Turns::default(), Mutex::new(0));
        turns.leave(Box::new(|_: &mut u64| panic!("this one alone")), 1);
        turns.leave(Box::new(|core: &mut u64| *core += 1), 1);
        assert!(catch_unwind(AssertUnwindSafe(|| turns.take(&mut core.lock()))).is_err());
        assert!(!turns.leave(Box::new(|core: &mut u64| *core += 1), 1), "somebody has to go on");
        assert!(turns.take(&mut core.lock()));
        assert_eq!(*core.lock(), 2);
    }

    #[test]
    fn what_waits_is_bounded() {
        let turns = Turns::default();
        turns.leave(Box::new(|core: &mut u64| *core += 1), BYTES - 1);
        assert!(!turns.is_full());
        turns.leave(Box::new(|core: &mut u64| *core += 1), 1);
        assert!(turns.is_full());
        assert!(turns.take(&mut Mutex::new(0).lock()));
        assert!(!turns.is_full());
    }
}
