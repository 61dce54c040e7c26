//! `bongsu alert`: list, look at, send, change.

use bongsu_lang::Mode;
use bongsu_model::Time;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    Failure, Global, Outcome, alert_change, alert_search, alert_story, alert_watch, input,
};
use crate::amtool::words;
use crate::client::{Alert, Client, ClientError, Raw};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row, object};

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// List alerts that have not ended.
    Ls(LsArguments),
    /// Print a line for every alert that begins, ends or changes its state, until interrupted.
    Watch(alert_watch::WatchArguments),
    /// Find alerts by any of their fields, those that have ended too.
    Search(alert_search::SearchArguments),
    /// Count the values of fields.
    Facets(alert_search::FacetArguments),
    /// Show an alert with all its fields, where they come from, and what it is routed as.
    Show(alert_story::WideAlert),
    /// Acknowledge alerts.
    Ack(alert_change::AckArguments),
    /// Take acknowledgements back.
    Unack(alert_change::PlainArguments),
    /// Tell nobody about alerts for a while.
    Dismiss(alert_change::DismissArguments),
    /// Say who takes care of alerts.
    Assign(alert_change::AssignArguments),
    /// Write a note on alerts.
    Note(alert_change::NoteArguments),
    /// Mark alerts as resolved until they are reported again.
    Resolve(alert_change::PlainArguments),
    /// Write fields of alerts.
    Enrich(alert_change::EnrichArguments),
    /// Give fields of alerts back to their sender.
    Unenrich(alert_change::UnenrichArguments),
    /// Count alerts as deleted until they are reported again.
    Delete(alert_change::DeleteArguments),
    /// Show one alert that is routed.
    Get(alert_story::OneAlert),
    /// Send an alert.
    Send(Box<SendArguments>),
    /// What happened to an alert, newest first.
    History(alert_story::HistoryArguments),
    /// Where an alert goes and what keeps it from going.
    Explain(alert_story::OneAlert),
}

/// Which alerts to list.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert ls\n  \
                         bongsu alert ls severity=critical 'instance=~db.*' --state silenced")]
pub(crate) struct LsArguments {
    #[command(flatten)]
    selection: Selection,
}

/// Words that pick alerts.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Matchers that must all hold; a first word alone is the alertname.
    pub(super) matchers: Vec<String>,
    /// Which states to list.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    state: Vec<State>,
    /// Only alerts with a receiver that matches this regex.
    #[arg(long, value_name = "REGEX")]
    pub(super) receiver: Option<String>,
}

/// Why an alert is or is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum State {
    All,
    Active,
    Silenced,
    Inhibited,
}

/// An alert to send.
#[derive(Debug, Args)]
#[command(
    before_help = "  bongsu alert send DiskFull instance=db1 severity=critical -a summary='90 % full'\n  \
                         bongsu alert send DiskFull instance=db1 --resolve\n  \
                         bongsu alert send --file alerts.json"
)]
pub(crate) struct SendArguments {
    /// Labels, name=value; a first word alone is the alertname.
    labels: Vec<String>,
    /// An annotation, name=value; may be repeated.
    #[arg(long = "annotation", short, value_name = "NAME=VALUE")]
    annotations: Vec<String>,
    /// When it began: RFC 3339 or a distance (-10m).
    #[arg(long, value_name = "TIME", value_parser = input::instant, allow_hyphen_values = true)]
    start: Option<Time>,
    /// When it ends: RFC 3339 or a distance (+1h).
    #[arg(long, value_name = "TIME", value_parser = input::instant, conflicts_with = "resolve")]
    end: Option<Time>,
    /// It is over now.
    #[arg(long)]
    resolve: bool,
    /// Link to what raised it.
    #[arg(long, value_name = "URL")]
    generator_url: Option<String>,
    /// JSON list of alerts to send instead; - is standard input.
    #[arg(long, short, value_name = "FILE", conflicts_with = "labels")]
    file: Option<String>,
    /// Print what would be sent, send nothing.
    #[arg(long)]
    dry_run: bool,
}

impl AlertCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls(arguments) => arguments.run(global),
            Self::Watch(arguments) => arguments.run(global),
            Self::Search(arguments) => arguments.run(global),
            Self::Facets(arguments) => arguments.run(global),
            Self::Show(one) => one.show(global),
            Self::Ack(arguments) => arguments.run(global),
            Self::Unack(arguments) => arguments.unack(global),
            Self::Dismiss(arguments) => arguments.run(global),
            Self::Assign(arguments) => arguments.run(global),
            Self::Note(arguments) => arguments.run(global),
            Self::Resolve(arguments) => arguments.resolve(global),
            Self::Enrich(arguments) => arguments.run(global),
            Self::Unenrich(arguments) => arguments.run(global),
            Self::Delete(arguments) => arguments.run(global),
            Self::Get(one) => one.get(global),
            Self::Send(arguments) => arguments.run(global),
            Self::History(arguments) => arguments.run(global),
            Self::Explain(one) => one.explain(global),
        }
    }
}

impl LsArguments {
    fn run(&self, global: &Global) -> Outcome {
        let selection = &self.selection;
        let flag = |state| if selection.wants(state) { "true" } else { "false" };
        let filters = input::filters(&selection.matchers)?;
        let mut query = vec![
            ("active", flag(State::Active)),
            ("silenced", flag(State::Silenced)),
            ("inhibited", flag(State::Inhibited)),
        ];
        query.extend(filters.iter().map(|f| ("filter", f.as_str())));
        query.extend(selection.receiver.iter().map(|r| ("receiver", r.as_str())));
        let mut alerts = global.client()?.alerts(&query)?;
        alerts.sort_by_key(|alert| alert.item.starts_at);
        listing(&alerts, global).print(global.output, &global.fields).map_err(Failure::usage)?;
        if alerts.is_empty() {
            global.say("no alerts");
        }
        Ok(Exit::Done)
    }
}

impl Selection {
    /// Whether alerts in this state are asked for.
    pub(super) fn wants(&self, state: State) -> bool {
        self.state.contains(&State::All) || self.state.contains(&state)
    }
}

fn listing(alerts: &[Raw<Alert>], global: &Global) -> Listing {
    let rows = alerts.iter().map(|Raw { json, item: alert }| {
        let plain = |text: String| (Colour::Plain, text);
        Row {
            id: alert.fingerprint.clone(),
            cells: vec![
                (Colour::Dim, alert.fingerprint.clone()),
                state_cell(alert),
                plain(alert.labels.get("alertname").cloned().unwrap_or_default()),
                plain(global.show_time(alert.starts_at.at)),
                plain(other_labels(alert)),
                plain(alert.annotations.get("summary").cloned().unwrap_or_default()),
            ],
            json: json.clone(),
        }
    });
    Listing {
        columns: &["FINGERPRINT", "STATE", "ALERTNAME", "SINCE", "LABELS", "SUMMARY"],
        rows: rows.collect(),
    }
}

/// The labels but the alertname.
pub(super) fn other_labels(alert: &Alert) -> String {
    let others = alert.labels.iter().filter(|(name, _)| *name != "alertname");
    others.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// The state of an alert in words a table can colour.
pub(super) fn state_cell(alert: &Alert) -> (Colour, String) {
    match State::of(alert) {
        State::Silenced => (Colour::Warn, "silenced".into()),
        State::Inhibited => (Colour::Warn, "inhibited".into()),
        _ if alert.status.state == "active" => (Colour::Bad, "active".into()),
        _ => (Colour::Plain, alert.status.state.clone()),
    }
}

impl State {
    /// The state of this alert; never all.
    pub(super) fn of(alert: &Alert) -> Self {
        let status = &alert.status;
        match (status.silenced_by.is_empty(), status.inhibited_by.is_empty()) {
            (false, _) => Self::Silenced,
            (true, false) => Self::Inhibited,
            (true, true) => Self::Active,
        }
    }
}

/// The alert with this fingerprint, if the server has it.
pub(super) fn find(client: &Client, fingerprint: &str) -> Result<Raw<Alert>, Failure> {
    let all = client.alerts(&[])?;
    all.into_iter().find(|alert| alert.item.fingerprint == fingerprint).ok_or_else(|| {
        Failure::no(format!("no alert {fingerprint}")).hint("list them with: bongsu alert ls")
    })
}

impl SendArguments {
    fn run(&self, global: &Global) -> Outcome {
        let alerts = match &self.file {
            Some(path) => read_alerts(path)?,
            None => json!([self.alert()?]),
        };
        let count = alerts.as_array().map_or(0, Vec::len);
        if self.dry_run {
            object(&alerts, output::Shape::Json, &[], "", "");
            global.say(&format!("would send {count} alert(s)"));
            return Ok(Exit::Done);
        }
        match global.client()?.post_alerts(&alerts) {
            Ok(()) => {}
            // Alertmanager's protocol stores the valid ones of a batch with invalid ones.
            Err(error @ ClientError::Refused { status: 400, .. }) if count > 1 => {
                let failure = Failure::from(error);
                return Err(Failure { exit: Exit::Partly, ..failure }
                    .hint("the other alerts of the batch were taken"));
            }
            Err(error) => return Err(error.into()),
        }
        global.say(&format!("sent {count} alert(s)"));
        Ok(Exit::Done)
    }

    fn alert(&self) -> Result<Value, Failure> {
        if self.labels.is_empty() {
            return Err(Failure::usage("no labels given")
                .hint("for instance: bongsu alert send DiskFull instance=db1"));
        }
        let mode = Mode::Fallback;
        let labels = words::with_alertname(&self.labels, mode);
        let labels = words::pairs(labels.iter().map(String::as_str), "labels", mode);
        let annotations =
            words::pairs(self.annotations.iter().map(String::as_str), "annotations", mode);
        let mut alert = json!({
            "labels": labels.map_err(Failure::usage)?,
            "annotations": annotations.map_err(Failure::usage)?,
        });
        let now = || Time::from(jiff::Timestamp::now());
        let end = self.end.or_else(|| self.resolve.then(now));
        for (name, time) in [("startsAt", self.start), ("endsAt", end)] {
            if let Some(time) = time {
                alert[name] = words::api_time(time).into();
            }
        }
        if let Some(url) = &self.generator_url {
            alert["generatorURL"] = url.as_str().into();
        }
        Ok(alert)
    }
}

fn read_alerts(path: &str) -> Result<Value, Failure> {
    let text = input::file_or_stdin(path)?;
    match serde_json::from_str(&text) {
        Ok(alerts @ Value::Array(_)) => Ok(alerts),
        Ok(alert @ Value::Object(_)) => Ok(json!([alert])),
        Ok(_) => Err(Failure::usage(format!("{path}: expected a list of alerts"))),
        Err(e) => Err(Failure::usage(format!("{path}:{}:{}: {e}", e.line(), e.column()))),
    }
}
