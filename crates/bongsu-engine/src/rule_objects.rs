//! `PrometheusRule` objects of a cluster as rules of this server.
//!
//! In: the objects as they are, what the configuration wants of them. Out: groups, the rows that keep
//! them. Of each object the last valid version counts: one that is refused keeps what it was, and its
//! mistakes are told. Objects are kept, so that their rules go on after a restart whether or not the
//! cluster can be reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_config::monitoring::KubernetesRules;
use bongsu_model::Diagnostic;
use bongsu_provider::kubernetes::{Metadata, Object};
use bongsu_rules::rule::Group;
use bongsu_rules::{enforce, file};
use bongsu_store::Row;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{RuleObjectView, RuleObjectsView};
use crate::metrics::Page;
use crate::records::{Document, RULE_OBJECT};

const KIND: &str = "PrometheusRule";

/// An object as much of it as counts.
#[derive(Debug, Deserialize)]
pub(crate) struct PrometheusRule {
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
}

impl Object for PrometheusRule {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

/// What is known of all objects.
#[derive(Default)]
pub(crate) struct RuleObjects {
    settings: Option<KubernetesRules>,
    known: BTreeMap<String, Known>,
    /// Whether they are what the cluster has, not what it had before a restart.
    current: bool,
    /// Why nothing new is learned.
    problem: Option<String>,
}

/// One object.
struct Known {
    /// The version seen last.
    seen: Arc<PrometheusRule>,
    /// The last valid one with its groups.
    valid: Option<(Arc<PrometheusRule>, Vec<Group>)>,
    /// Why the version seen last does not count.
    faults: Vec<Diagnostic>,
    /// What is doubtful about it.
    warnings: Vec<Diagnostic>,
}

/// What a step comes to.
#[derive(Default)]
pub(crate) struct Taken {
    /// What is to be written.
    pub(crate) rows: Vec<Row>,
    /// Whether groups are others than before.
    pub(crate) changed: bool,
}

impl RuleObjects {
    /// The objects as they were kept, and the documents that are not needed any more.
    pub(crate) fn start(
        settings: Option<&KubernetesRules>,
        documents: &[Document],
    ) -> (Self, Vec<Row>) {
        let mut objects = Self { settings: settings.cloned(), ..Self::default() };
        let mut rows = Vec::new();
        for document in documents.iter().filter(|document| document.kind == RULE_OBJECT) {
            let read = serde_json::from_slice::<PrometheusRule>(&document.data);
            match (settings, read) {
                (Some(settings), Ok(object)) => {
                    let known = Known::new(Arc::new(object), None, settings);
                    objects.known.insert(document.key.clone(), known);
                }
                (None, _) => rows.push(forget(&document.key)),
                (_, Err(error)) => {
                    tracing::warn!(%error, key = document.key, "a kept object is not readable");
                    rows.push(forget(&document.key));
                }
            }
        }
        (objects, rows)
    }

    /// Takes what the configuration wants now.
    pub(crate) fn configure(&mut self, settings: Option<&KubernetesRules>) -> Vec<Row> {
        if self.settings.as_ref() == settings {
            return Vec::new();
        }
        self.settings = settings.cloned();
        self.current = false;
        self.problem = None;
        let Some(settings) = settings else {
            let gone = std::mem::take(&mut self.known);
            return gone.keys().map(|key| forget(key)).collect();
        };
        for known in self.known.values_mut() {
            let (seen, valid) = (Arc::clone(&known.seen), known.valid.take());
            // What was valid may have to be limited to something else now.
            let valid = valid
                .and_then(|(object, _)| Some((object.clone(), compile(&object, settings).ok()?.0)));
            *known = Known::new(seen, valid, settings);
        }
        Vec::new()
    }

    /// Takes all objects of the cluster.
    pub(crate) fn take(&mut self, objects: &BTreeMap<String, Arc<PrometheusRule>>) -> Taken {
        let Some(settings) = self.settings.clone() else { return Taken::default() };
        let mut taken = Taken::default();
        self.known.retain(|key, known| {
            let stays = objects.contains_key(key);
            if !stays {
                taken.rows.push(forget(key));
                taken.changed |= known.valid.is_some();
            }
            stays
        });
        for (key, object) in objects {
            let known = self.known.remove(key);
            let known = match known {
                Some(known) if same(&known.seen, object) => known,
                before => {
                    // One that was made anew under the same name has nothing to do with the old one.
                    let again = |(valid, _): &(Arc<PrometheusRule>, Vec<Group>)| {
                        valid.metadata.uid == object.metadata.uid
                    };
                    let valid = before.and_then(|known| known.valid);
                    let had = valid.is_some();
                    let known = Known::new(Arc::clone(object), valid.filter(again), &settings);
                    tell(key, &known);
                    if known.faults.is_empty() {
                        taken.rows.push(keep(key, object));
                        taken.changed = true;
                    } else if had && known.valid.is_none() {
                        taken.rows.push(forget(key));
                        taken.changed = true;
                    }
                    known
                }
            };
            self.known.insert(key.clone(), known);
        }
        self.current = true;
        taken
    }

    /// Remembers why nothing new is learned.
    pub(crate) fn stand(&mut self, problem: Option<String>) {
        if self.problem != problem {
            match &problem {
                Some(problem) => tracing::warn!(problem, "rules of the cluster are not followed"),
                None => tracing::info!("rules of the cluster are followed"),
            }
            self.problem = problem;
        }
    }

    /// Groups of all objects.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.known.values().filter_map(|known| known.valid.as_ref()).flat_map(|(_, groups)| groups)
    }

    /// What is known, for people.
    pub(crate) fn view(&self) -> RuleObjectsView {
        let view = |known: &Known| {
            let metadata = &known.seen.metadata;
            let groups = known.valid.as_ref().map_or(&[][..], |(_, groups)| groups.as_slice());
            RuleObjectView {
                namespace: metadata.namespace.clone(),
                name: metadata.name.clone(),
                version: metadata.resource_version.clone(),
                valid: known
                    .valid
                    .as_ref()
                    .map(|(valid, _)| valid.metadata.resource_version.clone()),
                groups: groups.iter().map(|group| group.name.clone()).collect(),
                rules: groups.iter().map(|group| group.rules.len()).sum(),
                faults: known.faults.clone(),
                warnings: known.warnings.clone(),
            }
        };
        RuleObjectsView {
            configured: self.settings.is_some(),
            current: self.current && self.problem.is_none(),
            problem: self.problem.clone(),
            objects: self.known.values().map(view).collect(),
        }
    }

    /// Figures.
    pub(crate) fn write_metrics(&self, page: &mut Page<'_>) {
        if self.settings.is_none() {
            return;
        }
        let current = u8::from(self.current && self.problem.is_none());
        let help = "Whether the rules of the cluster are known as they are now.";
        page.single("bongsu_rule_objects_followed", "gauge", help, current);
        let refused = self.known.values().filter(|known| !known.faults.is_empty()).count();
        let name = "bongsu_rule_objects";
        page.family(
            name,
            "gauge",
            "Objects with rules in the cluster, by what became of their last version.",
        );
        page.sample(name, "state=\"accepted\"", self.known.len() - refused);
        page.sample(name, "state=\"refused\"", refused);
    }
}

impl Known {
    /// Reads an object; if it is not valid, what was so before stays.
    fn new(
        seen: Arc<PrometheusRule>,
        before: Option<(Arc<PrometheusRule>, Vec<Group>)>,
        settings: &KubernetesRules,
    ) -> Self {
        match compile(&seen, settings) {
            Ok((groups, warnings)) => {
                let valid = Some((Arc::clone(&seen), groups));
                Self { seen, valid, faults: Vec::new(), warnings }
            }
            Err(faults) => Self { seen, valid: before, faults, warnings: Vec::new() },
        }
    }
}

/// Groups of an object, limited to its namespace where the configuration wants that.
fn compile(
    object: &PrometheusRule,
    settings: &KubernetesRules,
) -> Result<(Vec<Group>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let Metadata { namespace, name, .. } = &object.metadata;
    let source = Arc::new(file::object_source(KIND, namespace, name, &object.spec));
    let loaded = file::read(&source, &file::Options::default())?;
    let mut groups = loaded.groups;
    if let Some(label) = settings.enforced(namespace, name) {
        enforce::enforce(&mut groups, label, namespace)?;
    }
    // The same object may lie in a file, too.
    let file: Arc<str> = format!("kubernetes:{}", source.name).into();
    groups.iter_mut().for_each(|group| group.file = Arc::clone(&file));
    Ok((groups, loaded.warnings))
}

fn same(known: &PrometheusRule, object: &PrometheusRule) -> bool {
    let version = |object: &PrometheusRule| {
        let Metadata { uid, resource_version, .. } = &object.metadata;
        (uid.clone(), resource_version.clone())
    };
    version(known) == version(object)
}

fn tell(key: &str, known: &Known) {
    for fault in &known.faults {
        let fault = fault.on_one_line();
        tracing::error!(
            object = key,
            kept = known.valid.is_some(),
            fault,
            "rules of the cluster were refused"
        );
    }
    if known.faults.is_empty() {
        let groups = known.valid.as_ref().map_or(0, |(_, groups)| groups.len());
        tracing::info!(object = key, groups, "rules of the cluster were taken");
    }
}

fn forget(key: &str) -> Row {
    Row::DeleteDocument { kind: RULE_OBJECT, key: key.to_owned() }
}

fn keep(key: &str, object: &PrometheusRule) -> Row {
    let Metadata { namespace, name, uid, resource_version, .. } = &object.metadata;
    let metadata = json!({
        "namespace": namespace, "name": name, "uid": uid, "resourceVersion": resource_version,
    });
    let data = json!({"metadata": metadata, "spec": object.spec}).to_string().into_bytes();
    Row::PutDocument { kind: RULE_OBJECT, key: key.to_owned(), data }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_config::monitoring;
    use bongsu_model::Source;

    use super::*;

    fn settings(text: &str) -> KubernetesRules {
        let text = format!("kubernetes_rules: {text}");
        let source = Source { name: "bongsu.yaml".to_owned(), text };
        monitoring::load(&Arc::new(source)).unwrap().0.kubernetes_rules.unwrap()
    }

    fn object(name: &str, uid: &str, version: u32, expr: &str) -> (String, Arc<PrometheusRule>) {
        let object = json!({
            "metadata": {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": version.to_string()},
            "spec": {"groups": [{"name": "g", "rules": [{"alert": "Down", "expr": expr}]}]},
        });
        let object: PrometheusRule = serde_json::from_value(object).unwrap();
        (object.metadata.key(), Arc::new(object))
    }

    fn exprs(objects: &RuleObjects) -> Vec<String> {
        let rules = objects.groups().flat_map(|group| {
            group.rules.iter().map(|rule| format!("{}: {}", group.file, rule.expr))
        });
        rules.collect()
    }

    fn documents(rows: &[Row]) -> Vec<Document> {
        let document = |row: &Row| match row {
            Row::PutDocument { kind, key, data } => {
                Some(Document { kind: *kind, key: key.clone(), data: data.clone() })
            }
            _ => None,
        };
        rows.iter().filter_map(document).collect()
    }

    #[test]
    fn the_last_valid_version_counts() {
        let (mut objects, _) = RuleObjects::start(Some(&settings("{}")), &[]);
        let first = objects
            .take(&BTreeMap::from([object("a", "1", 1, "up == 0"), object("b", "2", 1, "sum(")]));
        assert!(first.changed);
        assert_eq!(exprs(&objects), ["kubernetes:shop/a: up == 0"]);
        let view = objects.view();
        assert_eq!(view.objects.len(), 2);
        assert!(
            view.objects[1].faults[0].message.contains("could not parse expression"),
            "{view:?}"
        );
        assert_eq!(view.objects[1].valid, None);

        // The same again is no change.
        let again = objects
            .take(&BTreeMap::from([object("a", "1", 1, "up == 0"), object("b", "2", 1, "sum(")]));
        assert!(!again.changed && again.rows.is_empty());

        // A mistake keeps what was.
        let wrong = objects
            .take(&BTreeMap::from([object("a", "1", 2, "up =="), object("b", "2", 2, "b > 1")]));
        assert!(wrong.changed);
        assert_eq!(exprs(&objects), ["kubernetes:shop/a: up == 0", "kubernetes:shop/b: b > 1"]);
        let view = objects.view();
        let a = &view.objects[0];
        assert_eq!((a.version.as_str(), a.valid.as_deref()), ("2", Some("1")));
        assert_eq!(a.faults.len(), 1);

        // After a restart without the cluster the rules are the same.
        let kept = documents(&[first.rows, wrong.rows].concat());
        let (restarted, stale) = RuleObjects::start(Some(&settings("{}")), &kept);
        assert_eq!(exprs(&restarted), exprs(&objects));
        assert!(stale.is_empty() && !restarted.view().current);
        let (none, stale) = RuleObjects::start(None, &kept);
        assert_eq!((exprs(&none).len(), stale.len()), (0, 2));

        // Another object under the same name begins anew.
        let anew = objects.take(&BTreeMap::from([object("a", "9", 3, "up ==")]));
        assert!(anew.changed);
        assert!(exprs(&objects).is_empty());
        assert_eq!(anew.rows.len(), 2);
    }

    #[test]
    fn rules_see_their_namespace() {
        let enforced = settings(
            "{enforced_namespace_label: namespace, excluded_from_enforcement: [{namespace: shop, name: free}]}",
        );
        let all =
            BTreeMap::from([object("a", "1", 1, "up == 0"), object("free", "2", 1, "up == 0")]);
        let (mut objects, _) = RuleObjects::start(Some(&enforced), &[]);
        objects.take(&all);
        assert_eq!(
            exprs(&objects),
            [r#"kubernetes:shop/a: up{namespace="shop"} == 0"#, "kubernetes:shop/free: up == 0"]
        );
        // Other settings are taken without the cluster.
        assert!(objects.configure(Some(&settings("{enforced_namespace_label: ns}"))).is_empty());
        assert_eq!(exprs(&objects)[1], r#"kubernetes:shop/free: up{ns="shop"} == 0"#);
        assert_eq!(objects.configure(None).len(), 2);
        assert!(exprs(&objects).is_empty());
    }
}
