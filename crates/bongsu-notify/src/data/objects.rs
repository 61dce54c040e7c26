//! The notification data as template objects.

use std::sync::Arc;

use bongsu_lang::gotmpl::{Context, Field, GoTime, Object, Shape, Signature, Value};
use bongsu_model::AlertStatus;

use super::{Kv, NotificationAlert, NotificationData};

impl Object for NotificationData {
    fn type_name(&self) -> &'static str {
        "*template.Data"
    }
    fn shape(&self) -> Shape {
        Shape::Pointer
    }
    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Receiver" => Value::from(self.receiver.as_str()),
            "Status" => status(self.status),
            "Alerts" => Value::object(Alerts(Arc::clone(&self.alerts))),
            "NotificationReason" => Value::from(self.notification_reason.as_str()),
            "GroupLabels" => kv(&self.group_labels),
            "CommonLabels" => kv(&self.common_labels),
            "CommonAnnotations" => kv(&self.common_annotations),
            "RouteLabels" => kv(&self.route_labels),
            "ExternalURL" => Value::from(self.external_url.as_str()),
            _ => return None,
        })
    }
    fn fields(&self) -> Vec<Field> {
        let names = [
            ("Receiver", "receiver"),
            ("Status", "status"),
            ("Alerts", "alerts"),
            ("NotificationReason", "notification_reason"),
            ("GroupLabels", "groupLabels"),
            ("CommonLabels", "commonLabels"),
            ("CommonAnnotations", "commonAnnotations"),
            ("RouteLabels", "routeLabels"),
            ("ExternalURL", "externalURL"),
        ];
        all_fields(self, &names)
    }
}

impl Object for NotificationAlert {
    fn type_name(&self) -> &'static str {
        "template.Alert"
    }
    fn shape(&self) -> Shape {
        Shape::Struct
    }
    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Status" => status(self.status),
            "Labels" => kv(&self.labels),
            "Annotations" => kv(&self.annotations),
            "StartsAt" => Value::Time(GoTime::from(self.starts_at)),
            "EndsAt" => Value::Time(GoTime::from(self.ends_at)),
            "GeneratorURL" => Value::from(self.generator_url.as_str()),
            "Fingerprint" => Value::from(self.fingerprint.as_str()),
            _ => return None,
        })
    }
    fn fields(&self) -> Vec<Field> {
        let names = [
            ("Status", "status"),
            ("Labels", "labels"),
            ("Annotations", "annotations"),
            ("StartsAt", "startsAt"),
            ("EndsAt", "endsAt"),
            ("GeneratorURL", "generatorURL"),
            ("Fingerprint", "fingerprint"),
        ];
        all_fields(self, &names)
    }
}

/// The alerts with `.Firing` and `.Resolved`.
#[derive(Debug)]
struct Alerts(Arc<Vec<Arc<NotificationAlert>>>);

impl Alerts {
    fn with(&self, status: AlertStatus) -> Value {
        let some = self.0.iter().filter(|alert| alert.status == status).cloned().collect();
        Value::object(Self(Arc::new(some)))
    }
}

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
        Ok(match name {
            "Firing" => self.with(AlertStatus::Firing),
            _ => self.with(AlertStatus::Resolved),
        })
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn item(&self, index: usize) -> Option<Value> {
        self.0.get(index).map(|alert| Value::Object(Arc::clone(alert) as _))
    }
    fn slice(&self, from: usize, to: usize) -> Option<Value> {
        Some(Value::object(Self(Arc::new(self.0.get(from..to)?.to_vec()))))
    }
    fn element_type(&self) -> &'static str {
        "template.Alert"
    }
}

fn kv(labels: &Kv) -> Value {
    Value::object(labels.clone())
}

fn status(status: AlertStatus) -> Value {
    Value::from(match status {
        AlertStatus::Firing => "firing",
        AlertStatus::Resolved => "resolved",
    })
}

fn all_fields(object: &dyn Object, names: &[(&'static str, &'static str)]) -> Vec<Field> {
    names
        .iter()
        .map(|(name, json)| Field { name, json, value: object.field(name).unwrap_or_default() })
        .collect()
}
