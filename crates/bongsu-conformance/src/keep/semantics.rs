//! `keep-semantics`: texts and conditions, judged by what Keep's engine made of them.
//!
//! In: texts with a context and what they rendered to; conditions and whether the step ran. Out: a
//! verdict for each. Where the language departs on purpose (`docs/workflows.md`) a rule says in which
//! direction. A rule goes by what a text is about, never by the text.

use std::path::Path;

use anyhow::{Context as _, Result};
use bongsu_model::{Source, render_diagnostics};
use bongsu_workflow::{Facts, Reference, Scope, Template, load};
use regex::Regex;
use serde_json::{Map, Value};

use crate::report::Report;

/// The clock of the recordings.
const NOW: &str = "2026-01-15T12:00:00Z";

pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    for (file, judge) in [("render.json", texts as Judge), ("if.json", conditions as Judge)] {
        let path = folder.join(file);
        if path.is_file() {
            let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            judge(file, &serde_json::from_slice(&text)?, report)?;
        }
    }
    Ok(())
}

type Judge = fn(&str, &Value, &mut Report) -> Result<()>;

fn facts() -> Result<Facts> {
    Ok(Facts { now: NOW.parse()?, fired_before: None })
}

/// The context with constants as the configuration they are: texts to render.
fn scope<'c>(context: &'c Map<String, Value>, consts: &'c Value) -> Result<Scope<'c>> {
    let mut scope = Scope::new(facts()?);
    for (name, value) in
        context.iter().filter(|(name, _)| !matches!(&***name, "consts" | "secrets"))
    {
        scope.set(name, value);
    }
    scope.set("consts", consts);
    Ok(scope)
}

fn rendered(consts: &Value, scope: &Scope<'_>) -> Value {
    match consts {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(k, v)| (k.clone(), rendered(v, scope))).collect())
        }
        Value::String(text) => match Template::parse(text).and_then(|template| {
            template.render(scope, false).map_err(|_| unreachable_mistake(text))
        }) {
            Ok(filled) => filled.preview(),
            Err(_) => consts.clone(),
        },
        other => other.clone(),
    }
}

fn unreachable_mistake(text: &str) -> bongsu_workflow::Mistake {
    bongsu_workflow::Mistake { offset: 0, message: text.to_owned(), help: None }
}

fn texts(file: &str, cases: &Value, report: &mut Report) -> Result<()> {
    let context = cases["context"].as_object().context("no context")?;
    let empty = Value::Object(Map::new());
    let first = scope(context, &empty)?;
    let consts = rendered(context.get("consts").unwrap_or(&empty), &first);
    let scope = scope(context, &consts)?;
    for (at, case) in cases["cases"].as_array().context("no cases")?.iter().enumerate() {
        let template = &case["template"];
        let name = format!("{at} {template}");
        if !report.wants(file, &name) {
            continue;
        }
        let got = render(template, &scope, context, case["safe"] != Value::Bool(false));
        let verdict = match (case["result_type"].as_str(), &got) {
            (Some("ERR"), Err(_)) => Ok(()),
            (Some("ERR"), Ok(got)) => {
                match template.as_str().and_then(|text| more(text, context)) {
                    Some(_) => Ok(()),
                    None => Err(format!("{got}, wanted an error: {}", case["result"])),
                }
            }
            (_, Ok(got)) if *got == case["result"] => Ok(()),
            (_, Ok(got)) => match template.as_str().and_then(|text| other(text, context)) {
                Some(_) => Ok(()),
                None => Err(format!("{got}, wanted {}", case["result"])),
            },
            (_, Err(why)) => Err(format!("{why}, wanted {}", case["result"])),
        };
        report.add(file, &name, verdict.into());
    }
    Ok(())
}

fn render(
    template: &Value,
    scope: &Scope<'_>,
    context: &Map<String, Value>,
    strict: bool,
) -> Result<Value, String> {
    let Value::String(text) = template else { return Ok(template.clone()) };
    let template = Template::parse(text).map_err(|mistake| mistake.to_string())?;
    let filled = template.render(scope, strict).map_err(|fault| fault.to_string())?;
    filled.resolve(&mut |reference| match reference {
        Reference::Secret(name) => {
            let secret = context.get("secrets").and_then(|secrets| secrets.get(name));
            secret
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| format!("no secret {name}"))
        }
        Reference::Env(name) => Err(format!("no variable {name}")),
    })
}

/// Why a text may have a value that Keep has none for.
fn more(text: &str, context: &Map<String, Value>) -> Option<&'static str> {
    let tags = Regex::new(r"\{\{[{&#^/]?([^{}]*)\}\}").ok()?;
    let plain = Regex::new(r"^\s*[\w.-]+\s*$").ok()?;
    if tags.captures_iter(text).any(|tag| !plain.is_match(&tag[1])) {
        return Some("braces hold expressions");
    }
    for tag in tags.captures_iter(text) {
        let mut found = context.get(tag[1].trim().split('.').next()?);
        let mut rest = tag[1].trim().split_once('.').map_or("", |(_, rest)| rest);
        while let Some(value) = found.filter(|_| !rest.is_empty()) {
            if rest.contains('.') && value.get(rest).is_some() {
                return Some("keys with dots are found");
            }
            let (key, after) = rest.split_once('.').unwrap_or((rest, ""));
            (found, rest) = (value.get(key), after);
        }
    }
    let count = |c: char| text.matches(c).count();
    if count('(') != count(')') {
        return Some("brackets in a text need no partner");
    }
    if text.contains("keep.") {
        return Some("arguments of functions keep their types");
    }
    other(text, context)
}

/// Why a text may render to something else.
fn other(text: &str, context: &Map<String, Value>) -> Option<&'static str> {
    let tags = Regex::new(r"\{\{[{&]?\s*([\w.-]+)\s*\}\}").ok()?;
    for tag in tags.captures_iter(text) {
        let mut path = tag[1].split('.');
        let root = path.next()?;
        let value = path.try_fold(context.get(root)?, |at, key| match at {
            Value::Array(items) => key.parse::<usize>().ok().and_then(|at| items.get(at)),
            at => at.get(key),
        });
        let data = value.map(Value::to_string).unwrap_or_default();
        if root != "consts" && (data.contains("{{") || data.contains("keep.")) {
            return Some("data is rendered once");
        }
        if ["&lt;", "&gt;", "&amp;", "&quot;", "&#"].iter().any(|entity| data.contains(entity)) {
            return Some("data is not unescaped");
        }
    }
    None
}

fn conditions(file: &str, cases: &Value, report: &mut Report) -> Result<()> {
    let context = cases["context"].as_object().context("no context")?;
    let empty = Value::Object(Map::new());
    let scope = scope(context, &empty)?;
    for (at, case) in cases["cases"].as_array().context("no cases")?.iter().enumerate() {
        let text = case["if"].as_str().context("a case without if")?;
        let name = format!("{at} {text}");
        if !report.wants(file, &name) {
            continue;
        }
        let (got, why) = outcome(text, &scope);
        let wanted = case["outcome"].as_str().unwrap_or_default();
        let verdict = if got == wanted || typed(text, wanted, got).is_some() {
            Ok(())
        } else {
            Err(format!("{got}, wanted {wanted}; {why}"))
        };
        report.add(file, &name, verdict.into());
    }
    Ok(())
}

/// As a step with this condition: it runs, is skipped, or has an error.
fn outcome(text: &str, scope: &Scope<'_>) -> (&'static str, String) {
    let file = serde_json::json!({"workflow": {
        "id": "w", "triggers": [{"type": "manual"}],
        "actions": [{"name": "a", "if": text, "provider": {"type": "console"}}],
    }});
    let source = Source { name: "if".to_owned(), text: file.to_string() };
    let (workflows, _) = match load(source) {
        Ok(loaded) => loaded,
        Err(found) => return ("error", render_diagnostics(&found)),
    };
    let action = workflows.first().and_then(|workflow| workflow.actions.first());
    let Some(condition) = action.and_then(|action| action.condition.as_ref()) else {
        return ("run", "no condition".to_owned());
    };
    match condition.holds(scope) {
        Ok(true) => ("run", String::new()),
        Ok(false) => ("skip", String::new()),
        Err(fault) => ("error", fault.to_string()),
    }
}

/// Where types decide and not how a value reads as text: what Keep skips or refuses may run.
fn typed(text: &str, wanted: &str, got: &str) -> Option<&'static str> {
    let has = |pattern: &str| Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
    match (wanted, got) {
        ("skip" | "error", "run")
            if has(r"(==|!=)\s*(-?\d|True|False)|(\d|True|False)\s*(==|!=)") =>
        {
            Some("numbers and booleans compare as such")
        }
        ("skip", "run") if has(r"\bnot\s+\{\{") => Some("false is false"),
        ("skip" | "error", "run") if has(r#""\{\{|'\{\{"#) => {
            Some("quotes and lines in data mean nothing")
        }
        ("skip" | "error", "run" | "skip")
            if has(r"\{\{[^}]*[=<>|&(\[!][^}]*\}\}|\{\{[^}]* (and|or|in) ") =>
        {
            Some("braces hold expressions")
        }
        ("error", "skip") if has(r"[<>]") => Some("a text and a number have no order"),
        ("error", "run" | "skip") if has(r"\b(true|false|null)\b") => {
            Some("JSON's constants are known")
        }
        ("error", "run" | "skip") if has(r"^\s*\{\{[^}]*\}\}\s*$") => {
            Some("any value is true or not")
        }
        _ => None,
    }
}
