//! The label set of a row and whether its metric name still counts.

use bongsu_model::{Labels, LabelsBuilder};

/// The label that holds a metric's name.
pub(crate) const NAME: &str = "__name__";

/// Labels that tell what a metric is; an operation that makes another thing of it drops them.
fn is_identity(name: &str) -> bool {
    matches!(name, NAME | "__type__" | "__unit__")
}

/// What became of a metric's name. Names are not cut out of label sets while an expression is
/// evaluated: most rows never get that far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// It counts.
    Kept,
    /// It was dropped: the label set still holds it, nobody sees it.
    Hidden,
    /// It counts until the whole expression has been evaluated.
    Doomed,
}

/// A row's label set.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    labels: Labels,
    pub(crate) naming: Naming,
}

impl Metric {
    pub(crate) fn new(labels: Labels) -> Self {
        Self { labels, naming: Naming::Kept }
    }

    pub(crate) fn with(labels: Labels, naming: Naming) -> Self {
        Self { labels, naming }
    }

    /// Pairs in name order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let hidden = self.naming == Naming::Hidden;
        self.labels.iter().filter(move |(name, _)| !(hidden && is_identity(name)))
    }

    /// The value of `name`, or `""`.
    pub(crate) fn value(&self, name: &str) -> &str {
        if self.naming == Naming::Hidden && is_identity(name) {
            return "";
        }
        self.labels.value(name)
    }

    /// The metric's name, or `""`.
    pub(crate) fn name(&self) -> &str {
        self.value(NAME)
    }

    /// The pairs that dropping the name would hide.
    pub(crate) fn identity(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter()
            .take_while(|(name, _)| *name <= "__unit__")
            .filter(|(name, _)| is_identity(name))
    }

    /// The label set as it counts now.
    pub(crate) fn visible(&self) -> Labels {
        match self.naming {
            Naming::Hidden => self.stripped(),
            Naming::Kept | Naming::Doomed => self.labels.clone(),
        }
    }

    /// The label set as it leaves the evaluation.
    pub(crate) fn finish(self) -> Labels {
        match self.naming {
            Naming::Kept => self.labels,
            Naming::Hidden | Naming::Doomed => self.stripped(),
        }
    }

    fn stripped(&self) -> Labels {
        if self.labels.iter().any(|(name, _)| is_identity(name)) {
            self.labels.project(|name| !is_identity(name))
        } else {
            self.labels.clone()
        }
    }

    /// The visible labels with changes: `None` removes, so does an empty value.
    pub(crate) fn edited(&self, changes: &[(&str, Option<&str>)]) -> Labels {
        let mut builder = LabelsBuilder::default();
        for (name, value) in self.iter() {
            if !changes.iter().any(|(changed, _)| *changed == name) {
                builder.push(name, value);
            }
        }
        for (name, value) in changes {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                builder.push(name, value);
            }
        }
        builder.build()
    }

    /// The visible labels that `keep` lets through.
    pub(crate) fn project(&self, keep: impl Fn(&str) -> bool) -> Labels {
        let mut builder = LabelsBuilder::default();
        for (name, value) in self.iter().filter(|(name, _)| keep(name)) {
            builder.push(name, value);
        }
        builder.build()
    }
}

impl PartialEq for Metric {
    /// Whether they count as the same label set.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
