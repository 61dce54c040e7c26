//! Whether and how to colour. Meaning is never only in the colour.

use std::io::IsTerminal;
use std::sync::OnceLock;

static ON: OnceLock<bool> = OnceLock::new();

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Firing, failed, an error.
    Bad,
    /// Held back, a warning.
    Warn,
    /// In order.
    Good,
    /// Over, less important.
    Dim,
    /// Headings.
    Strong,
    /// Text as it is.
    Plain,
}

/// Decides once for the process: off with `--no-color`, `NO_COLOR` or `TERM=dumb`, on with
/// `CLICOLOR_FORCE`, else on if stdout is a terminal.
pub(crate) fn set_up_colour(refused: bool) {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let forced = set("CLICOLOR_FORCE").is_some_and(|v| v != "0");
    let dumb = set("TERM").is_some_and(|v| v == "dumb");
    let on = !refused
        && set("NO_COLOR").is_none()
        && (forced || (!dumb && std::io::stdout().is_terminal()));
    // Only the first decision counts.
    let _ = ON.set(on);
}

/// `text` in its colour, or as it is.
pub(crate) fn paint(colour: Colour, text: &str) -> String {
    let code = match colour {
        _ if !ON.get().copied().unwrap_or(false) => return text.to_owned(),
        Colour::Bad => "31",
        Colour::Warn => "33",
        Colour::Good => "32",
        Colour::Dim => "2",
        Colour::Strong => "1",
        Colour::Plain => return text.to_owned(),
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
