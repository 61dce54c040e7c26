//! One provider in full.

use bongsu_provider::manifest::{Input, Manifest, Operation, Text};
use serde_json::{Value, json};

use super::{OneProvider, manifest};
use crate::cli::{Global, Outcome};
use crate::exit::Exit;
use crate::output::object;

/// A provider as JSON.
pub(super) fn described(manifest: &Manifest) -> Value {
    json!({
        "slug": manifest.slug,
        "aliases": manifest.aliases,
        "name": text(&manifest.name),
        "summary": text(&manifest.summary),
        "categories": manifest.categories,
        "docs": manifest.docs,
        "setup": text(&manifest.setup),
        "settings": manifest.auth.iter().map(input).collect::<Vec<_>>(),
        "actions": manifest.actions.iter().map(operation).collect::<Vec<_>>(),
        "queries": manifest.queries.iter().map(operation).collect::<Vec<_>>(),
        "permissions": manifest.checks.iter().map(operation).collect::<Vec<_>>(),
        "pull": manifest.pull.as_ref().map(|pull| json!({
            "every_seconds": pull.every.as_secs(),
            "shape": pull.shape,
            "complete": pull.may_be_complete(),
        })),
        "signed": !manifest.verify.is_empty(),
        "shapes": manifest.ingest.iter().map(|shape| shape.name.as_str()).collect::<Vec<_>>(),
        "departures": manifest.departures,
    })
}

fn text(text: &Text) -> Value {
    json!({"en": text.en, "ko": text.ko})
}

fn input(input: &Input) -> Value {
    json!({
        "name": input.name,
        "label": text(&input.label),
        "help": text(&input.help),
        "type": input.kind.name(),
        "secret": input.secret,
        "required": input.required,
        "required_unless": input.required_unless,
        "default": if input.secret { Value::Null } else { input.default.clone().into() },
        "random": input.random,
        "options": input.options,
        "aliases": input.aliases,
    })
}

fn operation(operation: &Operation) -> Value {
    json!({
        "name": operation.name,
        "summary": text(&operation.summary),
        "params": operation.params.iter().map(input).collect::<Vec<_>>(),
    })
}

impl OneProvider {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let catalogue = self.folders.catalogue()?;
        let manifest = manifest(&catalogue, &self.slug)?;
        let mut text = format!(
            "{} ({})\n{}\n\n  categories  {}\n",
            manifest.name.en,
            manifest.slug,
            manifest.summary.en,
            manifest.categories.join(", "),
        );
        let shapes: Vec<&str> = manifest.ingest.iter().map(|shape| shape.name.as_str()).collect();
        if !shapes.is_empty() {
            text.push_str(&format!("  payloads    {}\n", shapes.join(", ")));
        }
        if let Some(docs) = &manifest.docs {
            text.push_str(&format!("  docs        {docs}\n"));
        }
        text.push_str(&format!("\nSetup: {}\n", manifest.setup.en.trim()));
        if !manifest.auth.is_empty() {
            text.push_str("\nSettings\n");
            inputs(&mut text, &manifest.auth, "  ");
        }
        for (title, operations) in [("Actions", &manifest.actions), ("Queries", &manifest.queries)]
        {
            if !operations.is_empty() {
                text.push_str(&format!("\n{title}\n"));
            }
            for operation in operations {
                text.push_str(&format!("  {}  {}\n", operation.name, operation.summary.en));
                inputs(&mut text, &operation.params, "    ");
            }
        }
        if let Some(pull) = &manifest.pull {
            let every = pull.every.as_secs();
            text.push_str(&format!("\nFetches alerts every {every} s unless set otherwise.\n"));
            if pull.may_be_complete() {
                text.push_str("What was fetched and is told no more is resolved.\n");
            }
        }
        if !manifest.checks.is_empty() {
            text.push_str("\nPermissions\n");
            for check in &manifest.checks {
                text.push_str(&format!("  {}  {}\n", check.name, check.summary.en));
            }
        }
        for departure in &manifest.departures {
            text.push_str(&format!("Departure: {departure}\n"));
        }
        object(&described(&manifest), global.output, &global.fields, &text, &manifest.slug);
        Ok(Exit::Done)
    }
}

/// One line each.
fn inputs(out: &mut String, inputs: &[Input], indent: &str) {
    let width = inputs.iter().map(|input| input.name.len()).max().unwrap_or(0);
    for input in inputs {
        let mut notes = vec![input.kind.name().to_owned()];
        if input.secret {
            notes.push("secret".to_owned());
        }
        match (&input.required_unless, input.required) {
            (Some(other), _) => notes.push(format!("required unless {other}")),
            (None, true) => notes.push("required".to_owned()),
            (None, false) => {}
        }
        if let Some(default) = input.default.as_ref().filter(|_| !input.secret) {
            notes.push(format!("default {default}"));
        }
        if input.random.is_some() {
            notes.push("random unless given".to_owned());
        }
        let line =
            format!("{indent}{:width$}  {} ({})", input.name, input.label.en, notes.join(", "));
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
