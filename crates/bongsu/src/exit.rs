//! Exit codes: part of the interface, documented in `bongsu help exit-codes`.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Yes, or done.
    Done = 0,
    /// No: a check or test failed, nothing was found, receivers differ.
    No = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Only warnings, and `--strict` was given.
    Warnings = 3,
    /// The server does not allow it.
    NotAllowed = 4,
    /// The server cannot be reached, or did not answer in time.
    Unreachable = 5,
    /// Something else changed it meanwhile, or it exists already.
    Conflict = 6,
    /// Some of several things were done.
    Partly = 7,
    /// The user ended it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
