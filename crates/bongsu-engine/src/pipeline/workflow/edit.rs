//! Workflows are saved, switched, removed.
//!
//! In: texts. Out: versions, each durable before it is in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_store::{FlowRow, Row, RunFilter, StoreError as Unstored};
use tokio::task::spawn_blocking;

use crate::api::{StoreError, WorkflowError, WorkflowOrigin, WorkflowRow, WorkflowView};
use crate::core::Outgoing;
use crate::engine::Shared;
use crate::pipeline::ingest::unstored;
use crate::workflows::{Definition, Library, Origin, flow_row};

/// Workflows that may be saved.
const MAX_SAVED: usize = 10_000;

fn unread(error: &Unstored) -> WorkflowError {
    WorkflowError::Store(unstored(error))
}

pub(super) fn broken(error: impl std::fmt::Display) -> WorkflowError {
    WorkflowError::Store(StoreError { reason: error.to_string(), full: false })
}

impl Shared {
    pub(crate) fn library(&self) -> Arc<Library> {
        Arc::clone(&self.flow.lock().library)
    }

    pub(super) fn definition(&self, id: &str) -> Result<Arc<Definition>, WorkflowError> {
        let library = self.library();
        if let Some(why) = library.broken().get(id) {
            return Err(WorkflowError::Conflict(format!("workflow {id} cannot be read: {why}")));
        }
        library.get(id).map(Arc::clone).ok_or_else(|| WorkflowError::Unknown(id.to_owned()))
    }

    /// A blocking read of the store.
    pub(super) async fn reading<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self) -> Result<T, Unstored> + Send + 'static,
    ) -> Result<T, WorkflowError> {
        let shared = Arc::clone(self);
        let read = spawn_blocking(move || read(&shared)).await;
        read.map_err(broken)?.map_err(|error| unread(&error))
    }

    pub(crate) async fn workflow_views(
        self: &Arc<Self>,
        runs: bool,
    ) -> Result<Vec<WorkflowView>, WorkflowError> {
        let library = self.library();
        let mut views: Vec<WorkflowView> =
            library.all().map(|known| view(&library, known)).collect();
        if !runs {
            return Ok(views);
        }
        self.reading(move |shared| {
            for view in &mut views {
                let workflow = Some(view.workflow.id.clone());
                let filter = RunFilter { workflow, limit: 1, ..RunFilter::default() };
                view.last_run = shared.store.runs(&filter)?.pop();
            }
            Ok(views)
        })
        .await
    }

    pub(crate) fn workflow_view(&self, id: &str) -> Result<WorkflowView, WorkflowError> {
        self.definition(id).map(|known| view(&self.library(), &known))
    }

    /// Saves the workflows of a text.
    pub(crate) async fn put_workflows(
        self: &Arc<Self>,
        id: Option<String>,
        text: String,
        by: Option<String>,
    ) -> Result<Vec<WorkflowView>, WorkflowError> {
        let name = id.clone().unwrap_or_else(|| "workflow".to_owned());
        let source = bongsu_model::Source { name, text: text.clone() };
        let (workflows, _) = bongsu_workflow::load(source).map_err(WorkflowError::Refused)?;
        let ids: Vec<String> = workflows.iter().map(|workflow| workflow.id.clone()).collect();
        if let Some(id) = &id
            && ids.iter().ne([id])
        {
            let message = format!("the text has the workflows {}, not {id} alone", ids.join(", "));
            return Err(WorkflowError::Invalid(vec![message]));
        }
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        if unique.len() != ids.len() {
            return Err(WorkflowError::Invalid(vec!["two workflows have one id".to_owned()]));
        }
        let rows = workflows.iter().map(|workflow| {
            let (id, revision) = (workflow.id.clone(), workflow.revision.clone());
            (id, revision, text.clone(), workflow.disabled, false)
        });
        self.save(rows.collect(), by).await?;
        ids.iter().map(|id| self.workflow_view(id)).collect()
    }

    pub(crate) async fn switch_workflow(
        self: &Arc<Self>,
        id: &str,
        disabled: bool,
        by: Option<String>,
    ) -> Result<WorkflowView, WorkflowError> {
        let known = self.definition(id)?;
        // What is off in its own text cannot be switched on beside it.
        let own = crate::workflows::read_one(&known.text, id).map_err(WorkflowError::Refused)?;
        if own.disabled && !disabled {
            let message = format!("the text of {id} says disabled: true");
            return Err(WorkflowError::Conflict(message));
        }
        let (revision, text) = (known.workflow.revision.clone(), known.text.to_string());
        self.save(vec![(id.to_owned(), revision, text, disabled, false)], by).await?;
        self.workflow_view(id)
    }

    pub(crate) async fn remove_workflow(
        self: &Arc<Self>,
        id: &str,
        by: Option<String>,
    ) -> Result<(), WorkflowError> {
        let library = self.library();
        let saved = library.saved().get(id).filter(|row| !row.removed);
        match (library.get(id), saved) {
            (Some(known), None) if known.is_provisioned() => {
                Err(WorkflowError::Fixed(id.to_owned()))
            }
            (_, None) => Err(WorkflowError::Unknown(id.to_owned())),
            // One that a file hides may go.
            (_, Some(row)) => {
                let (revision, text) = (row.revision.clone(), row.text.clone());
                self.save(vec![(id.to_owned(), revision, text, row.disabled, true)], by).await
            }
        }
    }

    /// Stores the next versions, then uses them.
    async fn save(
        self: &Arc<Self>,
        changed: Vec<(String, String, String, bool, bool)>,
        by: Option<String>,
    ) -> Result<(), WorkflowError> {
        let _turn = self.saving.lock().await;
        let library = self.library();
        let mut saved: BTreeMap<String, WorkflowRow> = library.saved().clone();
        let now = self.clock.now();
        let (mut rows, mut undone) = (Vec::new(), Vec::new());
        for (id, revision, text, disabled, removed) in changed {
            if !removed && library.get(&id).is_some_and(|known| known.is_provisioned()) {
                return Err(WorkflowError::Fixed(id));
            }
            let version = saved.get(&id).map_or(0, |row| row.version) + 1;
            let (at, author) = (now, by.clone());
            let row = WorkflowRow {
                id: id.clone(),
                version,
                at,
                author,
                disabled,
                removed,
                revision,
                text,
            };
            let before = match saved.get(&id) {
                Some(before) => WorkflowRow { version, ..before.clone() },
                None => WorkflowRow { removed: true, ..row.clone() },
            };
            undone.push(flow_row(FlowRow::PutWorkflow(before)));
            rows.push(flow_row(FlowRow::PutWorkflow(row.clone())));
            saved.insert(id, row);
        }
        if saved.len() > MAX_SAVED {
            let message = format!("{MAX_SAVED} workflows are saved already");
            return Err(WorkflowError::Invalid(vec![message]));
        }
        if let Err(error) = self.commit_rows(rows).await {
            // The store writes what it kept of a failed commit when it can: what there was follows.
            self.forget(undone);
            return Err(error);
        }
        let remembered = {
            let core = self.core.lock();
            let mut flow = self.flow.lock();
            let library = Library::new(core.loaded.workflows(), saved, &flow.library);
            flow.furnish(library, now)
        };
        self.forget(remembered);
        self.flow_timer.notify_one();
        Ok(())
    }

    pub(super) async fn commit_rows(self: &Arc<Self>, rows: Vec<Row>) -> Result<(), WorkflowError> {
        let ack = {
            let mut core = self.core.lock();
            let mut out = Outgoing::default();
            out.rows = rows;
            self.commit(&mut core, None, &mut out)
        };
        match ack {
            Ok(Some(ack)) => ack.await.map_err(|error| unread(&error)),
            Ok(None) => Ok(()),
            Err(refused) => Err(WorkflowError::Store(StoreError {
                full: refused == bongsu_store::Refused::DiskFull,
                reason: refused.to_string(),
            })),
        }
    }
}

fn view(library: &Library, known: &Arc<Definition>) -> WorkflowView {
    WorkflowView {
        workflow: Arc::clone(&known.workflow),
        text: Arc::clone(&known.text),
        origin: match &known.origin {
            Origin::File(name) => WorkflowOrigin::File { name: name.clone() },
            Origin::Saved { version, at, by } => {
                WorkflowOrigin::Saved { version: *version, at: *at, by: by.clone() }
            }
            Origin::Tried => WorkflowOrigin::File { name: String::new() },
        },
        drift: library.drift(known),
        last_run: None,
    }
}
