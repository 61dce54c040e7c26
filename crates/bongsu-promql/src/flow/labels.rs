//! Sets of labels of which only part is known.

use std::collections::BTreeMap;

use super::NAME;
use crate::ast::Span;

/// Whether the series of a result have a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// All have it, with this value.
    Fixed(String),
    /// All have it.
    Always,
    /// Some may.
    Maybe,
    /// None has it.
    Never(Loss),
}

/// What took a label away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The expression that did.
    pub span: Span,
    /// Why.
    pub cause: Cause,
}

/// Why a label is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An aggregation does not keep it.
    Aggregation,
    /// `on` does not name it, or `ignoring` does.
    Matching,
    /// An operator drops the metric's name.
    Operator,
    /// This function does.
    Function(&'static str),
    /// A matcher selects series without it.
    Matcher,
    /// No series goes in there.
    Constant,
}

impl Presence {
    /// Whether no series can fit both.
    pub fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(a), Self::Fixed(b)) => a != b,
            (Self::Never(_), Self::Fixed(_) | Self::Always)
            | (Self::Fixed(_) | Self::Always, Self::Never(_)) => true,
            _ => false,
        }
    }

    /// What is known of a label that fits both.
    pub(super) fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Fixed(_), _) => self.clone(),
            (_, Self::Fixed(_)) => other.clone(),
            (Self::Never(_), _) => self.clone(),
            (_, Self::Never(_)) => other.clone(),
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (Self::Maybe, Self::Maybe) => Self::Maybe,
        }
    }

    /// What is known of a label that fits one of them.
    fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Fixed(a), Self::Fixed(b)) if a == b => self.clone(),
            (Self::Fixed(_) | Self::Always, Self::Fixed(_) | Self::Always) => Self::Always,
            (Self::Never(_), Self::Never(_)) => self.clone(),
            _ => Self::Maybe,
        }
    }
}

/// The labels of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFlow {
    named: BTreeMap<String, Presence>,
    /// Of all labels not in `named`: `Maybe` or `Never`.
    rest: Presence,
}

impl LabelFlow {
    /// Nothing is known.
    pub(super) fn any() -> Self {
        Self { named: BTreeMap::new(), rest: Presence::Maybe }
    }

    /// There are none.
    pub(super) fn none(loss: Loss) -> Self {
        Self { named: BTreeMap::new(), rest: Presence::Never(loss) }
    }

    /// What is known of `label`.
    pub fn get(&self, label: &str) -> &Presence {
        self.named.get(label).unwrap_or(&self.rest)
    }

    /// Whether all labels there can be are known by name.
    pub fn is_closed(&self) -> bool {
        matches!(self.rest, Presence::Never(_))
    }

    /// Labels of which something is known.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Presence)> {
        self.named.iter().map(|(label, presence)| (label.as_str(), presence))
    }

    /// Whether no series can have labels of both.
    pub fn excludes(&self, other: &Self) -> bool {
        let names = self.named.keys().chain(other.named.keys());
        names.into_iter().any(|label| self.get(label).excludes(other.get(label)))
    }

    /// Nothing is known of `label` any more.
    pub fn forget(&mut self, label: &str) {
        self.set(label, Presence::Maybe);
    }

    pub(super) fn set(&mut self, label: &str, presence: Presence) {
        self.named.insert(label.to_owned(), presence);
    }

    /// Takes one away; what took it away earlier stays the reason.
    pub(super) fn remove(&mut self, label: &str, loss: Loss) {
        if !matches!(self.get(label), Presence::Never(_)) {
            self.set(label, Presence::Never(loss));
        }
    }

    /// Takes all away but `kept`.
    pub(super) fn keep(&mut self, kept: &[String], loss: Loss) {
        let losses = |presence: &Presence| match presence {
            Presence::Never(earlier) => Presence::Never(*earlier),
            _ => Presence::Never(loss),
        };
        let rest = losses(&self.rest);
        let mut named: BTreeMap<String, Presence> =
            kept.iter().map(|label| (label.clone(), self.get(label).clone())).collect();
        for (label, presence) in &self.named {
            // A label that was lost before keeps its reason.
            if !named.contains_key(label) && losses(presence) != rest {
                named.insert(label.clone(), losses(presence));
            }
        }
        *self = Self { named, rest };
    }

    /// Labels of series that are in one of the two.
    pub(super) fn or(&self, other: &Self) -> Self {
        let labels = self.named.keys().chain(other.named.keys());
        let named =
            labels.map(|label| (label.clone(), self.get(label).or(other.get(label)))).collect();
        Self { named, rest: self.rest.or(&other.rest) }
    }

    /// Names known on either side but the metric's.
    pub(super) fn names_with<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let keys = self.named.keys().chain(other.named.keys());
        let mut names: Vec<&str> = keys.map(String::as_str).filter(|name| *name != NAME).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
