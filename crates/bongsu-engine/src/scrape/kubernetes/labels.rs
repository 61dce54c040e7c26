//! Labels of discovery.

use std::collections::BTreeMap;

use bongsu_provider::kubernetes::Metadata;

use crate::scrape::TargetGroup;

const PREFIX: &str = "__meta_kubernetes_";

/// Labels under construction; names are given without `__meta_kubernetes_`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta(BTreeMap<String, String>);

impl Meta {
    /// The labels of a namespace's objects.
    pub(super) fn of_namespace(namespace: &str) -> Self {
        let mut meta = Self::default();
        meta.set("namespace", namespace);
        meta
    }

    /// Sets a label.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(format!("{PREFIX}{name}"), value.into());
    }

    /// Sets a label if there is something to say.
    pub(super) fn set_some<T: ToString>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.set(name, value.to_string());
        }
    }

    /// Sets a label of a target itself.
    pub(super) fn set_plain(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Name, labels and annotations of an object of a role.
    pub(super) fn describe(&mut self, role: &str, metadata: &Metadata) {
        self.set(&format!("{role}_name"), metadata.name.as_str());
        for (kind, pairs) in [("label", &metadata.labels), ("annotation", &metadata.annotations)] {
            for (name, value) in pairs {
                let name = sanitized(name);
                self.set(&format!("{role}_{kind}_{name}"), value.as_str());
                self.set(&format!("{role}_{kind}present_{name}"), "true");
            }
        }
    }

    /// Takes further labels, which win.
    pub(super) fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    /// The target with these labels.
    pub(super) fn at(self, address: String) -> TargetGroup {
        TargetGroup { targets: vec![address], labels: self.0 }
    }
}

/// As a name of a label may be.
pub(super) fn sanitized(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
