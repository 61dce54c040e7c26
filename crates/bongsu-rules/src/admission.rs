//! Objects with rules before a cluster takes them: its validating webhook.
//!
//! In: an `AdmissionReview` (`admission.k8s.io/v1`) with a request. Out: the same with a response:
//! refused with every mistake, or allowed with what is doubtful as warnings. Objects that hold no
//! rules, and those that are deleted, are allowed.

use std::sync::Arc;

use bongsu_model::Diagnostic;
use serde_json::{Value, json};

use crate::file::{self, Options};
use crate::lint::{Policy, lint};

const VERSION: &str = "admission.k8s.io/v1";
/// Characters of a warning; clients cut longer ones.
const WARNING: usize = 256;
/// Warnings of one answer.
const WARNINGS: usize = 15;
/// Characters of a refusal.
const MESSAGE: usize = 16 << 10;
/// Kinds that hold rules.
const KINDS: [&str; 2] = ["PrometheusRule", "RuleGroup"];

/// Answers a review.
///
/// # Errors
/// Why the body is no review.
pub fn review(body: &[u8], policy: &Policy) -> Result<Value, String> {
    let review: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))?;
    if review["kind"] != "AdmissionReview" || review["apiVersion"] != VERSION {
        return Err(format!("the body is no AdmissionReview of {VERSION}"));
    }
    let request = &review["request"];
    let Some(uid) = request["uid"].as_str().filter(|uid| !uid.is_empty()) else {
        return Err("the review has no request with a uid".to_owned());
    };
    let object = &request["object"];
    let (mistakes, doubts) = match request["operation"].as_str() {
        Some("DELETE" | "CONNECT") => Default::default(),
        _ if object.is_null() => return Err("the request has no object".to_owned()),
        _ => judge(object, policy),
    };
    let mut response = json!({"uid": uid, "allowed": mistakes.is_empty()});
    if !mistakes.is_empty() {
        let message = mistakes.iter().map(said).collect::<Vec<_>>().join("\n");
        let message = cut(&message, MESSAGE);
        response["status"] =
            json!({"status": "Failure", "code": 422, "reason": "Invalid", "message": message});
    }
    if !doubts.is_empty() {
        response["warnings"] = warnings(&doubts).into();
    }
    Ok(json!({"apiVersion": VERSION, "kind": "AdmissionReview", "response": response}))
}

/// Mistakes and doubts of an object.
fn judge(object: &Value, policy: &Policy) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    if !KINDS.iter().any(|kind| object["kind"] == *kind) {
        return Default::default();
    }
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    // An object that is made with generateName has no name yet.
    let name = if name.is_empty() { "(unnamed)" } else { name };
    let source = file::object_source(kind, "", name, &object["spec"]);
    match file::read(&Arc::new(source), &Options::default()) {
        Ok(loaded) => {
            let mut doubts = loaded.warnings;
            doubts.extend(lint(&loaded.groups, policy));
            (Vec::new(), doubts)
        }
        Err(found) => found.into_iter().partition(Diagnostic::is_error),
    }
}

/// Who reads this wrote YAML: places in the JSON that came of it would mislead.
fn said(finding: &Diagnostic) -> String {
    let help = finding.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("[{}] {}{help}", finding.code, finding.message)
}

fn warnings(doubts: &[Diagnostic]) -> Vec<String> {
    let mut all: Vec<String> =
        doubts.iter().take(WARNINGS).map(|doubt| cut(&said(doubt), WARNING)).collect();
    if doubts.len() > WARNINGS {
        all.push(format!("and {} more: bongsu rule check shows all", doubts.len() - WARNINGS));
    }
    all
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most - 1) {
        Some((at, c)) if at + c.len_utf8() < text.len() => format!("{}…", &text[..at]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reviewed(operation: &str, object: &Value) -> Value {
        let request = json!({"uid": "u-1", "operation": operation, "object": object});
        let review = json!({"apiVersion": VERSION, "kind": "AdmissionReview", "request": request});
        let answer = review_of(&review).unwrap();
        assert_eq!(
            (&answer["kind"], &answer["apiVersion"]),
            (&review["kind"], &review["apiVersion"])
        );
        assert_eq!(answer["response"]["uid"], "u-1");
        answer["response"].clone()
    }

    fn review_of(review: &Value) -> Result<Value, String> {
        review_text(&review.to_string())
    }

    fn review_text(text: &str) -> Result<Value, String> {
        review(text.as_bytes(), &Policy::default())
    }

    fn object(kind: &str, spec: &Value) -> Value {
        json!({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "web", "namespace": "shop",
               "managedFields": [{}]}, "spec": spec, "status": {"bindings": []}})
    }

    #[test]
    fn sound_rules_are_allowed() {
        let rule = json!({"alert": "Down", "expr": "up == 0", "for": "5m",
            "labels": {"severity": "critical"}, "annotations": {"summary": "{{ $labels.job }} is down",
            "description": "x", "runbook_url": "https://x"}});
        let answer = reviewed(
            "CREATE",
            &object("PrometheusRule", &json!({"groups": [{"name": "a", "rules": [rule]}]})),
        );
        assert_eq!(answer, json!({"uid": "u-1", "allowed": true}));
    }

    #[test]
    fn every_mistake_is_told() {
        let rules = json!([{"alert": "A", "expr": "sum("}, {"record": "a", "expr": "up", "for": "5m"}, {"expr": 1}]);
        let answer = reviewed(
            "UPDATE",
            &object("PrometheusRule", &json!({"groups": [{"name": "a", "rules": rules}]})),
        );
        assert_eq!(answer["allowed"], false);
        let message = answer["status"]["message"].as_str().unwrap();
        assert_eq!(message.lines().count(), 3, "{message}");
        for (line, code) in message.lines().zip(["BS2106", "BS2105", "BS2105"]) {
            assert!(line.starts_with(&format!("[{code}]")), "{message}");
        }
        assert_eq!(answer["status"]["code"], 422);
    }

    #[test]
    fn doubts_are_warnings() {
        let rules = json!([{"alert": "A", "expr": "up == 0"}]);
        let answer = reviewed(
            "CREATE",
            &object("PrometheusRule", &json!({"groups": [{"name": "a", "rules": rules}]})),
        );
        assert_eq!(answer["allowed"], true);
        let warnings = answer["warnings"].as_array().unwrap();
        assert!(
            warnings.iter().all(|warning| warning.as_str().unwrap().chars().count() <= WARNING)
        );
        assert!(warnings.iter().any(|warning| warning.as_str().unwrap().contains("severity")));
        let many: Vec<Value> =
            (0..30).map(|n| json!({"alert": format!("A{n}"), "expr": "up == 0"})).collect();
        let answer = reviewed(
            "CREATE",
            &object("PrometheusRule", &json!({"groups": [{"name": "a", "rules": many}]})),
        );
        assert_eq!(answer["warnings"].as_array().unwrap().len(), WARNINGS + 1);
    }

    #[test]
    fn groups_of_bongsu_and_foreign_objects() {
        let spec = json!({"datasource": "logs", "rules": [{"alert": "A", "frequency": {"threshold": "nonsense"}}]});
        assert_eq!(reviewed("CREATE", &object("RuleGroup", &spec))["allowed"], false);
        assert_eq!(reviewed("CREATE", &object("ConfigMap", &json!({})))["allowed"], true);
        assert_eq!(reviewed("DELETE", &Value::Null)["allowed"], true);
        assert_eq!(
            reviewed("CREATE", &json!({"kind": "PrometheusRule", "metadata": {"name": "a"}}))["allowed"],
            false
        );
    }

    #[test]
    fn what_is_no_review() {
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1", "request": {"uid": "a"}}"#,
            r#"{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}"#,
            r#"{"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {"uid": "a", "operation": "CREATE"}}"#,
        ] {
            assert!(review_text(wrong).is_err(), "{wrong}");
        }
    }
}
