//! The one source of time.

use std::time::Instant;

use bongsu_model::Timestamp;
use jiff::SignedDuration;
use parking_lot::Mutex;

/// Where the pipeline gets its instants from; tests move it by hand.
pub trait Clock: Send + Sync {
    /// The instant now.
    fn now(&self) -> Timestamp;

    /// How far the wall clock has jumped (not: run) since this was last asked; timers are moved by
    /// as much, so that none fires early or twice because somebody set the clock.
    fn jump(&self) -> SignedDuration {
        SignedDuration::ZERO
    }
}

/// The machine's clock.
pub struct SystemClock {
    last: Mutex<(Timestamp, Instant)>,
}

/// Smaller differences between wall and monotonic clock are drift, not jumps.
const SMALLEST_JUMP: SignedDuration = SignedDuration::from_millis(500);

impl SystemClock {
    /// Starts watching for jumps now.
    pub fn new() -> Self {
        Self { last: Mutex::new((Timestamp::now(), Instant::now())) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn jump(&self) -> SignedDuration {
        let mut last = self.last.lock();
        let (wall, ticks) = (Timestamp::now(), Instant::now());
        let ran =
            SignedDuration::try_from(ticks.duration_since(last.1)).unwrap_or(SignedDuration::MAX);
        let jump = wall.duration_since(last.0) - ran;
        *last = (wall, ticks);
        if jump.abs() < SMALLEST_JUMP { SignedDuration::ZERO } else { jump }
    }
}

/// A clock that stands still until it is set.
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves to `now`.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock() = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}
