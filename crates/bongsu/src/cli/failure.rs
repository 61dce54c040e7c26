//! How a command says that it could not do its work.

use crate::client::ClientError;
use crate::exit::Exit;

/// End of a command: an exit code, or what went wrong.
pub(crate) type Outcome = Result<Exit, Failure>;

/// What went wrong and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Code the process ends with.
    pub(crate) exit: Exit,
    /// One sentence, lower case, no full stop.
    pub(crate) what: String,
    /// One hint.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), hint: None }
    }

    /// The words on the command line make no sense.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// The answer is no.
    pub(crate) fn no(what: impl Into<String>) -> Self {
        Self::new(Exit::No, what)
    }

    /// Adds the hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it on stderr.
    pub(crate) fn report(&self) {
        eprintln!("error: {}", self.what);
        if let Some(hint) = &self.hint {
            eprintln!("  hint: {hint}");
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = error.exit();
        match error {
            ClientError::Unreachable { url, reason, .. } => {
                let place = url.split("/api/").next().unwrap_or(&url).to_owned();
                Self::new(exit, format!("cannot reach {place}: {reason}"))
                    .hint("name the server with --server or BONGSU_SERVER")
            }
            ClientError::Refused { status, message, .. } => {
                let what = match message.as_str() {
                    "" => format!("the server refused with status {status}"),
                    message => format!("the server refused: {message}"),
                };
                let failure = Self::new(exit, what);
                match status {
                    401 | 403 => failure.hint("give credentials with --token-file or in the URL"),
                    410 | 405 => failure.hint("this needs a Bongsu server, not an Alertmanager"),
                    _ => failure,
                }
            }
            other => Self::new(exit, other.to_string()),
        }
    }
}
