//! End to end with real peers: Debian's prometheus sends, its amtool asks, its alertmanager hands
//! over, a mail server takes.
//!
//! Ignored unless asked for (`cargo xtask peers` installs the programs and runs them).

#![allow(clippy::unwrap_used, reason = "tests")]

mod amtool;
mod founding;
mod migration;
mod prometheus;
mod rules;
mod sender;
mod workflows;

use std::path::PathBuf;
use std::process::{Child, Command};

/// A child process that ends with its test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the binary under test with words; output and success.
fn bongsu(words: &[&str]) -> (String, bool) {
    let binary: PathBuf = bongsu_testkit::process::binary().expect("the binary is built");
    let output = Command::new(binary).args(words).output().expect("the binary starts");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.success())
}
