//! The data a template is tried with: any status text, unlike the data of real notifications.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::gotmpl::{Context, Field, GoTime, Object, Shape, Signature, Value};
use bongsu_model::{Labels, Time};
use bongsu_notify::data::{Kv, zero_time};
use jiff::Timestamp;
use serde::Deserialize;

type Pairs = BTreeMap<String, String>;

/// Data of one notification as JSON files hold it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TemplateData {
    receiver: String,
    status: String,
    alerts: Vec<TemplateAlert>,
    #[serde(rename = "notification_reason")]
    notification_reason: String,
    group_labels: Pairs,
    common_labels: Pairs,
    common_annotations: Pairs,
    route_labels: Pairs,
    #[serde(rename = "externalURL")]
    external_url: String,
}

/// One alert of [`TemplateData`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TemplateAlert {
    status: String,
    labels: Pairs,
    annotations: Pairs,
    starts_at: Time,
    ends_at: Time,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

impl Default for TemplateAlert {
    fn default() -> Self {
        Self {
            status: String::new(),
            labels: Pairs::new(),
            annotations: Pairs::new(),
            starts_at: zero_time(),
            ends_at: zero_time(),
            generator_url: String::new(),
            fingerprint: String::new(),
        }
    }
}

impl TemplateData {
    /// Reads a JSON object; unknown keys are ignored.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // First the syntax of the whole, then its meaning, so that errors come in Go's order.
        let json: serde_json::Value = serde_json::from_str(text).map_err(|e| match e.is_eof() {
            true => "unexpected end of JSON input".to_owned(),
            false => e.to_string(),
        })?;
        Self::deserialize(json).map_err(|e| e.to_string())
    }

    /// Two alerts with some labels, ending now.
    pub(super) fn example(now: Timestamp) -> Self {
        let pairs = |list: &[(&str, &str)]| -> Pairs {
            list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        };
        let ago = |minutes| {
            let at = now.checked_sub(Duration::from_secs(minutes * 60)).unwrap_or(now);
            Time::utc(at)
        };
        let labels =
            [("commonlabelkey1", "commonlabelvalue1"), ("commonlabelkey2", "commonlabelvalue2")];
        let annotations = [
            ("commonannotationkey1", "commonannotationvalue1"),
            ("commonannotationkey2", "commonannotationvalue2"),
        ];
        let alert = |number: u64, own: &[(&str, &str)], said: &[(&str, &str)]| TemplateAlert {
            status: "alertstatus".into(),
            labels: pairs(&[&labels[..], own].concat()),
            annotations: pairs(&[&annotations[..], said].concat()),
            starts_at: ago(5 * number),
            ends_at: ago(0),
            generator_url: "https://generatorurl.com".into(),
            fingerprint: format!("fingerprint{number}"),
        };
        Self {
            receiver: "receiver".into(),
            status: "alertstatus".into(),
            alerts: vec![
                alert(
                    1,
                    &[("label1", "value1"), ("label2", "value2"), ("instance", "foo.bar:1234")],
                    &[("annotation1", "value1"), ("annotation2", "value2")],
                ),
                alert(2, &[("foo", "bar"), ("baz", "qux")], &[("aaa", "bbb"), ("ccc", "ddd")]),
            ],
            group_labels: pairs(&[
                ("grouplabelkey1", "grouplabelvalue1"),
                ("grouplabelkey2", "grouplabelvalue2"),
            ]),
            common_labels: pairs(&labels),
            common_annotations: pairs(&annotations),
            external_url: "https://example.com".into(),
            ..Self::default()
        }
    }

    /// As templates see it.
    pub(super) fn into_value(self) -> Value {
        let alerts = self.alerts.into_iter().map(Arc::new).collect();
        Value::object(Record {
            type_name: "template.Data",
            fields: vec![
                ("Receiver", "receiver", Value::from(&*self.receiver)),
                ("Status", "status", Value::from(&*self.status)),
                ("Alerts", "alerts", Value::object(Alerts(alerts))),
                (
                    "NotificationReason",
                    "notification_reason",
                    Value::from(&*self.notification_reason),
                ),
                ("GroupLabels", "groupLabels", kv(&self.group_labels)),
                ("CommonLabels", "commonLabels", kv(&self.common_labels)),
                ("CommonAnnotations", "commonAnnotations", kv(&self.common_annotations)),
                ("RouteLabels", "routeLabels", kv(&self.route_labels)),
                ("ExternalURL", "externalURL", Value::from(&*self.external_url)),
            ],
        })
    }
}

impl TemplateAlert {
    fn to_value(&self) -> Value {
        let time = |time: Time| Value::Time(GoTime::from(time));
        Value::object(Record {
            type_name: "template.Alert",
            fields: vec![
                ("Status", "status", Value::from(&*self.status)),
                ("Labels", "labels", kv(&self.labels)),
                ("Annotations", "annotations", kv(&self.annotations)),
                ("StartsAt", "startsAt", time(self.starts_at)),
                ("EndsAt", "endsAt", time(self.ends_at)),
                ("GeneratorURL", "generatorURL", Value::from(&*self.generator_url)),
                ("Fingerprint", "fingerprint", Value::from(&*self.fingerprint)),
            ],
        })
    }
}

fn kv(pairs: &Pairs) -> Value {
    Value::object(Kv::new(Labels::from_pairs(pairs)))
}

/// A struct with its fields spelled out: Go name, JSON name, value.
#[derive(Debug)]
struct Record {
    type_name: &'static str,
    fields: Vec<(&'static str, &'static str, Value)>,
}

impl Object for Record {
    fn type_name(&self) -> &'static str {
        self.type_name
    }
    fn shape(&self) -> Shape {
        Shape::Struct
    }
    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(n, ..)| *n == name).map(|(.., value)| value.clone())
    }
    fn fields(&self) -> Vec<Field> {
        let field = |(name, json, value): &(&'static str, &'static str, Value)| Field {
            name,
            json,
            value: value.clone(),
        };
        self.fields.iter().map(field).collect()
    }
}

/// The list of alerts with `.Firing` and `.Resolved`.
#[derive(Debug)]
struct Alerts(Vec<Arc<TemplateAlert>>);

impl Object for Alerts {
    fn type_name(&self) -> &'static str {
        "template.Alerts"
    }
    fn shape(&self) -> Shape {
        Shape::List
    }
    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "Firing" | "Resolved").then_some(Signature::fixed(&[]))
    }
    fn call(&self, name: &str, _: &[Value], _: &Context) -> Result<Value, String> {
        let status = if name == "Firing" { "firing" } else { "resolved" };
        let some = self.0.iter().filter(|alert| alert.status == status).cloned().collect();
        Ok(Value::object(Self(some)))
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn item(&self, index: usize) -> Option<Value> {
        self.0.get(index).map(|alert| alert.to_value())
    }
    fn element_type(&self) -> &'static str {
        "template.Alert"
    }
}
