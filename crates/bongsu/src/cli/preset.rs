//! `bongsu preset`: saved searches.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Failure, Global, Outcome};
use crate::client::ClientError;
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row, object};

/// What to do with saved searches.
#[derive(Debug, Subcommand)]
pub(crate) enum PresetCommand {
    /// List them with how many alerts each finds.
    Ls,
    /// Show one.
    Show(OnePreset),
    /// Make or replace one.
    Set(SetArguments),
    /// Remove one.
    Rm(OnePreset),
}

/// One saved search.
#[derive(Debug, Args)]
pub(crate) struct OnePreset {
    /// Its name.
    name: String,
}

/// A saved search to write.
#[derive(Debug, Args)]
#[command(
    before_help = "  bongsu preset set worst \"severity == 'critical' && status == 'firing'\"\n  \
                         bongsu preset set db --text 'db disk' --tag infra --group-by service"
)]
pub(crate) struct SetArguments {
    /// Its name.
    name: String,
    /// Condition in CEL.
    cel: Option<String>,
    /// Words that must all stand in the texts of an alert.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// A word to find it by; may be repeated.
    #[arg(long = "tag", value_name = "WORD")]
    tags: Vec<String>,
    /// Field its alerts are shown by.
    #[arg(long, value_name = "FIELD")]
    group_by: Option<String>,
    /// Shown to nobody else.
    #[arg(long)]
    private: bool,
    /// Alerts in it make a noise.
    #[arg(long)]
    noisy: bool,
    /// Count firing alerts only.
    #[arg(long)]
    count_firing: bool,
}

impl PresetCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls => ls(global),
            Self::Show(one) => one.show(global),
            Self::Set(arguments) => arguments.run(global),
            Self::Rm(one) => one.rm(global),
        }
    }
}

fn ls(global: &Global) -> Outcome {
    let page = global.client()?.get("v1/presets", &[("counts", "true")])?;
    let rows = page["items"].as_array().into_iter().flatten().map(|preset| {
        let text = |name: &str| preset[name].as_str().unwrap_or_default().to_owned();
        Row {
            id: text("name"),
            cells: vec![
                (Colour::Strong, text("name")),
                (Colour::Plain, preset["alerts"].as_u64().map_or("?".into(), |n| n.to_string())),
                (Colour::Dim, text("origin")),
                (Colour::Plain, text("cel")),
                (Colour::Plain, text("text")),
                (Colour::Dim, tags(preset)),
            ],
            json: preset.clone(),
        }
    });
    let columns = &["NAME", "ALERTS", "ORIGIN", "CEL", "TEXT", "TAGS"];
    let listing = Listing { columns, rows: rows.collect() };
    listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

fn tags(preset: &Value) -> String {
    let tags = preset["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    tags.collect::<Vec<_>>().join(" ")
}

impl OnePreset {
    fn show(&self, global: &Global) -> Outcome {
        let preset = global.client()?.preset(&self.name).map_err(|e| unknown(e, &self.name))?;
        let mut sheet = String::new();
        for name in ["name", "cel", "text", "group_by", "created_by", "origin"] {
            if let Some(text) = preset[name].as_str() {
                sheet.push_str(&format!("{name:<12}{text}\n"));
            }
        }
        if !tags(&preset).is_empty() {
            sheet.push_str(&format!("{:<12}{}\n", "tags", tags(&preset)));
        }
        let flags = ["is_private", "is_noisy", "counter_shows_firing_only"];
        for name in flags.iter().filter(|name| preset[**name] == true) {
            sheet.push_str(&format!("{name}\n"));
        }
        sheet.push_str(&format!("{:<12}{}\n", "alerts", preset["alerts"]));
        object(&preset, global.output, &global.fields, &sheet, &self.name);
        Ok(Exit::Done)
    }

    fn rm(&self, global: &Global) -> Outcome {
        global.client()?.delete_preset(&self.name).map_err(|e| unknown(e, &self.name))?;
        global.say(&format!("removed {}", self.name));
        Ok(Exit::Done)
    }
}

impl SetArguments {
    fn run(&self, global: &Global) -> Outcome {
        if self.cel.is_none() && self.text.is_none() {
            return Err(Failure::usage("neither a condition nor --text is given"));
        }
        let preset = json!({
            "cel": self.cel, "text": self.text, "tags": self.tags, "group_by": self.group_by,
            "is_private": self.private, "is_noisy": self.noisy,
            "counter_shows_firing_only": self.count_firing,
        });
        let written = global.client()?.put_preset(&self.name, &preset)?;
        object(&written, global.output, &global.fields, "", &self.name);
        global.say(&format!("saved {}", self.name));
        Ok(Exit::Done)
    }
}

fn unknown(error: ClientError, name: &str) -> Failure {
    match error {
        ClientError::Refused { status: 404, .. } => {
            Failure::no(format!("no preset {name}")).hint("list them with: bongsu preset ls")
        }
        other => other.into(),
    }
}
