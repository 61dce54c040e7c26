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

/// One line of JSON as Go writes it, `<`, `>` and `&` escaped.
pub(crate) fn go_json(value: &serde_json::Value) -> String {
    // A JSON value is always representable.
    bongsu_lang::go_json::to_line(value).unwrap_or_default()
}

/// A time in a Go layout, with the offset it was written with.
pub(crate) fn go_date(time: bongsu_model::Time, layout: &str) -> String {
    bongsu_lang::gotmpl::GoTime::from(time).format(layout)
}
