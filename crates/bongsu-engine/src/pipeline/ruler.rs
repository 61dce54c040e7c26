//! Groups of rules are written and removed.
//!
//! In: texts. Out: documents, each durable before its rules are in force; then they join the running
//! groups as after a reload.

use std::collections::BTreeSet;
use std::sync::Arc;

use bongsu_rules::file;
use bongsu_rules::rule::Group;
use bongsu_store::Row;
use tokio::task::spawn_blocking;

use crate::api::{DefinedGroup, GroupOrigin, NewGroup, RulerError, StoreError};
use crate::core::Outgoing;
use crate::engine::Shared;
use crate::pipeline::ingest::{refusal, unstored};
use crate::rules::Rules;
use crate::rules::written::{Key, WrittenGroup, forget};

/// What a change does to the groups in memory.
enum Edit {
    Insert(Box<WrittenGroup>),
    Remove(Vec<Key>),
}

impl Edit {
    fn rows(&self) -> Result<Vec<Row>, RulerError> {
        match self {
            Self::Insert(group) => group.row().map(|row| vec![row]).map_err(|e| broken(&e)),
            Self::Remove(keys) => Ok(keys.iter().map(forget).collect()),
        }
    }

    /// The rows that put back what there is now.
    fn undone(&self, rules: &Rules) -> Vec<Row> {
        let keys = match self {
            Self::Insert(group) => vec![group.key()],
            Self::Remove(keys) => keys.clone(),
        };
        let row = |key: &Key| match rules.written.get(key) {
            Some(group) => group.row().ok(),
            None => Some(forget(key)),
        };
        keys.iter().filter_map(row).collect()
    }
}

fn broken(error: &impl std::fmt::Display) -> RulerError {
    RulerError::Store(StoreError { reason: error.to_string(), full: false })
}

impl Shared {
    /// Writes a group; one that is as it was changes nothing.
    pub(crate) async fn write_group(self: &Arc<Self>, new: NewGroup) -> Result<(), RulerError> {
        let at = self.clock.now();
        let NewGroup { namespace, text, owner, by } = new;
        let read = spawn_blocking(move || WrittenGroup::read(&namespace, text, owner, by, at));
        let group = read.await.map_err(|error| broken(&error))?.map_err(RulerError::Refused)?;
        let (namespace, name) = group.key();
        let by = group.by.clone();
        let changed = self
            .edit_groups(move |rules, files| {
                if files.contains(&group.group.file) {
                    return Err(RulerError::Fixed(group.group.file.to_string()));
                }
                rules.written.check(&group)?;
                let known = rules.written.get(&group.key());
                let same = known.is_some_and(|known| known.is_as(&group));
                Ok((!same).then(|| Edit::Insert(Box::new(group))))
            })
            .await?;
        if changed {
            tracing::info!(namespace, group = name, by, "a group of rules was written");
        }
        Ok(())
    }

    /// Removes a group, or all of a namespace.
    pub(crate) async fn remove_groups(
        self: &Arc<Self>,
        namespace: String,
        name: Option<String>,
        by: Option<String>,
    ) -> Result<(), RulerError> {
        let (of, which) = (namespace.clone(), name.clone());
        self.edit_groups(move |rules, files| {
            let mut keys = rules.written.of_namespace(&of);
            keys.retain(|(_, known)| which.as_ref().is_none_or(|name| name == known));
            match which {
                _ if !keys.is_empty() => Ok(Some(Edit::Remove(keys))),
                _ if files.contains(&*of) => Err(RulerError::Fixed(of)),
                Some(_) => Err(RulerError::UnknownGroup),
                None => Err(RulerError::UnknownNamespace),
            }
        })
        .await?;
        tracing::info!(namespace, group = name, by, "groups of rules were removed");
        Ok(())
    }

    /// Decides under the lock, makes the decision durable, then lets it be in force. Goes on if who
    /// asked goes away meanwhile. Whether something changed.
    async fn edit_groups(
        self: &Arc<Self>,
        decide: impl FnOnce(&Rules, &BTreeSet<Arc<str>>) -> Result<Option<Edit>, RulerError>
        + Send
        + 'static,
    ) -> Result<bool, RulerError> {
        let shared = Arc::clone(self);
        let edited = tokio::spawn(async move {
            let _turn = shared.ruling.lock().await;
            let (edit, undone) = {
                let objects = shared.rule_objects.lock();
                let rules = shared.rules.lock();
                let files = shared.core.lock().loaded.rules().files(&objects);
                let Some(edit) = decide(&rules, &files)? else { return Ok(false) };
                let undone = edit.undone(&rules);
                (edit, undone)
            };
            shared.store_edit(edit.rows()?, undone).await?;
            {
                let mut rules = shared.rules.lock();
                match edit {
                    Edit::Insert(group) => rules.written.insert(*group),
                    Edit::Remove(keys) => keys.iter().for_each(|key| rules.written.remove(key)),
                }
            }
            shared.reload_rules();
            Ok(true)
        });
        edited.await.map_err(|error| broken(&error))?
    }

    /// A commit that failed may still have left its rows with the store, which writes them when it
    /// can: they are followed by those that undo them.
    async fn store_edit(&self, rows: Vec<Row>, undone: Vec<Row>) -> Result<(), RulerError> {
        let ack = {
            let mut core = self.core.lock();
            let mut out = Outgoing::default();
            out.rows = rows;
            self.commit(&mut core, None, &mut out)
        };
        let Some(ack) = ack.map_err(|refused| RulerError::from(refusal(refused)))? else {
            return Ok(());
        };
        if let Err(error) = ack.await {
            self.forget(undone);
            return Err(RulerError::Store(unstored(&error)));
        }
        Ok(())
    }

    /// Every group in force or at rest, as it is written, with where it is from.
    pub(crate) fn defined_groups(&self) -> Vec<DefinedGroup> {
        let objects = self.rule_objects.lock();
        let rules = self.rules.lock();
        let loaded = Arc::clone(&self.core.lock().loaded);
        let files = loaded.rules().files(&objects);
        let defined = |group: &Group, origin, hidden| DefinedGroup {
            file: group.file.to_string(),
            name: group.name.clone(),
            definition: file::to_value(&file::masked(group.clone())),
            origin,
            hidden,
        };
        let read = loaded.rules().groups().iter().chain(objects.groups());
        let of_files = read.map(|group| {
            let ships = group.file.starts_with("pack:");
            defined(group, if ships { GroupOrigin::Pack } else { GroupOrigin::File }, false)
        });
        let written = rules.written.iter().map(|written| {
            let hidden = files.contains(&written.group.file);
            defined(&written.group, written.origin(), hidden)
        });
        of_files.chain(written).collect()
    }
}
