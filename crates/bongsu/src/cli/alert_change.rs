//! `bongsu alert ack`, `dismiss`, `assign`, `delete` …: changing alerts by hand.
//!
//! In: fingerprints, or a search. Out: each alert changed; several only after a yes.

use clap::Args;
use serde_json::{Map, Value, json};

use super::alert_search::{condition, list};
use super::{Failure, Global, Outcome, input};
use crate::client::Client;
use crate::exit::Exit;
use crate::output::Shape;

/// Alerts changed by one command.
const MOST: usize = 10_000;

/// Which alerts to change.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Their fingerprints, as `alert search` shows them.
    #[arg(value_name = "FINGERPRINT")]
    fingerprints: Vec<String>,
    /// Condition in CEL instead.
    #[arg(long, value_name = "CEL", conflicts_with = "fingerprints")]
    cel: Option<String>,
    /// Words that must all stand in their texts, or begin one.
    #[arg(long, value_name = "WORDS", conflicts_with = "fingerprints")]
    text: Option<String>,
    /// A saved search that must find them.
    #[arg(long, value_name = "NAME", conflicts_with = "fingerprints")]
    preset: Option<String>,
    /// Do not ask before changing several.
    #[arg(long, short)]
    yes: bool,
    /// Print which would be changed, change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// `bongsu alert ack`.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert ack 353eae6a3b60c986 --note 'on it'\n  \
                         bongsu alert ack --cel \"service == 'db' && status == 'firing'\" --yes")]
pub(crate) struct AckArguments {
    #[command(flatten)]
    chosen: Chosen,
    /// What there is to say about it.
    #[arg(long, short, value_name = "TEXT")]
    note: Option<String>,
    /// Who takes care.
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// Until the next report only.
    #[arg(long)]
    once: bool,
}

/// `bongsu alert unack`, `resolve`.
#[derive(Debug, Args)]
pub(crate) struct PlainArguments {
    #[command(flatten)]
    chosen: Chosen,
}

/// `bongsu alert dismiss`.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert dismiss 353eae6a3b60c986 --until +4h\n  \
                         bongsu alert dismiss 353eae6a3b60c986 --undo")]
pub(crate) struct DismissArguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Until when: RFC 3339 or a distance (+4h); without it for good.
    #[arg(long, value_name = "TIME", value_parser = input::instant)]
    until: Option<bongsu_model::Time>,
    /// No longer.
    #[arg(long, conflicts_with = "until")]
    undo: bool,
}

/// `bongsu alert assign`.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert assign kim 353eae6a3b60c986\n  \
                         bongsu alert assign - 353eae6a3b60c986")]
pub(crate) struct AssignArguments {
    /// Who takes care; - is nobody.
    #[arg(value_name = "NAME")]
    assignee: String,
    #[command(flatten)]
    chosen: Chosen,
}

/// `bongsu alert note`.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert note 'disk ordered' 353eae6a3b60c986")]
pub(crate) struct NoteArguments {
    /// What there is to say; - takes the note away.
    #[arg(value_name = "TEXT")]
    note: String,
    #[command(flatten)]
    chosen: Chosen,
}

/// `bongsu alert enrich`.
#[derive(Debug, Args)]
#[command(
    before_help = "  bongsu alert enrich 353eae6a3b60c986 --set ticket=OPS-7 --set team=core"
)]
pub(crate) struct EnrichArguments {
    #[command(flatten)]
    chosen: Chosen,
    /// A field, name=value; may be repeated. A value that is JSON is taken as such.
    #[arg(long = "set", value_name = "NAME=VALUE", required = true)]
    set: Vec<String>,
    /// Until the next report only.
    #[arg(long)]
    once: bool,
    /// From when on it no longer holds: RFC 3339 or a distance (+4h).
    #[arg(long, value_name = "TIME", value_parser = input::instant)]
    until: Option<bongsu_model::Time>,
}

/// `bongsu alert unenrich`.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert unenrich 353eae6a3b60c986 --field ticket")]
pub(crate) struct UnenrichArguments {
    #[command(flatten)]
    chosen: Chosen,
    /// A field that is again what the sender says; may be repeated.
    #[arg(long = "field", value_name = "NAME", required = true)]
    fields: Vec<String>,
}

/// `bongsu alert delete`.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert delete 353eae6a3b60c986\n  \
                         bongsu alert delete 353eae6a3b60c986 --restore")]
pub(crate) struct DeleteArguments {
    #[command(flatten)]
    chosen: Chosen,
    /// They no longer count as deleted.
    #[arg(long)]
    restore: bool,
}

impl DeleteArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self.restore {
            true => self.chosen.apply("restore", &json!({"remove": ["deleted"]}), global),
            false => {
                let change = json!({"set": {"deleted": true}, "disposable": true});
                self.chosen.apply("delete", &change, global)
            }
        }
    }
}

impl AckArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let mut change = json!({"status": "acknowledged", "disposable": self.once});
        for (name, text) in [("note", &self.note), ("assignee", &self.assignee)] {
            if let Some(text) = text {
                change[name] = text.as_str().into();
            }
        }
        self.chosen.apply("acknowledge", &change, global)
    }
}

impl PlainArguments {
    pub(super) fn unack(&self, global: &Global) -> Outcome {
        self.chosen.apply("no longer acknowledge", &json!({"status": null}), global)
    }

    pub(super) fn resolve(&self, global: &Global) -> Outcome {
        self.chosen.apply("resolve", &json!({"status": "resolved"}), global)
    }
}

impl DismissArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let until = match &self.until {
            _ if self.undo => Value::Null,
            None => "forever".into(),
            Some(time) => time.at.to_string().into(),
        };
        let word = if self.undo { "no longer dismiss" } else { "dismiss" };
        self.chosen.apply(word, &json!({"dismiss_until": until}), global)
    }
}

impl AssignArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        self.chosen.apply("assign", &json!({"assignee": unless_dash(&self.assignee)}), global)
    }
}

impl NoteArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        self.chosen.apply("annotate", &json!({"note": unless_dash(&self.note)}), global)
    }
}

fn unless_dash(text: &str) -> Option<&str> {
    Some(text).filter(|text| *text != "-")
}

impl EnrichArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let mut set = Map::new();
        for pair in &self.set {
            let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty())
            else {
                return Err(Failure::usage(format!("{pair:?} is not name=value")));
            };
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            set.insert(name.to_owned(), value);
        }
        let expires_at = self.until.as_ref().map(|time| time.at.to_string());
        let change = json!({"set": set, "disposable": self.once, "expires_at": expires_at});
        self.chosen.apply("enrich", &change, global)
    }
}

impl UnenrichArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        self.chosen.apply("give fields back in", &json!({"remove": self.fields}), global)
    }
}

impl Chosen {
    /// Changes them one by one; what fails is told, the others are changed all the same.
    fn apply(&self, word: &str, change: &Value, global: &Global) -> Outcome {
        let client = global.client()?;
        let alerts = self.find(&client)?;
        if alerts.is_empty() {
            return Err(Failure::no("no alert is chosen")
                .hint("name fingerprints, or give --cel, --text or --preset"));
        }
        if self.dry_run {
            list(&alerts, global)?;
            global.say(&format!("would {word} {} alert(s)", alerts.len()));
            return Ok(Exit::Done);
        }
        if alerts.len() > 1 {
            let sample: Vec<String> = alerts.iter().map(shown).collect();
            input::confirm(&format!("{word} {} alerts", alerts.len()), &sample, self.yes)?;
        }
        let (mut changed, mut first) = (Vec::new(), None);
        for alert in &alerts {
            match client.change_alert(text(alert, "fingerprint"), change) {
                Ok(after) => changed.push(after),
                Err(error) => {
                    let failure = Failure::from(error);
                    // Alone it is the failure of the command.
                    if alerts.len() > 1 {
                        eprintln!("{}: {}", text(alert, "fingerprint"), failure.what);
                    }
                    first.get_or_insert(failure);
                }
            }
        }
        // For people the count is enough; programs get the alerts.
        if global.output != Shape::Table {
            list(&changed, global)?;
        }
        if alerts.len() > 1 || first.is_none() {
            global.say(&format!("{} of {} changed", changed.len(), alerts.len()));
        }
        match first {
            None => Ok(Exit::Done),
            Some(failure) if changed.is_empty() => Err(failure),
            Some(_) => Ok(Exit::Partly),
        }
    }

    fn find(&self, client: &Client) -> Result<Vec<Value>, Failure> {
        if !self.fingerprints.is_empty() {
            // Only shown before several are changed; whether they are known the change tells.
            if self.fingerprints.len() == 1 && !self.dry_run {
                return Ok(vec![json!({"fingerprint": self.fingerprints[0]})]);
            }
            let one =
                |name: &String| client.wide_alert(name, "", &[]).map_err(|e| unknown(e, name));
            return self.fingerprints.iter().map(one).collect();
        }
        let asked = condition(&self.cel, &self.text, &self.preset);
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let mut found: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = asked.clone();
            query.push(("limit", "1000"));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = client.get("v1/occurrences", &query)?;
            found.extend(page["items"].as_array().into_iter().flatten().cloned());
            if found.len() > MOST {
                return Err(
                    Failure::usage(format!("more than {MOST} alerts")).hint("narrow the condition")
                );
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(found),
            }
        }
    }
}

/// The answer to a fingerprint the server does not have.
pub(super) fn unknown(error: crate::client::ClientError, fingerprint: &str) -> Failure {
    match error {
        crate::client::ClientError::Refused { status: 404, .. } => {
            Failure::no(format!("no alert {fingerprint}")).hint("find it with: bongsu alert search")
        }
        other => other.into(),
    }
}

fn text<'a>(alert: &'a Value, name: &str) -> &'a str {
    alert[name].as_str().unwrap_or_default()
}

fn shown(alert: &Value) -> String {
    let part = |name| text(alert, name);
    format!("{} {} {} {}", part("status"), part("severity"), part("name"), part("fingerprint"))
}
