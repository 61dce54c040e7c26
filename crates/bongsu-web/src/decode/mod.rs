//! Request bodies into engine values, with the refusals clients of Alertmanager know.

pub(crate) mod alerts;
mod alerts_fast;
pub(crate) mod json;
pub(crate) mod silence;
pub(crate) mod time;
mod typed;
pub(crate) mod uri;

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// `400` for text that is not the right JSON, `413` above a limit, else a validation code
    /// (601 type, 602 required, 612 too few items), answered as 422.
    pub(crate) code: u16,
    /// Shown to the client.
    pub(crate) message: String,
}

impl Refusal {
    fn unreadable(name: &str, why: &str) -> Self {
        let message = format!("parsing {name} body from \"\" failed, because {why}");
        Self { code: 400, message }
    }

    fn required(name: &str) -> Self {
        Self { code: 602, message: format!("{name} in body is required") }
    }
}
