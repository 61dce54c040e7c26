//! What somebody asks for, and whether it may be.

use bongsu_lang::{Mode, label_name};
use bongsu_model::{Labels, MatchOp, Matcher, Matchers, Silence, Timestamp, go_quote, re2};
use thiserror::Error;

/// A matcher nothing has been checked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatcherDraft {
    /// Label name.
    pub name: String,
    /// Comparison.
    pub op: MatchOp,
    /// Value or regular expression.
    pub value: String,
}

/// A silence nothing has been checked of.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Set to edit an existing silence.
    pub id: Option<String>,
    /// Conditions; order counts for edits.
    pub matchers: Vec<MatcherDraft>,
    /// First instant; `None` is now.
    pub starts_at: Option<Timestamp>,
    /// Last instant; `None` was not sent.
    pub ends_at: Option<Timestamp>,
    /// Who.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Free pairs.
    pub annotations: Labels,
}

/// Why a silence command is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SilenceError {
    /// No silence has that id.
    #[error("silence not found")]
    NotFound,
    /// Against a rule, in Alertmanager's words.
    #[error("{0}")]
    Invalid(String),
}

impl Draft {
    /// The silence it asks for, still without its final id and start.
    pub(super) fn validated(&self, now: Timestamp, mode: Mode) -> Result<Silence, SilenceError> {
        let refuse = |message: &str| SilenceError::Invalid(format!("invalid silence: {message}"));
        let sets: &[&[MatcherDraft]] =
            if self.matchers.is_empty() { &[] } else { &[&self.matchers] };
        let matchers = validate_matchers(sets, mode).map_err(|message| refuse(&message))?;
        let starts_at = self.starts_at.unwrap_or(now);
        let ends_at = self.ends_at.ok_or_else(|| refuse("invalid zero end timestamp"))?;
        if ends_at < starts_at {
            return Err(refuse("end time must not be before start time"));
        }
        Ok(Silence {
            id: "".into(),
            matchers: matchers.into_iter().next().unwrap_or_default(),
            starts_at,
            ends_at,
            updated_at: now,
            created_by: self.created_by.as_str().into(),
            comment: self.comment.as_str().into(),
            annotations: self.annotations.clone(),
        })
    }
}

/// Checks what the API checks before a silence is set at all: a posted silence must begin before
/// it ends and end in the future.
pub fn check_posted_times(
    now: Timestamp,
    starts_at: Timestamp,
    ends_at: Timestamp,
) -> Result<(), SilenceError> {
    let refuse = |why| Err(SilenceError::Invalid(format!("Failed to create silence: {why}")));
    if starts_at >= ends_at {
        return refuse("start time must be before end time");
    }
    if ends_at < now {
        return refuse("end time can't be in the past");
    }
    Ok(())
}

/// Checks sets of matchers, each of which would mute on its own: names and expressions are valid,
/// and no set matches every alert just by matching the empty string. The error is Alertmanager's
/// text without its prefix.
pub fn validate_matchers(sets: &[&[MatcherDraft]], mode: Mode) -> Result<Vec<Matchers>, String> {
    if sets.is_empty() {
        return Err("at least one matcher set required".to_owned());
    }
    let mut checked = Vec::with_capacity(sets.len());
    for (at, set) in sets.iter().enumerate() {
        if set.is_empty() {
            return Err(format!("matcher set {at} is empty"));
        }
        let mut matchers = Vec::with_capacity(set.len());
        let mut only_empty = true;
        for (position, draft) in set.iter().enumerate() {
            let (matcher, matches_empty) = draft
                .validated(mode)
                .map_err(|why| format!("invalid label matcher {position} in set {at}: {why}"))?;
            matchers.push(matcher);
            only_empty &= matches_empty;
        }
        if only_empty {
            return Err(format!(
                "matcher set {at}: at least one matcher must not match the empty string"
            ));
        }
        checked.push(Matchers(matchers));
    }
    Ok(checked)
}

impl MatcherDraft {
    /// The matcher, and whether it counts as one that matches the empty string: for expressions
    /// that is an unanchored match, and negative matchers never do.
    fn validated(&self, mode: Mode) -> Result<(Matcher, bool), String> {
        if !label_name::is_valid(&self.name, mode) {
            return Err(format!("invalid label name {}", quoted(&self.name)));
        }
        let refuse = |error: re2::Error| {
            format!("invalid regular expression {}: {error}", quoted(&self.value))
        };
        let mut matches_empty = self.op == MatchOp::Equal && self.value.is_empty();
        if self.op.is_regex() {
            let unanchored = re2::compile(&self.value).map_err(refuse)?;
            matches_empty = self.op == MatchOp::Regex && unanchored.is_match("");
        }
        let matcher =
            Matcher::new(self.name.as_str(), self.op, self.value.as_str()).map_err(refuse)?;
        Ok((matcher, matches_empty))
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    // Writing to a string cannot fail.
    let _ = go_quote(text, &mut out);
    out
}
