//! What a command left behind, wherever it ran.

/// The most that is kept of each output, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 1024 * 1024;

/// Outputs and result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandAnswer {
    /// The first [`MAX_OUTPUT_BYTES`] of the output; what is not UTF-8 is replaced.
    pub stdout: String,
    /// The same of the error output.
    pub stderr: String,
    /// Zero for success; 128 and the signal's number when a signal ended it, as shells say.
    pub return_code: i32,
    /// Whether `stdout` is not all of it.
    pub stdout_truncated: bool,
    /// Whether `stderr` is not all of it.
    pub stderr_truncated: bool,
}

impl CommandAnswer {
    pub(crate) fn new(stdout: &Kept, stderr: &Kept, return_code: i32) -> Self {
        Self {
            stdout: stdout.text(),
            stderr: stderr.text(),
            return_code,
            stdout_truncated: stdout.truncated,
            stderr_truncated: stderr.truncated,
        }
    }
}

/// The beginning of an output.
#[derive(Default)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Kept {
    /// Adds what fits.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = MAX_OUTPUT_BYTES - self.bytes.len();
        self.truncated |= bytes.len() > room;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn text(&self) -> String {
        let mut bytes = self.bytes.as_slice();
        if self.truncated
            && let Err(error) = std::str::from_utf8(bytes)
            && error.error_len().is_none()
        {
            // The cut went through a character.
            bytes = &bytes[..error.valid_up_to()];
        }
        String::from_utf8_lossy(bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_cut_between_characters() {
        let mut kept = Kept::default();
        kept.push(&vec![b'x'; MAX_OUTPUT_BYTES - 1]);
        assert!(!kept.truncated);
        kept.push("é".as_bytes());
        kept.push(b"more");
        let answer = CommandAnswer::new(&kept, &Kept::default(), 0);
        assert_eq!(answer.stdout.len(), MAX_OUTPUT_BYTES - 1);
        assert!(answer.stdout_truncated && !answer.stderr_truncated);
    }
}
