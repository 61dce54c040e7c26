//! The file `silences`.
//!
//! In: its records (`MeshSilence` of Alertmanager's `silencepb`). Out: silences with one set of
//! matchers each.

use std::time::Duration;

use bongsu_lang::Mode;
use bongsu_lang::protobuf::{Message, ProtobufError};
use bongsu_model::{Labels, MatchOp, Silence, Timestamp};
use bongsu_route::silence::{MatcherDraft, validate_matchers};
use jiff::SignedDuration;

use super::Taken;
use super::wire::{Fault, each, timestamp};

/// A silence as its record has it.
#[derive(Default)]
struct Record {
    id: String,
    /// The only set of servers that knew no more; where there are sets, a copy for such servers.
    matchers: Vec<MatcherDraft>,
    matcher_sets: Vec<Vec<MatcherDraft>>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    /// Author and comment of the time when there could be several.
    old_comment: Option<(String, String)>,
    created_by: String,
    comment: String,
}

/// Reads the silences that are not past their end by more than `retention`.
///
/// Each set of matchers becomes a silence: the first has the record's id, the others one from
/// `fresh_id`. Sets win over the old single list. Fails if the file is damaged; a silence that
/// could not be set today (no id, no times, matchers that are refused) is left aside.
pub fn read_silences(
    file: &[u8],
    now: Timestamp,
    retention: Duration,
    fresh_id: &mut dyn FnMut() -> String,
) -> Result<Taken<Silence>, ProtobufError> {
    let retention = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
    each(file, |message, silences| {
        let mut record = Record::default();
        let read = record.read(message);
        let id = record.id.clone();
        let found = read.and_then(|()| record.silences(fresh_id)).map_err(|fault| match fault {
            Fault::Unusable(reason) => Fault::Unusable(format!("silence {id:?}: {reason}")),
            corrupt => corrupt,
        })?;
        let kept = |silence: &Silence| {
            silence.ends_at.checked_add(retention).map_or(true, |end| end > now)
        };
        silences.extend(found.into_iter().filter(kept));
        Ok(())
    })
}

fn matcher_set(message: Message<'_>) -> Result<Vec<MatcherDraft>, Fault> {
    let mut set = Vec::new();
    for field in message {
        if let (1, value) = field? {
            set.push(matcher(value.message()?)?);
        }
    }
    Ok(set)
}

fn matcher(message: Message<'_>) -> Result<MatcherDraft, Fault> {
    let mut matcher =
        MatcherDraft { name: String::new(), op: MatchOp::Equal, value: String::new() };
    for field in message {
        match field? {
            (1, value) => {
                matcher.op = match value.unsigned()? {
                    0 => MatchOp::Equal,
                    1 => MatchOp::Regex,
                    2 => MatchOp::NotEqual,
                    3 => MatchOp::NotRegex,
                    other => {
                        return Err(Fault::Unusable(format!("unknown matcher type {other}")));
                    }
                };
            }
            (2, value) => value.text()?.clone_into(&mut matcher.name),
            (3, value) => value.text()?.clone_into(&mut matcher.value),
            _ => {}
        }
    }
    Ok(matcher)
}

fn old_comment(message: Message<'_>) -> Result<(String, String), Fault> {
    let (mut author, mut comment) = (String::new(), String::new());
    for field in message {
        match field? {
            (1, value) => value.text()?.clone_into(&mut author),
            (2, value) => value.text()?.clone_into(&mut comment),
            _ => {}
        }
    }
    Ok((author, comment))
}

impl Record {
    /// Reads a `MeshSilence`; up to a fault the fields are filled in.
    fn read(&mut self, message: Message<'_>) -> Result<(), Fault> {
        for field in message {
            if let (1, value) = field? {
                self.read_silence(value.message()?)?;
            }
        }
        Ok(())
    }

    fn read_silence(&mut self, message: Message<'_>) -> Result<(), Fault> {
        for field in message {
            let (number, value) = field?;
            match number {
                1 => value.text()?.clone_into(&mut self.id),
                2 => self.matchers.push(matcher(value.message()?)?),
                3 => self.starts_at = Some(timestamp(value.message()?)?),
                4 => self.ends_at = Some(timestamp(value.message()?)?),
                5 => self.updated_at = Some(timestamp(value.message()?)?),
                7 if self.old_comment.is_none() => {
                    self.old_comment = Some(old_comment(value.message()?)?);
                }
                8 => value.text()?.clone_into(&mut self.created_by),
                9 => value.text()?.clone_into(&mut self.comment),
                10 => self.matcher_sets.push(matcher_set(value.message()?)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// One silence per set of matchers.
    fn silences(self, fresh_id: &mut dyn FnMut() -> String) -> Result<Vec<Silence>, Fault> {
        let unusable = |reason: &str| Err(Fault::Unusable(reason.to_owned()));
        let (Some(starts_at), Some(ends_at)) = (self.starts_at, self.ends_at) else {
            return unusable("no start or no end");
        };
        if self.id.is_empty() {
            return unusable("no id");
        }
        let sets =
            if self.matcher_sets.is_empty() { vec![self.matchers] } else { self.matcher_sets };
        let sets: Vec<&[MatcherDraft]> = sets.iter().map(Vec::as_slice).collect();
        // Whatever names that server took, it took: the widest rule.
        let sets = validate_matchers(&sets, Mode::Utf8).map_err(Fault::Unusable)?;
        let (created_by, comment) = self.old_comment.unwrap_or((self.created_by, self.comment));
        let mut id = Some(self.id);
        let silence = |matchers| Silence {
            id: id.take().unwrap_or_else(&mut *fresh_id).into(),
            matchers,
            starts_at,
            ends_at,
            updated_at: self.updated_at.unwrap_or(starts_at),
            created_by: created_by.as_str().into(),
            comment: comment.as_str().into(),
            annotations: Labels::default(),
        };
        Ok(sets.into_iter().map(silence).collect())
    }
}
