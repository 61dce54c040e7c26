//! Results on stdout: tables, JSON, YAML, names; colours only where a person looks.
//!
//! In: rows of a list, or one object. Out: text in the asked format. Everything that is not the
//! result goes to stderr elsewhere.

mod colour;
mod listing;
mod when;

use std::io::{self, Write};

pub(crate) use colour::{Colour, paint, set_up_colour};
pub(crate) use listing::{Listing, Row, Shape, object};
pub(crate) use when::{TimeStyle, show_time};

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
