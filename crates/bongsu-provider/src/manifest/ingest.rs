//! Stage 2: a payload becomes alerts, as a manifest says.
//!
//! In: the decoded body of a request. Out: occurrences, with every value that had to be guessed
//! noted, or the reason why the payload cannot be mapped.

use std::borrow::Cow;

use bongsu_lang::jinja::{self, Seen, Sight};
use bongsu_model::{Change, Json, JsonMap, Occurrence, Timestamp, Unmapped};

use super::{Event, Identity, Manifest, Rule, Shape};

/// Alerts one payload may hold.
const ALERTS: usize = 10_000;

/// What came of a payload.
#[derive(Debug, Default)]
pub struct Mapped {
    /// Name of the shape that fitted.
    pub shape: String,
    /// The alerts, in the payload's order.
    pub occurrences: Vec<Occurrence>,
    /// The changes, of a shape whose `event` is that.
    pub changes: Vec<Change>,
    /// Values that name no severity or state, and what they became.
    pub unmapped: Vec<Unmapped>,
    /// Parts that are no alerts, by the manifest's word.
    pub skipped: usize,
}

/// Why a payload cannot be mapped; nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmappable {
    /// The manifest takes no alerts.
    #[error("{0} sends no alerts")]
    NoIngest(String),
    /// No `when` holds.
    #[error("no known shape of a payload of {slug}: tried {tried}")]
    NoShape {
        /// The provider.
        slug: String,
        /// Names of the shapes.
        tried: String,
    },
    /// An expression failed.
    #[error("{shape}: {what}: {reason}")]
    Expression {
        /// The shape.
        shape: String,
        /// Which part of it.
        what: String,
        /// Why.
        reason: String,
    },
    /// The fields make no alert.
    #[error("{shape}: alert {at}: {reasons}")]
    Alert {
        /// The shape.
        shape: String,
        /// Place in the payload, from 0.
        at: usize,
        /// All of them.
        reasons: String,
    },
    /// More alerts than one payload may hold.
    #[error("more than {ALERTS} alerts in one payload")]
    TooMany,
}

impl Manifest {
    /// Maps the body of a request received at `now`.
    pub fn map(&self, body: &Json, now: Timestamp) -> Result<Mapped, Unmappable> {
        if self.ingest.is_empty() {
            return Err(Unmappable::NoIngest(self.slug.clone()));
        }
        let mut sight = Sight::default();
        sight.set(BODY, Seen::of(body));
        for shape in &self.ingest {
            let fits = match &shape.when {
                None => true,
                Some(when) => shape.look("when", when, &sight)?.is_true(),
            };
            if fits {
                return shape.map(&self.slug, &mut sight, now);
            }
        }
        let tried: Vec<&str> = self.ingest.iter().map(|shape| shape.name.as_str()).collect();
        Err(Unmappable::NoShape { slug: self.slug.clone(), tried: tried.join(", ") })
    }
}

impl Manifest {
    /// Maps an item a pull fetched, by the shape the manifest names for it.
    pub fn map_pulled(&self, item: &Json, now: Timestamp) -> Result<Mapped, Unmappable> {
        let shape = self
            .pull
            .as_ref()
            .and_then(|pull| self.ingest.iter().find(|shape| shape.name == pull.shape));
        let Some(shape) = shape else { return Err(Unmappable::NoIngest(self.slug.clone())) };
        let mut sight = Sight::default();
        sight.set(BODY, Seen::of(item));
        shape.map(&self.slug, &mut sight, now)
    }
}

impl Shape {
    fn look<'a>(
        &self,
        what: &str,
        expression: &'a jinja::Expression,
        sight: &Sight<'a>,
    ) -> Result<Seen<'a>, Unmappable> {
        expression.look(sight).map_err(|error| Unmappable::Expression {
            shape: self.name.clone(),
            what: what.to_owned(),
            reason: error.to_string(),
        })
    }

    fn map<'a>(
        &'a self,
        slug: &str,
        sight: &mut Sight<'a>,
        now: Timestamp,
    ) -> Result<Mapped, Unmappable> {
        let body = match &self.each {
            Some(each) => self.look("each", each, sight)?,
            None => sight.seen(BODY),
        };
        let items = match (&self.each, body.elements()) {
            (Some(_), Some(items)) => items,
            (Some(_), None) if body.is_nothing() => Vec::new(),
            _ => vec![body],
        };
        if items.len() > ALERTS {
            return Err(Unmappable::TooMany);
        }
        let mut mapped = Mapped { shape: self.name.clone(), ..Mapped::default() };
        let outer = sight.len();
        for (at, item) in items.into_iter().enumerate() {
            sight.set(ITEM, item);
            for (name, expression) in &self.lets {
                let value = self.look(name, expression, sight)?;
                sight.set(name, value);
            }
            let skip = match &self.skip {
                Some(skip) => self.look("skip", skip, sight)?.is_true(),
                None => false,
            };
            if skip {
                mapped.skipped += 1;
            } else if self.event == Event::Change {
                let mut fields = self.fields(slug, sight, &mut mapped.unmapped)?;
                fields.remove("source");
                let change = Change::from_fields(fields, slug, now, jinja::parse_time).map_err(
                    |reasons| {
                        let reasons = reasons.join("; ");
                        Unmappable::Alert { shape: self.name.clone(), at, reasons }
                    },
                )?;
                mapped.changes.push(change);
            } else {
                let fields = self.fields(slug, sight, &mut mapped.unmapped)?;
                let (occurrence, unmapped) =
                    Occurrence::from_fields(fields, now, jinja::parse_time).map_err(|reasons| {
                        let reasons = reasons.join("; ");
                        Unmappable::Alert { shape: self.name.clone(), at, reasons }
                    })?;
                mapped.occurrences.push(occurrence);
                mapped.unmapped.extend(unmapped);
            }
            sight.cut(outer);
        }
        Ok(mapped)
    }

    fn fields<'a>(
        &'a self,
        slug: &str,
        sight: &Sight<'a>,
        unmapped: &mut Vec<Unmapped>,
    ) -> Result<JsonMap, Unmappable> {
        let mut fields = JsonMap::with_capacity(FIELDS);
        for (name, rule) in &self.fields {
            let value = match rule {
                Rule::Value(expression) => self.look(name, expression, sight)?.to_json(),
                Rule::Mapped { of, map, fold, otherwise } => {
                    let given = self.look(name, of, sight)?.to_json();
                    let text = key_text(&given, *fold);
                    match map.iter().find(|(from, _)| *from == text) {
                        Some((_, became)) => became.clone(),
                        None => {
                            let value = match otherwise {
                                Some(otherwise) => self.look(name, otherwise, sight)?.to_json(),
                                None => Json::Null,
                            };
                            if !text.is_empty() {
                                unmapped.push(Unmapped {
                                    field: name.to_string(),
                                    value: text.into_owned(),
                                    became: key_text(&value, false).into_owned(),
                                });
                            }
                            value
                        }
                    }
                }
            };
            fields.insert(name.clone(), value);
        }
        for expression in &self.spread {
            self.look("spread", expression, sight)?.each_entry(|name, value| {
                let known = fields.get_or_null(name.clone());
                if known.is_null() {
                    known.clone_from(value);
                }
            });
        }
        if !fields.contains_key("source") {
            fields.insert("source", vec![Json::from(slug)]);
        }
        match &self.fingerprint {
            None => {}
            Some(Identity::Value(expression)) => {
                let value = self.look("fingerprint", expression, sight)?.to_json();
                fields.insert("fingerprint", value);
            }
            Some(Identity::Fields(paths)) => {
                fields.insert("fingerprint", jinja::fingerprint(&fields, paths));
            }
        }
        Ok(fields)
    }
}

/// A value as a key of a `map`: text as it is, other values as they print, nothing for null.
fn key_text(value: &Json, fold: bool) -> Cow<'_, str> {
    let text = match value {
        Json::Null => "".into(),
        Json::Text(text) => text.as_str().into(),
        other => Cow::from(other.to_string()),
    };
    if fold { text.to_lowercase().into() } else { text }
}

/// Names of the payload and of the alert in it.
const BODY: &str = "body";
const ITEM: &str = "item";

/// Fields room is made for at once.
const FIELDS: usize = 56;
