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
        let mut query = Vec::new();
        query.extend(self.cel.iter().map(|cel| ("cel", cel.as_str())));
        query.extend(self.text.iter().map(|words| ("q", words.as_str())));
        if let Some(fields) = &self.facets {
            query.push(("fields", fields));
            return facets(&global.client()?.get("v1/occurrences/facets", &query)?, global);
        }
        query.push(("limit", &limit));
        let page = global.client()?.get("v1/occurrences", &query)?;
        let rows: Vec<Row> = page["items"].as_array().into_iter().flatten().map(row).collect();
        let columns = &["STATUS", "SEVERITY", "NAME", "SERVICE", "SOURCE", "LAST", "FINGERPRINT"];
        let listing = Listing { columns, rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        global.say(&format!("{} of {}", listing.rows.len(), page["total"]));
        Ok(Exit::Done)
    }
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
    Ok(Exit::Done)
}
