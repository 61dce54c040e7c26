//! `bongsu alert search`: alerts with all their fields, by conditions and words.

use clap::Args;
use serde_json::Value;

use super::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row};

/// What to look for.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert search \"severity >= 'high' && status == 'firing'\"\n  \
                         bongsu alert search --text 'disk db1'\n  \
                         bongsu alert search --facets service,labels.pod")]
pub(crate) struct SearchArguments {
    /// Condition in CEL on the fields of an alert.
    cel: Option<String>,
    /// Words that must all stand in its texts, or begin one.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// A saved search that must find it too.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Count the values of these fields instead of listing alerts.
    #[arg(long, value_name = "FIELDS")]
    facets: Option<String>,
    /// Most alerts shown.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

impl SearchArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let limit = self.limit.to_string();
        let mut query = condition(&self.cel, &self.text, &self.preset);
        if let Some(fields) = &self.facets {
            query.push(("fields", fields));
            return facets(&global.client()?.get("v1/occurrences/facets", &query)?, global);
        }
        query.push(("limit", &limit));
        let page = global.client()?.get("v1/occurrences", &query)?;
        let found = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        list(found, global)?;
        let more = if page["total_is_more"] == true { " or more" } else { "" };
        global.say(&format!("{} of {}{more}", found.len(), page["total"]));
        Ok(Exit::Done)
    }
}

/// `bongsu alert facets`: how often values occur.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu alert facets\n  \
                         bongsu alert facets service,labels.pod --cel \"status == 'firing'\"")]
pub(crate) struct FacetArguments {
    /// Fields, with commas between.
    fields: Option<String>,
    /// Condition in CEL on the alerts counted.
    #[arg(long, value_name = "CEL")]
    cel: Option<String>,
    /// Words that must all stand in their texts, or begin one.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// A saved search that must find them.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
}

impl FacetArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let mut query = condition(&self.cel, &self.text, &self.preset);
        query.extend(self.fields.iter().map(|fields| ("fields", fields.as_str())));
        facets(&global.client()?.get("v1/occurrences/facets", &query)?, global)
    }
}

/// Parameters of a search.
pub(super) fn condition<'a>(
    cel: &'a Option<String>,
    text: &'a Option<String>,
    preset: &'a Option<String>,
) -> Vec<(&'static str, &'a str)> {
    let named = [("cel", cel), ("q", text), ("preset", preset)];
    named.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
}

/// Prints wide alerts.
pub(super) fn list(alerts: &[Value], global: &Global) -> Result<(), Failure> {
    let columns = &["STATUS", "SEVERITY", "NAME", "SERVICE", "SOURCE", "LAST", "FINGERPRINT"];
    let listing = Listing { columns, rows: alerts.iter().map(row).collect() };
    listing.print(global.output, &global.fields).map_err(Failure::usage)
}

fn row(alert: &Value) -> Row {
    let text = |name: &str| alert[name].as_str().unwrap_or_default().to_owned();
    let colour = match alert["status"].as_str() {
        Some("firing") => Colour::Bad,
        Some("resolved") => Colour::Good,
        _ => Colour::Dim,
    };
    Row {
        id: text("fingerprint"),
        cells: vec![
            (colour, text("status")),
            (Colour::Plain, text("severity")),
            (Colour::Plain, text("name")),
            (Colour::Plain, text("service")),
            (Colour::Dim, alert["source"][0].as_str().unwrap_or_default().to_owned()),
            (Colour::Plain, text("lastReceived")),
            (Colour::Dim, text("fingerprint")),
        ],
        json: alert.clone(),
    }
}

fn facets(page: &Value, global: &Global) -> Outcome {
    let mut rows = Vec::new();
    for facet in page["items"].as_array().into_iter().flatten() {
        let field = facet["field"].as_str().unwrap_or_default();
        for value in facet["values"].as_array().into_iter().flatten() {
            let shown = value["value"].as_str().unwrap_or("(none)").to_owned();
            rows.push(Row {
                id: format!("{field}={shown}"),
                cells: vec![
                    (Colour::Plain, field.to_owned()),
                    (Colour::Plain, shown),
                    (Colour::Plain, value["count"].to_string()),
                ],
                json: serde_json::json!({
                    "field": field, "value": value["value"], "count": value["count"],
                }),
            });
        }
    }
    let listing = Listing { columns: &["FIELD", "VALUE", "ALERTS"], rows };
    listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    if page["counts_are_more"] == true {
        global.say("the words stand in very many alerts: counted in the newest ones");
    }
    Ok(Exit::Done)
}
