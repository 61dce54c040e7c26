//! `bongsu silence add`, `expire`, `update`, `import`.

use std::cell::Cell;
use std::time::Duration;

use bongsu_model::Time;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Failure, Global, Outcome, input, silence};
use crate::amtool::{silence as am_silence, words};
use crate::client::Raw;
use crate::exit::Exit;
use crate::output::{self, Shape, object};

/// A silence to make.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu silence add DiskFull 'instance=~db.*' -d 2h -c 'disk swap'\n  \
                         bongsu silence add severity=info --end 2026-12-01T08:00:00Z -c holidays --dry-run")]
pub(crate) struct AddArguments {
    /// Matchers that must all hold; a first word alone is the alertname.
    #[arg(required = true)]
    matchers: Vec<String>,
    /// Why.
    #[arg(long, short)]
    comment: String,
    /// How long it lasts.
    #[arg(long, short, default_value = "1h", value_parser = input::length, conflicts_with = "end")]
    duration: Duration,
    /// When it begins: RFC 3339 or a distance (+10m); now if not given.
    #[arg(long, value_name = "TIME", value_parser = input::instant)]
    start: Option<Time>,
    /// When it ends: RFC 3339 or a distance (+2h).
    #[arg(long, value_name = "TIME", value_parser = input::instant)]
    end: Option<Time>,
    /// Who makes it; the user if not given.
    #[arg(long, short, env = "BONGSU_AUTHOR", hide_env_values = true)]
    author: Option<String>,
    /// Show which alerts it would mute, make nothing.
    #[arg(long)]
    dry_run: bool,
}

impl AddArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let matchers = input::matchers(&self.matchers)?;
        let start = self.start.unwrap_or_else(|| Timestamp::now().into());
        let end = match self.end {
            Some(end) => end,
            None => after(start, self.duration)?,
        };
        if end <= start {
            return Err(Failure::usage("the silence would end before it begins"));
        }
        let posted = json!({
            "matchers": matchers.iter().map(am_silence::posted_matcher).collect::<Vec<_>>(),
            "startsAt": words::api_time(start),
            "endsAt": words::api_time(end),
            "createdBy": self.author.clone().unwrap_or_else(words::user),
            "comment": self.comment,
        });
        let client = global.client()?;
        if self.dry_run {
            let filters: Vec<String> = matchers.iter().map(ToString::to_string).collect();
            let query: Vec<_> = filters.iter().map(|f| ("filter", f.as_str())).collect();
            let muted = client.alerts(&query)?;
            object(&posted, Shape::Json, &[], "", "");
            global.say(&format!("would mute {} alert(s) that exist now", muted.len()));
            return Ok(Exit::Done);
        }
        let id = client.post_silence(&posted)?;
        object(&json!({ "silenceID": id }), global.output, &[], &format!("{id}\n"), &id);
        Ok(Exit::Done)
    }
}

fn after(start: Time, length: Duration) -> Result<Time, Failure> {
    let end = start.at.checked_add(length).map_err(|e| Failure::usage(e.to_string()))?;
    Ok(end.into())
}

/// Silences to end.
#[derive(Debug, Args)]
pub(crate) struct ExpireArguments {
    /// Ids of the silences.
    #[arg(required = true)]
    ids: Vec<String>,
    /// Do not ask before ending several.
    #[arg(long, short)]
    yes: bool,
    /// Show what would end, end nothing.
    #[arg(long)]
    dry_run: bool,
}

impl ExpireArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        if self.dry_run || self.ids.len() > 1 {
            let found: Vec<_> = self
                .ids
                .iter()
                .map(|id| client.silence(id).map_err(|e| silence::missing(e, id)))
                .collect::<Result<_, _>>()?;
            if self.dry_run {
                silence::list(&found, global)?;
                global.say(&format!("would end {} silence(s)", found.len()));
                return Ok(Exit::Done);
            }
            let sample: Vec<String> = found
                .iter()
                .map(|s| format!("{}  {}", s.item.id, silence::conditions(&s.item)))
                .collect();
            input::confirm(&format!("end {} silences", found.len()), &sample, self.yes)?;
        }
        each(&self.ids, |id| {
            client.expire_silence(id).map_err(|e| silence::missing(e, id))?;
            global.say(&format!("ended {id}"));
            Ok(())
        })
    }
}

/// Does something to each; goes on after a failure, and tells "some" from "none".
fn each(ids: &[String], act: impl Fn(&str) -> Result<(), Failure>) -> Outcome {
    let mut failures: Vec<Failure> = ids.iter().filter_map(|id| act(id).err()).collect();
    let Some(last) = failures.pop() else { return Ok(Exit::Done) };
    let all_failed = failures.len() + 1 == ids.len();
    for failure in &failures {
        failure.report();
    }
    Err(if all_failed { last } else { Failure { exit: Exit::Partly, ..last } })
}

/// Silences to change, and how.
#[derive(Debug, Args)]
#[group(id = "changes", multiple = true)]
pub(crate) struct UpdateArguments {
    /// Ids of the silences.
    #[arg(required = true)]
    ids: Vec<String>,
    /// New length, from its start.
    #[arg(long, short, value_parser = input::length, conflicts_with = "end")]
    duration: Option<Duration>,
    /// New start: RFC 3339 or a distance (+10m).
    #[arg(long, value_name = "TIME", value_parser = input::instant)]
    start: Option<Time>,
    /// New end: RFC 3339 or a distance (+2h).
    #[arg(long, value_name = "TIME", value_parser = input::instant)]
    end: Option<Time>,
    /// New comment.
    #[arg(long, short)]
    comment: Option<String>,
    /// Print what would be sent, change nothing.
    #[arg(long)]
    dry_run: bool,
}

impl UpdateArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let nothing = self.duration.is_none()
            && self.start.is_none()
            && self.end.is_none()
            && self.comment.is_none();
        if nothing {
            return Err(Failure::usage("nothing to change")
                .hint("give --duration, --start, --end or --comment"));
        }
        let client = global.client()?;
        each(&self.ids, |id| {
            let found = client.silence(id).map_err(|e| silence::missing(e, id))?;
            let posted = self.changed(&found)?;
            if self.dry_run {
                object(&posted, Shape::Json, &[], "", "");
                return Ok(());
            }
            let id = client.post_silence(&posted)?;
            output::print(&format!("{id}\n"));
            Ok(())
        })
    }

    fn changed(&self, found: &Raw<crate::client::Silence>) -> Result<Value, Failure> {
        let start = self.start.unwrap_or(found.item.starts_at);
        let end = match (self.end, self.duration) {
            (Some(end), _) => end,
            (None, Some(length)) => after(start, length)?,
            (None, None) => found.item.ends_at,
        };
        if end <= start {
            return Err(Failure::usage(format!("{} would end before it begins", found.item.id)));
        }
        let mut posted = am_silence::postable(&found.json);
        posted["startsAt"] = words::api_time(start).into();
        posted["endsAt"] = words::api_time(end).into();
        if let Some(comment) = &self.comment {
            posted["comment"] = comment.as_str().into();
        }
        Ok(posted)
    }
}

/// A file of silences.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu silence ls -o json > silences.json\n  \
                         bongsu silence import silences.json")]
pub(crate) struct ImportArguments {
    /// JSON list as `silence ls -o json` prints it; standard input if not given.
    file: Option<String>,
    /// Make new silences even if they exist.
    #[arg(long, short)]
    force: bool,
    /// Requests at once.
    #[arg(long, default_value_t = 8)]
    workers: usize,
    /// Count what would be made, make nothing.
    #[arg(long)]
    dry_run: bool,
}

impl ImportArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let file = self.file.as_deref().filter(|path| *path != "-");
        let listed = am_silence::read_silences(file).map_err(Failure::usage)?;
        let silences: Vec<Value> = listed
            .iter()
            .map(|silence| {
                let mut silence = am_silence::postable(silence);
                if let Some(fields) = silence.as_object_mut().filter(|_| self.force) {
                    fields.shift_remove("id");
                }
                silence
            })
            .collect();
        if self.dry_run {
            global.say(&format!("would make {} silence(s)", silences.len()));
            return Ok(Exit::Done);
        }
        let failed = Cell::new(0usize);
        global.client()?.post_silences(&silences, self.workers, |silence, answer| match answer {
            Ok(id) => output::print(&format!("{id}\n")),
            Err(error) => {
                failed.set(failed.get() + 1);
                let id = silence["id"].as_str().unwrap_or("(without id)");
                eprintln!("error: silence {id}: {}", Failure::from(error).what);
            }
        });
        match (failed.get(), silences.len()) {
            (0, _) => Ok(Exit::Done),
            (bad, all) if bad == all => {
                Err(Failure::no(format!("none of {all} silences was made")))
            }
            (bad, all) => {
                Err(Failure::new(Exit::Partly, format!("{bad} of {all} silences were not made")))
            }
        }
    }
}
