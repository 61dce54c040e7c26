//! `bongsu silence ls`, `get`.

use bongsu_lang::duration;
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::{Failure, Global, Outcome, input, silence_edit};
use crate::client::{ClientError, Raw, Silence};
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row, object};

/// What to do with silences.
#[derive(Debug, Subcommand)]
pub(crate) enum SilenceCommand {
    /// List silences.
    Ls(LsArguments),
    /// Show one silence.
    Get {
        /// Its id.
        id: String,
    },
    /// Make a silence and print its id.
    Add(silence_edit::AddArguments),
    /// End silences now.
    Expire(silence_edit::ExpireArguments),
    /// Change silences.
    Update(silence_edit::UpdateArguments),
    /// Make silences from a JSON list.
    Import(silence_edit::ImportArguments),
}

/// Which silences to list.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu silence ls\n  \
                         bongsu silence ls instance=db1 --within 2h")]
pub(crate) struct LsArguments {
    /// Matchers the silence must have; a first word alone is the alertname.
    matchers: Vec<String>,
    /// Which states to list.
    #[arg(long, value_delimiter = ',', default_value = "active,pending")]
    state: Vec<State>,
    /// Only those made by this author.
    #[arg(long, value_name = "NAME")]
    created_by: Option<String>,
    /// Only those that end, or ended, within this time.
    #[arg(long, value_name = "DURATION", value_parser = input::length)]
    within: Option<std::time::Duration>,
}

/// Where a silence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    All,
    Active,
    Pending,
    Expired,
}

impl SilenceCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls(arguments) => arguments.run(global),
            Self::Get { id } => get(id, global),
            Self::Add(arguments) => arguments.run(global),
            Self::Expire(arguments) => arguments.run(global),
            Self::Update(arguments) => arguments.run(global),
            Self::Import(arguments) => arguments.run(global),
        }
    }
}

impl LsArguments {
    fn run(&self, global: &Global) -> Outcome {
        let filters = input::filters(&self.matchers)?;
        let query: Vec<_> = filters.iter().map(|f| ("filter", f.as_str())).collect();
        let mut silences = global.client()?.silences(&query)?;
        let now = Timestamp::now();
        silences.retain(|Raw { item, .. }| self.wants(item, now));
        silences.sort_by_key(|silence| silence.item.ends_at);
        list(&silences, global)?;
        if silences.is_empty() {
            global.say("no silences");
        }
        Ok(Exit::Done)
    }

    fn wants(&self, silence: &Silence, now: Timestamp) -> bool {
        let state = match silence.status.state.as_str() {
            "active" => State::Active,
            "pending" => State::Pending,
            _ => State::Expired,
        };
        let near = |within| {
            let distance = silence.ends_at.at.duration_since(now).unsigned_abs();
            distance <= within
        };
        (self.state.contains(&State::All) || self.state.contains(&state))
            && self.created_by.as_ref().is_none_or(|name| *name == silence.created_by)
            && self.within.is_none_or(near)
    }
}

/// Prints silences.
pub(super) fn list(silences: &[Raw<Silence>], global: &Global) -> Result<(), Failure> {
    let rows = silences.iter().map(|Raw { json, item: silence }| {
        let plain = |text: String| (Colour::Plain, text);
        let colour = match silence.status.state.as_str() {
            "active" => Colour::Warn,
            "expired" => Colour::Dim,
            _ => Colour::Plain,
        };
        Row {
            id: silence.id.clone(),
            cells: vec![
                plain(silence.id.clone()),
                (colour, silence.status.state.clone()),
                plain(conditions(silence)),
                plain(global.show_time(silence.ends_at.at)),
                plain(silence.created_by.clone()),
                plain(silence.comment.replace('\n', " ")),
            ],
            json: json.clone(),
        }
    });
    Listing { columns: &["ID", "STATE", "MATCHERS", "ENDS", "BY", "COMMENT"], rows: rows.collect() }
        .print(global.output, &global.fields)
        .map_err(Failure::usage)
}

/// Matchers separated by blanks.
pub(super) fn conditions(silence: &Silence) -> String {
    silence.matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The answer to an id the server does not have.
pub(super) fn missing(error: ClientError, id: &str) -> Failure {
    match error {
        ClientError::Refused { status: 404, .. } => {
            Failure::no(format!("no silence {id}")).hint("list them with: bongsu silence ls")
        }
        other => other.into(),
    }
}

fn get(id: &str, global: &Global) -> Outcome {
    let silence = global.client()?.silence(id).map_err(|e| missing(e, id))?;
    let item = &silence.item;
    let lasts = item.ends_at.at.duration_since(item.starts_at.at).unsigned_abs();
    let sheet = format!(
        "id        {}\nstate     {}\nmatchers  {}\nstarts    {}\nends      {} (after {})\n\
         by        {}\ncomment   {}\n",
        item.id,
        item.status.state,
        conditions(item),
        global.show_time(item.starts_at.at),
        global.show_time(item.ends_at.at),
        duration::print(lasts),
        item.created_by,
        item.comment,
    );
    object(&silence.json, global.output, &global.fields, &sheet, id);
    Ok(Exit::Done)
}
