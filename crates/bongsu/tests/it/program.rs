//! Running the built program.

use std::io::Write;
use std::process::{Command, Stdio};

/// A clean place to run in: no user configuration, no colours, UTC.
pub(crate) struct Program {
    /// Home and working directory.
    pub(crate) home: tempfile::TempDir,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Writes a file below the working directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs `bongsu WORDS…`: exit code, stdout, stderr as one text.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        self.run_with(words, "")
    }

    /// As [`Self::run`] with standard input.
    pub(crate) fn run_with(&self, words: &[&str], input: &str) -> String {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .args(words)
            .env_clear()
            .env("HOME", self.home.path())
            .env("TZ", "UTC")
            .env("USER", "tester")
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program may end without reading its input.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let mut text = format!("exit {}\n", output.status.code().unwrap_or(-1));
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                text.push_str(&format!("--- {name}\n{}", String::from_utf8_lossy(bytes)));
            }
        }
        text.replace(self.home.path().to_str().unwrap(), "HOME")
    }
}
