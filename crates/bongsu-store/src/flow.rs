//! Workflows that are saved, their runs, and what happened in those.

use bongsu_model::Timestamp;

/// A version of a workflow that was saved through the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowRow {
    /// Its name in addresses.
    pub id: String,
    /// Rises by one with every change.
    pub version: u32,
    /// When it was saved.
    pub at: Timestamp,
    /// Who saved it.
    pub author: Option<String>,
    /// Never starts.
    pub disabled: bool,
    /// This version says that it is gone.
    pub removed: bool,
    /// Hash of what it does.
    pub revision: String,
    /// YAML.
    pub text: String,
}

/// A run of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its id; unique.
    pub run: String,
    /// Id of its workflow.
    pub workflow: String,
    /// Key of the text it was started with, see [`FlowRow::PutText`].
    pub text: String,
    /// What started it: `alert`, `manual` …
    pub cause: String,
    /// The alert it is about.
    pub fingerprint: Option<String>,
    /// The engine's word for how it stands.
    pub status: String,
    /// When it was asked for.
    pub at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended; a run without it is taken up again at the next start.
    pub ended_at: Option<Timestamp>,
    /// When it wants to be woken.
    pub wake_at: Option<Timestamp>,
    /// JSON text with what lists show beside all this.
    pub summary: String,
    /// The engine's own encoding of the run.
    pub state: Vec<u8>,
    /// Nobody acts on it before it is durable: if that fails it is as if it had not been asked for.
    pub fresh: bool,
}

/// A stored run, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Rises with time; pages by `before`.
    pub id: i64,
    /// The run; never `fresh`.
    pub row: RunRow,
}

/// Which runs are asked for; newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those of this workflow.
    pub workflow: Option<String>,
    /// Only those about this alert.
    pub fingerprint: Option<String>,
    /// Only those that stand so.
    pub status: Option<String>,
    /// Only ids below this one.
    pub before: Option<i64>,
    /// So many are left out from the first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// Rises with time; pages by `after`.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The engine's word for what happened.
    pub kind: String,
    /// The step it is about.
    pub step: Option<String>,
    /// JSON text.
    pub detail: String,
}

/// A change of what is known of workflows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowRow {
    /// Stores a version.
    PutWorkflow(WorkflowRow),
    /// Stores a text that runs are started with, unless it is there.
    PutText {
        /// A digest of it.
        key: String,
        /// YAML.
        text: String,
    },
    /// Stores the state of a run.
    PutRun(RunRow),
    /// Adds to what happened in a run.
    AppendEvent {
        /// Which run.
        run: String,
        /// When.
        at: Timestamp,
        /// The engine's word for what happened.
        kind: &'static str,
        /// The step it is about.
        step: Option<String>,
        /// JSON text.
        detail: String,
    },
}

impl FlowRow {
    /// Approximate bytes held in memory.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::PutWorkflow(row) => row.text.len(),
            Self::PutText { text, .. } => text.len(),
            Self::PutRun(row) => row.state.len() + row.summary.len() + 256,
            Self::AppendEvent { detail, .. } => detail.len() + 64,
        }
    }
}
