//! Writing results to stdout.

use std::io::{self, Write};

/// Writes `text` as it is. A reader that went away (`| head`) ends the program quietly.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        if error.kind() != io::ErrorKind::BrokenPipe {
            eprintln!("bongsu: cannot write to stdout: {error}");
        }
        std::process::exit(1);
    }
}
