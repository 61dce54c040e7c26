//! `bongsu slo`: service level objectives of the server and what is left of their error budgets.

use std::fmt::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{Failure, Global, Outcome};
use crate::client::ClientError;
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row, Shape, object, paint};

/// Objectives of one answer.
const PAGE: &str = "500";

/// What to do with objectives.
#[derive(Debug, Subcommand)]
pub(crate) enum SloCommand {
    /// List them with what is left of their error budgets.
    Ls(LsSlos),
    /// Show all that is known of one.
    Show(ShowSlo),
}

/// Which objectives.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu slo ls --standing missed,at-risk\n  \
                         bongsu slo ls --service shop -o json")]
pub(crate) struct LsSlos {
    /// Of this service only.
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Those that stand so only.
    #[arg(long, value_name = "STANDING", value_delimiter = ',')]
    standing: Vec<Standing>,
}

/// How objectives stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Standing {
    /// Kept.
    Met,
    /// Less than a quarter of the budget is left.
    AtRisk,
    /// The budget is used up.
    Missed,
    /// Nothing was recorded.
    NoData,
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::AtRisk => "at_risk",
            Self::Missed => "missed",
            Self::NoData => "no_data",
        }
    }
}

/// One objective.
#[derive(Debug, Args)]
pub(crate) struct ShowSlo {
    /// Its identity, as `bongsu slo ls -o name` prints it.
    id: String,
}

impl SloCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls(arguments) => arguments.run(global),
            Self::Show(arguments) => arguments.run(global),
        }
    }
}

impl LsSlos {
    fn run(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = vec![("limit", PAGE)];
            query.extend(self.service.as_deref().map(|service| ("service", service)));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = client.get("v1/slos", &query)?;
            let items = page["items"].as_array().into_iter().flatten();
            rows.extend(items.filter(|slo| self.wants(slo)).map(|slo| row(slo, global)));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        let none = rows.is_empty();
        let columns = &["STANDING", "SLO", "OBJECTIVE", "SLI", "LEFT", "BURN", "ENDS", "ALERTS"];
        let listing = Listing { columns, rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        if none {
            global.say("no objectives; the server reads the files below slo/ of its configuration");
        }
        Ok(Exit::Done)
    }

    fn wants(&self, slo: &Value) -> bool {
        self.standing.is_empty() || self.standing.iter().any(|one| slo["standing"] == one.word())
    }
}

fn row(slo: &Value, global: &Global) -> Row {
    let alerts = slo["alerts"].as_array().into_iter().flatten();
    let firing = alerts.filter(|alert| alert["state"] == "firing").count();
    Row {
        id: text(slo, "id").to_owned(),
        cells: vec![
            standing(slo),
            (Colour::Strong, text(slo, "id").to_owned()),
            (Colour::Plain, format!("{}% {}", number(&slo["objective"]), text(slo, "window"))),
            (Colour::Plain, percent(&slo["sli"], 1.0)),
            (Colour::Plain, left(slo)),
            (Colour::Plain, pace(slo).map(|rate| number(&rate.into())).unwrap_or_default()),
            (Colour::Warn, ends(slo, global)),
            (Colour::Bad, if firing > 0 { format!("{firing} firing") } else { String::new() }),
        ],
        json: slo.clone(),
    }
}

impl ShowSlo {
    fn run(&self, global: &Global) -> Outcome {
        let slo = match global.client()?.below("v1/slos", &self.id, "") {
            Ok(slo) => slo,
            Err(ClientError::Refused { status: 404, .. }) => {
                return Err(Failure::no(format!("no objective {}", self.id))
                    .hint("list them with: bongsu slo ls"));
            }
            Err(error) => return Err(error.into()),
        };
        let told = match global.output {
            Shape::Table => story(&slo, global),
            _ => String::new(),
        };
        object(&slo, global.output, &global.fields, &told, &self.id);
        Ok(Exit::Done)
    }
}

/// All of it for people.
fn story(slo: &Value, global: &Global) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a String does not fail.
            let _ = writeln!(out, "{name:<12} {}", value.trim_end());
        }
    };
    let budget = &slo["error_budget"];
    let (colour, word) = standing(slo);
    line("slo", &paint(Colour::Strong, text(slo, "id")));
    line("standing", &paint(colour, &word));
    line("about", text(slo, "description"));
    line("objective", &format!("{}% over {}", number(&slo["objective"]), text(slo, "window")));
    let since = format!("since {}", instant(global, &slo["window_start"]));
    line("window", [since, covered(slo)].join(", ").trim_end_matches(", "));
    line("sli", &percent(&slo["sli"], 1.0));
    let all =
        format!("{} of errors, {}", percent(&budget["ratio"], 100.0), minutes(&budget["minutes"]));
    line("budget", &all);
    let events = budget["remaining_events"].as_f64();
    let events = events.map(|events| format!("{} events", number(&events.round().into())));
    let parts = [left(slo), events.unwrap_or_default()];
    line(
        "left",
        &parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", "),
    );
    for (at, rate) in slo["burn_rates"].as_array().into_iter().flatten().enumerate() {
        let heading = if at == 0 { "burn rates" } else { "" };
        let rate_shown = rate["rate"].as_f64().map_or("-".to_owned(), |rate| number(&rate.into()));
        line(heading, &format!("{:>4}  {rate_shown}", text(rate, "window")));
    }
    line("ends", &ends(slo, global));
    for (at, action) in slo["actions"].as_array().into_iter().flatten().enumerate() {
        line(if at == 0 { "due" } else { "" }, action.as_str().unwrap_or_default());
    }
    for (at, alert) in slo["alerts"].as_array().into_iter().flatten().enumerate() {
        let state = text(alert, "state");
        let tone = super::rule::tone(state);
        let severity = ["sloth_severity", "severity"].map(|name| text(&alert["labels"], name));
        let severity = severity.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let since = match instant(global, &alert["since"]) {
            since if since.is_empty() => since,
            since => format!(" since {since}"),
        };
        let shown = format!("{} {} {severity}{since}", paint(tone, state), text(alert, "name"));
        line(if at == 0 { "alerts" } else { "" }, &shown);
    }
    for (at, missing) in slo["missing"].as_array().into_iter().flatten().enumerate() {
        let shown = format!("{}: {}", text(missing, "value"), text(missing, "message"));
        line(if at == 0 { "missing" } else { "" }, &shown);
    }
    let file = text(slo, "file");
    line("file", &slo["line"].as_u64().map_or(file.to_owned(), |line| format!("{file}:{line}")));
    out
}

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of[name].as_str().unwrap_or_default()
}

fn standing(slo: &Value) -> (Colour, String) {
    let word = text(slo, "standing");
    let colour = match word {
        "met" => Colour::Good,
        "at_risk" => Colour::Warn,
        "missed" => Colour::Bad,
        _ => Colour::Dim,
    };
    (colour, word.to_owned())
}

/// The rate that counts as the present one.
fn pace(slo: &Value) -> Option<f64> {
    let rates = slo["burn_rates"].as_array().into_iter().flatten();
    let mut present = rates.filter(|rate| rate["window"] == slo["pace_window"]);
    present.next()?["rate"].as_f64()
}

/// `61.5% 26m`.
fn left(slo: &Value) -> String {
    let budget = &slo["error_budget"];
    let parts = [percent(&budget["remaining_ratio"], 100.0), minutes(&budget["remaining_minutes"])];
    parts.join(" ").trim_end().to_owned()
}

/// When the budget is used up.
fn ends(slo: &Value, global: &Global) -> String {
    match slo["error_budget"]["remaining_ratio"].as_f64() {
        Some(left) if left <= 0.0 => "used up".to_owned(),
        _ => instant(global, &slo["exhausted_at"]),
    }
}

fn covered(slo: &Value) -> String {
    match slo["covered"].as_f64() {
        Some(share) if share < 0.995 => {
            format!("{} of it recorded here", percent(&share.into(), 100.0))
        }
        _ => String::new(),
    }
}

/// At most four digits behind the point; nothing for null.
fn number(value: &Value) -> String {
    let Some(value) = value.as_f64() else { return String::new() };
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn percent(value: &Value, times: f64) -> String {
    let value = value.as_f64().map(|value| value * times);
    value.map_or_else(String::new, |value| format!("{}%", number(&value.into())))
}

fn minutes(value: &Value) -> String {
    let length = value
        .as_f64()
        .and_then(|minutes| std::time::Duration::try_from_secs_f64((minutes * 60.0).round()).ok());
    length.map(bongsu_lang::duration::print).unwrap_or_default()
}

fn instant(global: &Global, value: &Value) -> String {
    let at = value.as_str().and_then(|text| text.parse().ok());
    at.map(|at| global.show_time(at)).unwrap_or_default()
}
