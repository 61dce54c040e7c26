//! `bongsu alert watch`: what changes, as it changes.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::alert::{Selection, State, other_labels, state_cell};
use super::{Failure, Global, Outcome, input};
use crate::client::{Alert, Raw};
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row};

/// Which changes to print.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert watch severity=critical\n  \
                         bongsu alert watch --state active -o jsonl --fields change,alert")]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    selection: Selection,
    /// How often to look; what comes and goes between two looks is not seen.
    #[arg(long, value_name = "DURATION", value_parser = input::length, default_value = "2s")]
    interval: Duration,
}

/// Alerts by fingerprint.
type Known = BTreeMap<String, Raw<Alert>>;

/// What became of an alert between two looks.
struct Change<'a> {
    word: &'static str,
    colour: Colour,
    alert: &'a Raw<Alert>,
}

impl WatchArguments {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        // Mistakes in --output and --fields are told before anything changes.
        print(&[], Timestamp::now(), global)?;
        let filters = input::filters(&self.selection.matchers)?;
        // All states, or an alert that is silenced would seem to end.
        let mut query: Vec<_> = filters.iter().map(|f| ("filter", f.as_str())).collect();
        query.extend(self.selection.receiver.iter().map(|r| ("receiver", r.as_str())));
        let mut known: Option<Known> = None;
        let mut lost = false;
        global.client()?.poll_alerts(&query, self.interval, |answer| {
            let alerts = match answer {
                Ok(alerts) => alerts,
                // A server that restarts is waited for, once it has answered.
                Err(error) if known.is_some() && error.exit() == Exit::Unreachable => {
                    if !std::mem::replace(&mut lost, true) {
                        Failure::from(error).report();
                    }
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            if std::mem::take(&mut lost) {
                global.say("the server answers again");
            }
            let now: Known = alerts.into_iter().map(|a| (a.item.fingerprint.clone(), a)).collect();
            match &known {
                None => global.say(&format!("watching; {} alert(s) so far", now.len())),
                Some(before) => {
                    print(&self.changes(before, &now), Timestamp::now(), global)?;
                }
            }
            known = Some(now);
            Ok::<_, Failure>(())
        })?;
        Ok(Exit::Interrupted)
    }

    /// What has changed from or to a state that is asked for, by fingerprint; ends first.
    fn changes<'a>(&self, before: &'a Known, now: &'a Known) -> Vec<Change<'a>> {
        let wants = |alert: &Raw<Alert>| self.selection.wants(State::of(&alert.item));
        let ended = before.iter().filter(|(id, alert)| !now.contains_key(*id) && wants(alert));
        let ended = ended.map(|(_, alert)| Change { word: "ended", colour: Colour::Good, alert });
        let others = now.iter().filter_map(|(id, alert)| {
            let (colour, _) = state_cell(&alert.item);
            let (word, wanted) = match before.get(id) {
                None => ("began", wants(alert)),
                Some(old) if State::of(&old.item) != State::of(&alert.item) => {
                    let word = match State::of(&alert.item) {
                        State::Silenced => "silenced",
                        State::Inhibited => "inhibited",
                        _ => "active",
                    };
                    (word, wants(old) || wants(alert))
                }
                Some(_) => return None,
            };
            wanted.then_some(Change { word, colour, alert })
        });
        ended.chain(others).collect()
    }
}

fn print(changes: &[Change<'_>], now: Timestamp, global: &Global) -> Result<(), Failure> {
    let rows = changes.iter().map(|Change { word, colour, alert: Raw { json, item } }| {
        let plain = |text: String| (Colour::Plain, text);
        Row {
            id: item.fingerprint.clone(),
            cells: vec![
                (Colour::Dim, global.show_time(now)),
                (*colour, (*word).to_owned()),
                (Colour::Dim, item.fingerprint.clone()),
                plain(item.labels.get("alertname").cloned().unwrap_or_default()),
                plain(other_labels(item)),
                plain(item.annotations.get("summary").cloned().unwrap_or_default()),
            ],
            json: json!({ "seenAt": now.to_string(), "change": word, "alert": json }),
        }
    });
    Listing {
        columns: &["SEEN", "CHANGE", "FINGERPRINT", "ALERTNAME", "LABELS", "SUMMARY"],
        rows: rows.collect(),
    }
    .append(global.output, &global.fields)
    .map_err(Failure::usage)
}
