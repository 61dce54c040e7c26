//! Rules of an owner who sees only what is his.
//!
//! In: groups, a label and its value. Out: the same groups: what their rules make has the label, and
//! every selector asks for it. As in prometheus-operator a rule cannot say otherwise: its own label
//! and matchers of that name are replaced.

use bongsu_model::{Diagnostic, MatchOp, Matcher};
use bongsu_promql::{Features, parse_with};

use crate::codes;
use crate::rule::{Group, Language, Rule};

/// Limits the rules of the groups to series with this label.
///
/// # Errors
/// Every rule whose question cannot be limited: it is not in PromQL.
pub fn enforce(groups: &mut [Group], label: &str, value: &str) -> Result<(), Vec<Diagnostic>> {
    let mut faults = Vec::new();
    for group in groups {
        let language = group.options.language;
        for rule in &mut group.rules {
            match limited(rule, language, label, value) {
                Ok(expr) => rule.expr = expr,
                Err(message) => {
                    let fault = Diagnostic::error(codes::ENFORCED, message);
                    faults.push(fault.at(rule.expr_place.clone().or(rule.place.clone())));
                }
            }
            rule.labels.insert(label.to_owned(), value.to_owned());
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn limited(rule: &Rule, language: Language, label: &str, value: &str) -> Result<String, String> {
    let name = &rule.name;
    let refusal = |why: &str| format!("the rule {name:?} cannot be limited to {label}: {why}");
    if rule.condition.is_some() || language != Language::PromQl {
        return Err(refusal("its question is not in PromQL"));
    }
    let mut expr = parse_with(&rule.expr, &Features::all())
        .map_err(|_| refusal("its expression does not parse"))?;
    let wanted = Matcher::new(label, MatchOp::Equal, value).map_err(|e| refusal(&e.to_string()))?;
    expr.selectors_mut(&mut |selector| {
        selector.matchers.retain(|matcher| matcher.name() != label);
        selector.matchers.push(wanted.clone());
    });
    Ok(expr.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_model::Source;

    use super::*;
    use crate::file;

    fn groups(text: &str) -> Vec<Group> {
        let source = Source { name: "a.yaml".to_owned(), text: text.to_owned() };
        file::read(&Arc::new(source), &file::Options::default()).unwrap().groups
    }

    #[test]
    fn every_selector_asks_for_the_label() {
        for (expr, expected) in [
            ("up", r#"up{namespace="shop"}"#),
            (r#"up{namespace!="shop",job="a"}"#, r#"up{job="a",namespace="shop"}"#),
            (r#"{namespace=~".+"}"#, r#"{namespace="shop"}"#),
            (
                r#"sum by (job) (rate(a{namespace="x"}[5m])) / on (job) max_over_time(b[1h:1m] offset 5m)"#,
                r#"sum by (job) (rate(a{namespace="shop"}[5m])) / on (job) max_over_time(b{namespace="shop"}[1h:1m] offset 5m)"#,
            ),
            (
                "topk(scalar(n), -(m)) > 1",
                r#"topk(scalar(n{namespace="shop"}), -(m{namespace="shop"})) > 1"#,
            ),
            ("absent(up)", r#"absent(up{namespace="shop"})"#),
            ("vector(1)", "vector(1)"),
        ] {
            let mut read = groups(&format!(
                "groups: [{{name: g, rules: [{{alert: A, expr: '{expr}', labels: {{namespace: mine}}}}]}}]"
            ));
            enforce(&mut read, "namespace", "shop").unwrap();
            assert_eq!(read[0].rules[0].expr, expected, "{expr}");
            assert_eq!(read[0].rules[0].labels["namespace"], "shop");
        }
    }

    #[test]
    fn what_is_not_promql_is_refused() {
        let mut read = groups(
            "groups: [{name: g, type: logql, rules: [{alert: A, expr: '{a=\"b\"}'}, {alert: B, expr: c}]}]",
        );
        let faults = enforce(&mut read, "namespace", "shop").unwrap_err();
        assert_eq!(faults.len(), 2);
        assert_eq!(
            faults[0].message,
            "the rule \"A\" cannot be limited to namespace: its question is not in PromQL"
        );
    }
}
