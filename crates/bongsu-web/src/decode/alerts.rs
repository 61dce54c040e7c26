//! The body of `POST /api/v2/alerts`.
//!
//! In: bytes. Out: posted alerts, or the exact refusal. A quick single pass takes what real
//! senders send; whatever it does not understand is read again slowly by Go's rules.

use std::sync::Arc;

use bongsu_engine::api::PostedAlert;

use super::json::{self, Node};
use super::typed::{self, Struct};
use super::{Refusal, alerts_fast, uri};

const ALERTS: &str = "models.PostableAlerts";
const TIMES_AND_ANNOTATIONS: &str = "struct { Annotations models.LabelSet \
    \"json:\\\"annotations,omitempty\\\"\"; EndsAt strfmt.DateTime \
    \"json:\\\"endsAt,omitempty\\\"\"; StartsAt strfmt.DateTime \
    \"json:\\\"startsAt,omitempty\\\"\" }";

/// Bounds on one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Alerts in a request.
    pub(crate) alerts: usize,
    /// Labels, and separately annotations, of an alert.
    pub(crate) labels: usize,
}

/// Decodes a body.
pub(crate) fn decode(body: &[u8], bounds: Bounds) -> Result<Vec<PostedAlert>, Refusal> {
    let alerts = match alerts_fast::decode(body) {
        Some(alerts) => alerts,
        None => slowly(body)?,
    };
    check_bounds(&alerts, bounds)?;
    Ok(alerts)
}

fn check_bounds(alerts: &[PostedAlert], bounds: Bounds) -> Result<(), Refusal> {
    let refuse = |message| Err(Refusal { code: 413, message });
    if alerts.len() > bounds.alerts {
        let (sent, most) = (alerts.len(), bounds.alerts);
        return refuse(format!("{sent} alerts in one request, at most {most} are taken"));
    }
    for (i, alert) in alerts.iter().enumerate() {
        for (what, set) in [("labels", &alert.labels), ("annotations", &alert.annotations)] {
            if set.len() > bounds.labels {
                let (sent, most) = (set.len(), bounds.labels);
                return refuse(format!("{i}.{what} has {sent} pairs, at most {most} are taken"));
            }
        }
    }
    Ok(())
}

/// One alert before validation.
struct Draft {
    posted: PostedAlert,
    has_labels: bool,
}

fn slowly(body: &[u8]) -> Result<Vec<PostedAlert>, Refusal> {
    let unreadable = |why: String| Refusal::unreadable("alerts", &why);
    let Some(node) = json::parse(body).map_err(unreadable)? else {
        return Err(Refusal::required("alerts"));
    };
    let items = match &node {
        Node::Array(items) => items.as_slice(),
        Node::Null => &[],
        other => return Err(unreadable(typed::wrong_value(other, ALERTS))),
    };
    let drafts: Vec<Option<Draft>> =
        items.iter().map(draft).collect::<Result<_, _>>().map_err(unreadable)?;
    let mut alerts = Vec::with_capacity(drafts.len());
    for (i, draft) in drafts.into_iter().enumerate() {
        let Some(Draft { posted, has_labels }) = draft else {
            return Err(Refusal::required(&i.to_string()));
        };
        let url = &*posted.generator_url;
        if !url.is_empty() && !uri::is_request_uri(url) {
            let mut quoted = String::new();
            let _ = bongsu_model::go_quote(url, &mut quoted);
            let message = format!("{i}.generatorURL in body must be of type uri: {quoted}");
            return Err(Refusal { code: 601, message });
        }
        if !has_labels {
            return Err(Refusal::required(&format!("{i}.labels")));
        }
        alerts.push(posted);
    }
    Ok(alerts)
}

/// `None` for a null.
fn draft(node: &Node) -> Result<Option<Draft>, String> {
    if *node == Node::Null {
        return Ok(None);
    }
    let mut first = Struct::new(node, "", "", TIMES_AND_ANNOTATIONS)?;
    let annotations = first.map("annotations");
    let ends_at = first.time("endsAt")?.flatten();
    let starts_at = first.time("startsAt")?.flatten();
    first.finish()?;
    let mut second = Struct::new(node, "Alert", "", "models.Alert")?;
    let generator_url = second.uri("generatorURL")?;
    let labels = second.map("labels");
    second.finish()?;
    let has_labels = labels.is_some();
    let posted = PostedAlert {
        labels: typed::labels(labels, false),
        annotations: typed::labels(annotations, true),
        generator_url: Arc::from(generator_url),
        starts_at,
        ends_at,
    };
    Ok(Some(Draft { posted, has_labels }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { alerts: 3, labels: 4 };

    fn refused(body: &str) -> String {
        let refusal = decode(body.as_bytes(), BOUNDS).unwrap_err();
        format!("{} {}", refusal.code, refusal.message)
    }

    #[test]
    fn refusals() {
        insta::assert_snapshot!(refused("{"), @r#"400 parsing alerts body from "" failed, because unexpected EOF"#);
        insta::assert_snapshot!(refused("{}"), @r#"400 parsing alerts body from "" failed, because json: cannot unmarshal object into Go value of type models.PostableAlerts"#);
        insta::assert_snapshot!(refused("  "), @"602 alerts in body is required");
        insta::assert_snapshot!(refused("[{}]"), @"602 0.labels in body is required");
        insta::assert_snapshot!(refused(r#"[{"labels":{"a":"b"}},null]"#), @"602 1 in body is required");
        insta::assert_snapshot!(refused(r#"[{"labels":{"a":1}}]"#), @r#"400 parsing alerts body from "" failed, because json: cannot unmarshal number into Go struct field Alert.labels of type string"#);
        insta::assert_snapshot!(refused(r#"[{"labels":[]}]"#), @r#"400 parsing alerts body from "" failed, because json: cannot unmarshal array into Go struct field Alert.labels of type models.LabelSet"#);
        insta::assert_snapshot!(refused(r#"[{"labels":{"a":"b"},"annotations":{"x":true}}]"#), @r#"400 parsing alerts body from "" failed, because json: cannot unmarshal bool into Go struct field .annotations of type string"#);
        insta::assert_snapshot!(refused(r#"[{"labels":{"a":"b"},"startsAt":"soon"}]"#), @r#"400 parsing alerts body from "" failed, because parsing time "soon" as "2006-01-02": cannot parse "soon" as "2006""#);
        insta::assert_snapshot!(refused(r#"[{"labels":{"a":"b"},"startsAt":5}]"#), @r#"400 parsing alerts body from "" failed, because json: cannot unmarshal number into Go value of type string"#);
        insta::assert_snapshot!(refused(r#"[{"labels":{"a":"b"},"generatorURL":"not a url"}]"#), @r#"601 0.generatorURL in body must be of type uri: "not a url""#);
        insta::assert_snapshot!(refused(r#"[{"labels":{"a":"b"}},{"labels":{"a":"1","b":"1","c":"1","d":"1","e":"1"}}]"#), @"413 1.labels has 5 pairs, at most 4 are taken");
        insta::assert_snapshot!(refused(r#"[{"labels":{}},{"labels":{}},{"labels":{}},{"labels":{}}]"#), @"413 4 alerts in one request, at most 3 are taken");
    }

    fn same(a: &PostedAlert, b: &PostedAlert) -> bool {
        let offsets = |alert: &PostedAlert| {
            [alert.starts_at.map(|t| t.to_string()), alert.ends_at.map(|t| t.to_string())]
        };
        a.labels == b.labels
            && a.annotations == b.annotations
            && a.generator_url == b.generator_url
            && offsets(a) == offsets(b)
    }

    #[test]
    fn both_ways_agree() {
        for (body, quick) in [
            (r#"[]"#, true),
            (r#"[] x"#, true),
            (r#"null"#, false),
            (
                r#"[{"labels":{"b":"2","a":"1"},"annotations":{"x":"","y":"l\n\"q\""},"startsAt":"2024-03-05T10:15:30.5+09:00","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/","extra":[1,{"a":null}]}]"#,
                true,
            ),
            (
                r#"[{"labels":{"a":"x","a":"y"},"annotations":null,"startsAt":null,"endsAt":""}]"#,
                true,
            ),
            (r#"[{"labels":{"a":"x","a":"","b":"1"}}]"#, false),
            (r#"[{"labels":{"\u0061":"x"}}]"#, true),
            (r#"[{"LABELS":{"a":"x"}}]"#, false),
            (r#"[{"labels":{"a":"x"},"labels":{"b":"y"}}]"#, false),
            (r#"[{"labels":{"a":null,"b":"y"}}]"#, false),
            (r#"[{"labels":{"a":"\ud800"}}]"#, false),
        ] {
            let fast = alerts_fast::decode(body.as_bytes());
            assert_eq!(fast.is_some(), quick, "{body}");
            let slow = slowly(body.as_bytes()).unwrap();
            if let Some(fast) = fast {
                assert_eq!(fast.len(), slow.len(), "{body}");
                assert!(fast.iter().zip(&slow).all(|(a, b)| same(a, b)), "{body}");
            }
        }
        let joined = slowly(br#"[{"labels":{"a":"x"},"Labels":{"b":"y","c":""}}]"#).unwrap();
        assert_eq!(joined[0].labels.to_string(), r#"{a="x", b="y"}"#);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_disagree(
            body in proptest::collection::vec(any::<u8>(), 0..64),
            text in r#"\[(\{("labels"|"startsAt"|"x"):(\{("a":("b"|""|1|null|"\\u00e9"),?){0,2}\}|"2024-01-02"|null)\},?){0,3}\]"#,
        ) {
            for input in [body.as_slice(), text.as_bytes()] {
                if let Some(fast) = alerts_fast::decode(input) {
                    let slow = slowly(input);
                    prop_assert!(slow.is_ok());
                    let slow = slow.unwrap();
                    prop_assert!(fast.iter().zip(&slow).all(|(a, b)| same(a, b)));
                    prop_assert_eq!(fast.len(), slow.len());
                }
            }
        }
    }
}
