//! Which workflows there are: those of files, and those saved through the API.
//!
//! In: files, rows. Out: definitions by id, the index of their triggers, addresses of webhooks. A file
//! wins over a saved workflow of the same id; that is told as drift.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{Diagnostic, Labels, Source, Timestamp};
use bongsu_store::WorkflowRow;
use bongsu_workflow::{Index, TriggerKind, Webhook, Workflow};

/// A workflow and where it is from.
pub(crate) struct Definition {
    pub(crate) workflow: Arc<Workflow>,
    /// All of the text it stands in.
    pub(crate) text: Arc<str>,
    /// Names the text; stored with runs.
    pub(crate) key: Arc<str>,
    pub(crate) origin: Origin,
    /// A text of it asks what the last run gave.
    pub(crate) remembers: bool,
    /// Whether a new state of an alert is compared with the one before.
    pub(crate) compares: bool,
}

/// Where a workflow is from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A file.
    File(String),
    /// The API.
    Saved { version: u32, at: Timestamp, by: Option<String> },
    /// It was sent to be tried.
    Tried,
}

impl Definition {
    pub(crate) fn new(workflow: Workflow, text: Arc<str>, origin: Origin) -> Self {
        let named = [("text", &*text), ("workflow", workflow.id.as_str())];
        let key = format!("{:016x}", Labels::from_pairs(named).hash64().0);
        let alert = |kind: &TriggerKind| match kind {
            TriggerKind::Alert(trigger) => {
                !trigger.only_on_change.is_empty() || trigger.severity_changed
            }
            _ => false,
        };
        let changes = workflow.triggers.iter().any(|trigger| alert(&trigger.kind));
        Self {
            remembers: text.contains("last_workflow_"),
            compares: changes || text.contains("is_first_time"),
            workflow: Arc::new(workflow),
            key: key.into(),
            text,
            origin,
        }
    }

    /// The version, if it was saved.
    pub(crate) fn version(&self) -> Option<u32> {
        match self.origin {
            Origin::Saved { version, .. } => Some(version),
            _ => None,
        }
    }

    /// Whether it may name variables of the surroundings.
    pub(crate) fn is_provisioned(&self) -> bool {
        matches!(self.origin, Origin::File(_))
    }
}

/// The workflow of this id in a text.
pub(crate) fn read_one(text: &str, id: &str) -> Result<Workflow, Vec<Diagnostic>> {
    let source = Source { name: format!("workflow {id}"), text: text.to_owned() };
    let (workflows, _) = bongsu_workflow::load(source)?;
    let found = workflows.into_iter().find(|workflow| workflow.id == id);
    found.ok_or_else(|| {
        let message = format!("the text has no workflow {id}");
        vec![Diagnostic::error(bongsu_workflow::codes::MISSING, message)]
    })
}

/// Workflows of files.
#[derive(Clone, Default)]
pub struct Provisioned(Vec<Arc<Definition>>);

impl Provisioned {
    /// Reads files. Two workflows of one id are a mistake.
    ///
    /// # Errors
    /// Every mistake of all files.
    pub fn read(files: Vec<Source>) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (mut all, mut warnings, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for file in files {
            let (name, text): (String, Arc<str>) = (file.name.clone(), file.text.as_str().into());
            match bongsu_workflow::load(file) {
                Err(found) => faults.extend(found),
                Ok((workflows, found)) => {
                    warnings.extend(found);
                    for workflow in workflows {
                        if let Some(other) = names.insert(workflow.id.clone(), name.clone()) {
                            let message = format!(
                                "{name}: the id {} is taken by a workflow of {other}",
                                workflow.id
                            );
                            let help = "ids are unique among all files";
                            let code = bongsu_workflow::codes::SAME_ID;
                            faults.push(Diagnostic::error(code, message).help(help));
                        }
                        let origin = Origin::File(name.clone());
                        all.push(Arc::new(Definition::new(workflow, Arc::clone(&text), origin)));
                    }
                }
            }
        }
        if faults.is_empty() { Ok((Self(all), warnings)) } else { Err(faults) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A request that starts a workflow.
pub(crate) struct Hook {
    pub(crate) webhook: Webhook,
    pub(crate) definition: Arc<Definition>,
    pub(crate) trigger: usize,
}

/// All workflows.
#[derive(Default)]
pub(crate) struct Library {
    by_id: BTreeMap<String, Arc<Definition>>,
    /// The last versions of what was saved, removed ones too.
    saved: BTreeMap<String, WorkflowRow>,
    /// Saved ones that cannot be read any more, and why.
    broken: BTreeMap<String, String>,
    pub(crate) index: Index,
    pub(crate) hooks: Vec<Hook>,
    /// Whether any workflow is started by alerts.
    pub(crate) is_about_alerts: bool,
}

impl Library {
    /// Takes what is saved over from the library before where it is the same.
    pub(crate) fn new(
        files: &Provisioned,
        saved: BTreeMap<String, WorkflowRow>,
        before: &Self,
    ) -> Self {
        let mut library = Self { saved, ..Self::default() };
        for definition in &files.0 {
            let id = definition.workflow.id.clone();
            library.by_id.insert(id, Arc::clone(definition));
        }
        for (id, row) in &library.saved {
            if row.removed || library.by_id.contains_key(id) {
                continue;
            }
            if let Some(known) = before.get(id).filter(|known| known.version() == Some(row.version))
            {
                library.by_id.insert(id.clone(), Arc::clone(known));
                continue;
            }
            match read_one(&row.text, id) {
                Ok(mut workflow) => {
                    workflow.disabled |= row.disabled;
                    let (version, at, by) = (row.version, row.at, row.author.clone());
                    let origin = Origin::Saved { version, at, by };
                    let definition = Definition::new(workflow, row.text.as_str().into(), origin);
                    library.by_id.insert(id.clone(), Arc::new(definition));
                }
                Err(found) => {
                    let why = crate::furniture::on_one_line(&found);
                    tracing::error!(workflow = id, why, "a saved workflow cannot be read any more");
                    library.broken.insert(id.clone(), why);
                }
            }
        }
        let workflows = library.by_id.values().map(|known| Arc::clone(&known.workflow));
        library.index = Index::new(workflows.collect());
        for definition in library.by_id.values().filter(|known| !known.workflow.disabled) {
            for (trigger, kind) in definition.workflow.triggers.iter().enumerate() {
                match &kind.kind {
                    TriggerKind::Alert(_) => library.is_about_alerts = true,
                    TriggerKind::Webhook(webhook) => {
                        let (webhook, definition) = (webhook.clone(), Arc::clone(definition));
                        library.hooks.push(Hook { webhook, definition, trigger });
                    }
                    _ => {}
                }
            }
        }
        library
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Definition>> {
        self.by_id.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.by_id.values()
    }

    /// Those that may start.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.by_id.values().filter(|known| !known.workflow.disabled)
    }

    pub(crate) fn saved(&self) -> &BTreeMap<String, WorkflowRow> {
        &self.saved
    }

    pub(crate) fn broken(&self) -> &BTreeMap<String, String> {
        &self.broken
    }

    /// Where what was saved differs from the file that wins over it: `same` or `differs`.
    pub(crate) fn drift(&self, definition: &Definition) -> Option<&'static str> {
        let row = self.saved.get(&definition.workflow.id).filter(|row| !row.removed)?;
        if !definition.is_provisioned() {
            return None;
        }
        let same = row.revision == definition.workflow.revision
            && row.disabled == definition.workflow.disabled;
        Some(if same { "same" } else { "differs" })
    }

    /// Requests of this method and path.
    pub(crate) fn hooks_at<'l>(
        &'l self,
        method: &'l str,
        path: &'l str,
    ) -> impl Iterator<Item = &'l Hook> {
        let path = path.trim_matches('/');
        self.hooks.iter().filter(move |hook| {
            hook.webhook.method == method && hook.webhook.path.trim_matches('/') == path
        })
    }
}
