//! The workflows that ship, to take and change.

use bongsu_model::{Source, render_diagnostics};
use bongsu_workflow::Workflow;
use clap::Args;
use rust_embed::RustEmbed;
use serde_json::json;

use crate::cli::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row};

#[derive(RustEmbed)]
#[folder = "../../content/workflows"]
#[include = "*/workflow.yaml"]
#[include = "*/test.yaml"]
struct Shipped;

/// Ready workflows to look at.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu workflow templates\n  \
                         bongsu workflow templates slack-thread > workflows/slack-thread.yaml")]
pub(crate) struct TemplatesArguments {
    /// Id of one, to print its text.
    id: Option<String>,
    /// Print its test.
    #[arg(long, requires = "id")]
    test: bool,
}

/// A workflow that ships.
pub(super) struct Ready {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) test: String,
}

/// All of them by id.
pub(super) fn all() -> Vec<Ready> {
    let text = |name: &str| {
        let file = Shipped::get(name)?;
        Some(String::from_utf8_lossy(&file.data).into_owned())
    };
    let names = Shipped::iter();
    let ids = names.filter_map(|name| Some(name.strip_suffix("/workflow.yaml")?.to_owned()));
    let mut all: Vec<Ready> = ids
        .filter_map(|id| {
            let (whole, test) =
                (text(&format!("{id}/workflow.yaml"))?, text(&format!("{id}/test.yaml"))?);
            Some(Ready { id, text: whole, test })
        })
        .collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

impl Ready {
    fn read(&self) -> Result<Workflow, Failure> {
        let source = Source { name: self.id.clone(), text: self.text.clone() };
        let (workflows, _) = bongsu_workflow::load(source)
            .map_err(|found| Failure::no(render_diagnostics(&found)))?;
        workflows.into_iter().next().ok_or_else(|| Failure::no(format!("{} is empty", self.id)))
    }
}

impl TemplatesArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let all = all();
        if let Some(id) = &self.id {
            let ready = all.iter().find(|ready| ready.id == *id).ok_or_else(|| {
                Failure::no(format!("no ready workflow {id}"))
                    .hint("list them with: bongsu workflow templates")
            })?;
            let value = json!({"id": id, "text": ready.text, "test": ready.test});
            let sheet = if self.test { &ready.test } else { &ready.text };
            output::object(&value, global.output, &global.fields, sheet, id);
            return Ok(Exit::Done);
        }
        let mut rows = Vec::new();
        for ready in all {
            let workflow = ready.read()?;
            let triggers: Vec<&str> =
                workflow.triggers.iter().map(|trigger| trigger.kind.as_str()).collect();
            rows.push(Row {
                id: ready.id.clone(),
                cells: vec![
                    (Colour::Strong, ready.id.clone()),
                    (Colour::Plain, triggers.join(" ")),
                    (Colour::Plain, workflow.tags.join(" ")),
                    (Colour::Plain, workflow.name.clone()),
                ],
                json: json!({
                    "id": ready.id, "name": workflow.name, "description": workflow.description,
                    "triggers": triggers, "tags": workflow.tags,
                }),
            });
        }
        let listing = Listing { columns: &["ID", "TRIGGERS", "TAGS", "NAME"], rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        Ok(Exit::Done)
    }
}
