//! Reports for people and for CI.
//!
//! In: findings, outcomes of tests. Out: text, JSON, GitHub annotations, SARIF 2.1, JUnit.

use std::fmt::Write as _;

use bongsu_model::{Diagnostic, Severity, render_diagnostics};
use bongsu_rules::unit_test::Report;
use clap::ValueEnum;
use serde_json::{Value, json};

/// Form of a report of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// With the line in question, for people.
    Text,
    /// A list of findings.
    Json,
    /// Annotations of GitHub workflows.
    Github,
    /// SARIF 2.1, for code scanning.
    Sarif,
    /// JUnit, a test for each file.
    Junit,
}

/// Findings in a form; `files` are all that were looked at.
pub(crate) fn findings(form: Form, found: &[Diagnostic], files: &[String]) -> String {
    match form {
        Form::Text => render_diagnostics(found),
        Form::Json => pretty(&found.iter().map(finding).collect::<Value>()),
        Form::Github => found.iter().map(annotation).collect(),
        Form::Sarif => pretty(&sarif(found)),
        Form::Junit => junit_of_files(found, files),
    }
}

fn pretty(value: &Value) -> String {
    // A JSON value is always representable.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn finding(finding: &Diagnostic) -> Value {
    let place = finding.place.as_ref();
    json!({
        "file": place.map(|p| p.source.name.as_str()),
        "line": place.map(|p| p.line),
        "column": place.map(|p| p.column),
        "severity": word(finding.severity),
        "code": finding.code,
        "message": finding.message,
        "help": finding.help,
    })
}

/// `::error file=…,line=…,col=…,title=CODE::message`, with GitHub's escapes.
fn annotation(finding: &Diagnostic) -> String {
    let text = |s: &str| s.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |s: &str| text(s).replace(':', "%3A").replace(',', "%2C");
    let place = finding.place.as_ref().map_or_else(String::new, |p| {
        format!("file={},line={},col={},", property(&p.source.name), p.line, p.column)
    });
    let help = finding.help.as_ref().map(|h| format!("\n{h}")).unwrap_or_default();
    let severity = word(finding.severity);
    let message = text(&format!("{}{help}", finding.message));
    format!("::{severity} {place}title={}::{message}\n", finding.code)
}

fn sarif(found: &[Diagnostic]) -> Value {
    let mut codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| json!({"id": code})).collect();
    let results: Vec<Value> = found
        .iter()
        .map(|finding| {
            let mut message = finding.message.clone();
            if let Some(help) = &finding.help {
                let _ = write!(message, " ({help})");
            }
            let mut result = json!({
                "ruleId": finding.code,
                "level": word(finding.severity),
                "message": {"text": message},
            });
            if let Some(place) = &finding.place {
                result["locations"] = json!([{"physicalLocation": {
                    "artifactLocation": {"uri": place.source.name},
                    "region": {"startLine": place.line, "startColumn": place.column},
                }}]);
            }
            result
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "bongsu",
                "version": crate::version::VERSION,
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

fn junit_of_files(found: &[Diagnostic], files: &[String]) -> String {
    let mut cases = String::new();
    let mut failures = 0;
    let of = |file: &str| {
        let about = found.iter().filter(move |finding| {
            finding.place.as_ref().is_some_and(|place| place.source.name == file)
        });
        about.cloned().collect::<Vec<_>>()
    };
    let placeless = found.iter().filter(|finding| finding.place.is_none()).cloned();
    let all = files.iter().map(|file| (file.as_str(), of(file)));
    for (name, about) in all.chain([("rules", placeless.collect())]) {
        if name == "rules" && about.is_empty() {
            continue;
        }
        let bad = about.iter().any(Diagnostic::is_error);
        failures += usize::from(bad);
        case(&mut cases, "rules", name, bad.then(|| render_diagnostics(&about)).as_deref());
    }
    suites(&cases, "bongsu rule check", files.len(), failures)
}

/// Outcomes of unit tests as JUnit; a suite for all files.
pub(super) fn junit(reports: &[(String, Report)]) -> String {
    let (mut cases, mut tests, mut failures) = (String::new(), 0, 0);
    for (file, report) in reports {
        if !report.mistakes.is_empty() {
            (tests, failures) = (tests + 1, failures + 1);
            case(&mut cases, file, "load", Some(&render_diagnostics(&report.mistakes)));
        }
        for outcome in &report.outcomes {
            tests += 1;
            let told: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
            let failed = !told.is_empty();
            failures += usize::from(failed);
            let told = failed.then(|| told.join("\n"));
            case(&mut cases, file, &outcome.name, told.as_deref());
        }
    }
    suites(&cases, "bongsu rule test", tests, failures)
}

fn suites(cases: &str, name: &str, tests: usize, failures: usize) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  \
         <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\">\n{cases}  \
         </testsuite>\n</testsuites>\n",
        xml(name)
    )
}

fn case(out: &mut String, class: &str, name: &str, failure: Option<&str>) {
    let _ = write!(out, "    <testcase classname=\"{}\" name=\"{}\"", xml(class), xml(name));
    match failure {
        None => out.push_str("/>\n"),
        Some(text) => {
            let first = text.lines().next().unwrap_or_default();
            let _ = write!(
                out,
                ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                xml(first),
                xml(text)
            );
        }
    }
}

/// Text in XML; what XML cannot hold is left out.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if (c as u32) < 0x20 => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_model::{Place, Source};

    use super::*;

    #[test]
    fn every_form() {
        let text = "groups:\n- name: a\n".to_owned();
        let source = Arc::new(Source { name: "a.yaml".to_owned(), text });
        let at = |line| Some(Place { source: Arc::clone(&source), line, column: 3 });
        let found = [
            Diagnostic::error("BS2105", "no <expr>").at(at(2)).help("write one, 50 %"),
            Diagnostic::warning("BS2201", "doubtful").at(at(1)),
        ];
        let files = ["a.yaml".to_owned(), "b.yaml".to_owned()];
        for form in [Form::Json, Form::Github, Form::Sarif, Form::Junit] {
            insta::assert_snapshot!(format!("{form:?}"), findings(form, &found, &files));
        }
    }
}
