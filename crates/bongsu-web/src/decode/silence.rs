//! The body of `POST /api/v2/silences`.

use bongsu_engine::api::{MatcherDraft, SilenceDraft};
use bongsu_model::{MatchOp, Time, Timestamp};

use super::json::{self, Node};
use super::typed::{self, Struct};
use super::{Refusal, time};

const SILENCE: &str = "struct { ID string \"json:\\\"id,omitempty\\\"\" }";

/// Most matchers of one silence.
const MAX_MATCHERS: usize = 1000;

/// Decodes and validates a body.
pub(crate) fn decode(body: &[u8]) -> Result<SilenceDraft, Refusal> {
    let unreadable = |why: String| Refusal::unreadable("silence", &why);
    let Some(node) = json::parse(body).map_err(unreadable)? else {
        return Err(Refusal::required("silence"));
    };
    draft(&node).map_err(unreadable)?.validate()
}

/// What was sent, nothing demanded yet.
struct Sent {
    id: Option<String>,
    annotations: bongsu_model::Labels,
    comment: Option<String>,
    created_by: Option<String>,
    starts_at: Option<Option<Time>>,
    ends_at: Option<Option<Time>>,
    matchers: Option<Vec<Option<SentMatcher>>>,
}

struct SentMatcher {
    name: Option<String>,
    value: Option<String>,
    is_regex: Option<bool>,
    is_equal: Option<bool>,
}

fn draft(node: &Node) -> Result<Sent, String> {
    let mut outer = Struct::new(node, "", "", SILENCE)?;
    let id = outer.text("id").filter(|id| !id.is_empty());
    outer.finish()?;
    let mut fields = Struct::new(node, "Silence", "", "models.Silence")?;
    let annotations = typed::labels(fields.map("annotations"), true);
    let comment = fields.text("comment");
    let created_by = fields.text("createdBy");
    let ends_at = fields.time("endsAt")?;
    let mut matchers = None;
    if let Some(items) = fields.list("matchers", "models.Matchers") {
        let mut list = Vec::with_capacity(items.len().min(MAX_MATCHERS));
        for item in items {
            list.push(matcher(item, &mut fields));
        }
        matchers = Some(list);
    }
    let starts_at = fields.time("startsAt")?;
    fields.finish()?;
    Ok(Sent { id, annotations, comment, created_by, starts_at, ends_at, matchers })
}

/// `None` for a null.
fn matcher(item: &Node, silence: &mut Struct<'_>) -> Option<SentMatcher> {
    if *item == Node::Null {
        return None;
    }
    let read =
        Struct::new(item, "Matcher", "matchers.", "models.Matcher").and_then(|mut fields| {
            let sent = SentMatcher {
                is_equal: fields.flag("isEqual"),
                is_regex: fields.flag("isRegex"),
                name: fields.text("name"),
                value: fields.text("value"),
            };
            fields.finish().map(|()| sent)
        });
    read.map_err(|mistake| silence.remember(mistake)).ok()
}

impl Sent {
    /// Fields are checked in alphabetical order, as the generated server does.
    fn validate(self) -> Result<SilenceDraft, Refusal> {
        let comment = self.comment.ok_or_else(|| Refusal::required("comment"))?;
        let created_by = self.created_by.ok_or_else(|| Refusal::required("createdBy"))?;
        let ends_at = instant(self.ends_at.ok_or_else(|| Refusal::required("endsAt"))?);
        let sent = self.matchers.ok_or_else(|| Refusal::required("matchers"))?;
        if sent.is_empty() {
            let message = "matchers in body should have at least 1 items".to_owned();
            return Err(Refusal { code: 612, message });
        }
        if sent.len() > MAX_MATCHERS {
            let message = format!("matchers in body should have at most {MAX_MATCHERS} items");
            return Err(Refusal { code: 413, message });
        }
        let matchers = sent
            .into_iter()
            .enumerate()
            .map(|(i, matcher)| match matcher {
                None => Err(Refusal::required(&format!("matchers.{i}"))),
                Some(matcher) => matcher.validate(i),
            })
            .collect::<Result<_, _>>()?;
        let starts_at = instant(self.starts_at.ok_or_else(|| Refusal::required("startsAt"))?);
        let (id, annotations) = (self.id, self.annotations);
        Ok(SilenceDraft { id, matchers, starts_at, ends_at, created_by, comment, annotations })
    }
}

fn instant(time: Option<Time>) -> Timestamp {
    time.map_or_else(time::zero, |time| time.at)
}

impl SentMatcher {
    fn validate(self, i: usize) -> Result<MatcherDraft, Refusal> {
        let required = |field: &str| Refusal::required(&format!("matchers.{i}.{field}"));
        let is_regex = self.is_regex.ok_or_else(|| required("isRegex"))?;
        let name = self.name.ok_or_else(|| required("name"))?;
        let value = self.value.ok_or_else(|| required("value"))?;
        let op = MatchOp::from_flags(is_regex, self.is_equal.unwrap_or(true));
        Ok(MatcherDraft { name, op, value })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn full() -> Value {
        json!({
            "id": "", "matchers": [{"name": "a", "value": "b", "isRegex": true, "isEqual": false}],
            "startsAt": "2034-01-01T00:00:00Z", "endsAt": "2094-01-02T00:00:00+09:00",
            "createdBy": "", "comment": "c", "annotations": {"x": ""},
        })
    }

    #[test]
    fn complete() {
        let draft = decode(full().to_string().as_bytes()).unwrap();
        assert_eq!(draft.id, None);
        assert_eq!(draft.matchers[0].op, MatchOp::NotRegex);
        assert_eq!(draft.ends_at.to_string(), "2094-01-01T15:00:00Z");
        assert_eq!(draft.annotations.to_string(), r#"{x=""}"#);
    }

    #[test]
    fn refusals() {
        let cases: &[(&str, Value, u16, &str)] = &[
            ("comment", Value::Null, 602, "comment in body is required"),
            ("createdBy", Value::Null, 602, "createdBy in body is required"),
            ("endsAt", Value::Null, 602, "endsAt in body is required"),
            ("startsAt", Value::Null, 602, "startsAt in body is required"),
            ("matchers", Value::Null, 602, "matchers in body is required"),
            ("matchers", json!([]), 612, "matchers in body should have at least 1 items"),
            ("matchers", json!([null]), 602, "matchers.0 in body is required"),
            (
                "matchers",
                json!([{"name": "a", "value": "b"}]),
                602,
                "matchers.0.isRegex in body is required",
            ),
            (
                "matchers",
                json!([{"name": "a", "isRegex": false}]),
                602,
                "matchers.0.value in body is required",
            ),
            (
                "matchers",
                json!([{"value": "a", "isRegex": false}]),
                602,
                "matchers.0.name in body is required",
            ),
            (
                "matchers",
                json!({}),
                400,
                "parsing silence body from \"\" failed, because json: cannot unmarshal object into Go struct field Silence.matchers of type models.Matchers",
            ),
            (
                "matchers",
                json!([{"name": 1}]),
                400,
                "parsing silence body from \"\" failed, because json: cannot unmarshal number into Go struct field Matcher.matchers.name of type string",
            ),
            (
                "comment",
                json!(7),
                400,
                "parsing silence body from \"\" failed, because json: cannot unmarshal number into Go struct field Silence.comment of type string",
            ),
            (
                "id",
                json!(7),
                400,
                "parsing silence body from \"\" failed, because json: cannot unmarshal number into Go struct field .id of type string",
            ),
        ];
        for (field, value, code, message) in cases {
            let mut body = full();
            body[*field] = value.clone();
            let refusal = decode(body.to_string().as_bytes()).unwrap_err();
            assert_eq!((refusal.code, refusal.message.as_str()), (*code, *message));
        }
        assert_eq!(decode(b"").unwrap_err().message, "silence in body is required");
        assert_eq!(decode(b"null").unwrap_err().message, "comment in body is required");
    }
}
