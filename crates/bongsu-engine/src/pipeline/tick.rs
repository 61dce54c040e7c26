//! Stage 5: groups tick.
//!
//! In: the clock. Out: flushes, compared with the notification log, as outbox rows and deliveries.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Timestamp;

use crate::core::Outgoing;
use crate::engine::Shared;

/// Groups flushed under one hold of the lock.
const FLUSHES_A_STEP: usize = 128;

/// How often the loop looks at the wall clock even if nothing is due.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

impl Shared {
    /// Flushes everything that is due now; returns when something is due next.
    pub(crate) fn tick(self: &Arc<Self>) -> Timestamp {
        loop {
            let mut guard = self.core.lock();
            let core = &mut *guard;
            let now = self.now(core);
            if core.route.next_due() > now {
                return core.route.next_due();
            }
            let mut out = Outgoing::default();
            core.route.tick(now, FLUSHES_A_STEP, &mut core.effects);
            core.settle(now, &mut out);
            drop(self.conclude(core, out));
        }
    }

    /// Ticks until the engine closes.
    pub(crate) async fn tick_forever(self: Arc<Self>) {
        loop {
            let due = self.tick();
            let wait = Duration::try_from(due.duration_since(self.clock.now())).unwrap_or_default();
            tokio::select! {
                () = tokio::time::sleep(wait.min(LONGEST_SLEEP)) => {}
                () = self.timer.notified() => {}
                () = self.closing.cancelled() => return,
            }
        }
    }
}
