//! `bongsu topology`: services, what they need, applications.
//!
//! In: names as `NAME` or `NAME@ENVIRONMENT`, YAML. Out: tables, one service with all around it, YAML.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Failure, Global, Outcome, input};
use crate::client::ClientError;
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row, object};

/// What to do with the topology.
#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// List services, or applications.
    Ls(LsArguments),
    /// Show one service: its fields, what it needs and what needs it.
    #[command(before_help = "  bongsu topology show web\n  bongsu topology show web@prod")]
    Show {
        /// Its name, or NAME@ENVIRONMENT.
        service: String,
    },
    /// Take services, dependencies and applications from YAML, in the form of topology.yaml or Keep's.
    #[command(before_help = "  bongsu topology import services.yaml\n  \
                             bongsu topology export | bongsu topology import - --replace")]
    Import(ImportArguments),
    /// Print everything as YAML.
    Export {
        /// In Keep's form, by numbers.
        #[arg(long)]
        keep: bool,
    },
    /// Take away what was made by API.
    #[command(before_help = "  bongsu topology rm web@prod\n  \
                             bongsu topology rm web@prod --needs db@prod\n  \
                             bongsu topology rm --application shop")]
    Rm(RmArguments),
    /// List what is fetched: tables of mapping rules and sources of the topology.
    Sources {
        /// Ask the sources of the topology first.
        #[arg(long)]
        pull: bool,
    },
}

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {
    /// Only services of this environment.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Only services of this application.
    #[arg(long, value_name = "NAME", conflicts_with = "applications")]
    application: Option<String>,
    /// Applications instead.
    #[arg(long)]
    applications: bool,
}

/// What to import.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// File with the document; - is standard input.
    file: String,
    /// Do away with what was made by API before.
    #[arg(long)]
    replace: bool,
}

/// What to take away.
#[derive(Debug, Args)]
pub(crate) struct RmArguments {
    /// Services: NAME or NAME@ENVIRONMENT.
    #[arg(required_unless_present = "application")]
    services: Vec<String>,
    /// Only the dependency on this service.
    #[arg(long, value_name = "SERVICE", conflicts_with = "application")]
    needs: Option<String>,
    /// An application, not its services; may be repeated.
    #[arg(long, value_name = "NAME", conflicts_with = "services")]
    application: Vec<String>,
}

impl TopologyCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls(arguments) => arguments.run(global),
            Self::Show { service } => show(service, global),
            Self::Import(arguments) => arguments.run(global),
            Self::Export { keep } => {
                let query: &[(&str, &str)] = if *keep { &[("form", "keep")] } else { &[] };
                output::print(&global.client()?.text("v1/topology/export", query)?);
                Ok(Exit::Done)
            }
            Self::Rm(arguments) => arguments.run(global),
            Self::Sources { pull } => sources(*pull, global),
        }
    }
}

fn items<'j>(json: &'j Value, key: &str) -> impl Iterator<Item = &'j Value> + use<'j> {
    json[key].as_array().into_iter().flatten()
}

fn text<'j>(json: &'j Value, key: &str) -> &'j str {
    json[key].as_str().unwrap_or_default()
}

/// `NAME@ENVIRONMENT`, or the name alone where the environment is unknown.
fn named(service: &Value) -> String {
    match text(service, "environment") {
        "unknown" | "" => text(service, "service").to_owned(),
        environment => format!("{}@{environment}", text(service, "service")),
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    one["service"] == other["service"] && one["environment"] == other["environment"]
}

/// The one service that is meant.
fn find<'j>(graph: &'j Value, wanted: &str) -> Result<&'j Value, Failure> {
    let (name, environment) = match wanted.rsplit_once('@') {
        Some((name, environment)) => (name, Some(environment)),
        None => (wanted, None),
    };
    let is_meant = |service: &&Value| {
        text(service, "service") == name
            && environment.is_none_or(|wanted| text(service, "environment") == wanted)
    };
    let found: Vec<&Value> = items(graph, "services").filter(is_meant).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            Err(Failure::no(format!("no service {wanted}"))
                .hint("list them with: bongsu topology ls"))
        }
        several => {
            let names: Vec<String> = several.iter().map(|service| named(service)).collect();
            let which = format!("say which: {}", names.join(", "));
            Err(Failure::usage(format!("{wanted} runs in several environments")).hint(which))
        }
    }
}

impl LsArguments {
    fn run(&self, global: &Global) -> Outcome {
        let graph = global.client()?.get("v1/topology", &[])?;
        let (columns, rows): (&[&'static str], Vec<Row>) = match self.applications {
            true => {
                let rows = items(&graph, "applications").map(application_row);
                (&["APPLICATION", "SERVICES", "FROM", "DESCRIPTION"], rows.collect())
            }
            false => {
                let services =
                    items(&graph, "services").filter(|service| self.wants(&graph, service));
                let rows = services.map(|service| service_row(&graph, service));
                (
                    &["SERVICE", "ENVIRONMENT", "TEAM", "NEEDS", "APPLICATIONS", "FROM"],
                    rows.collect(),
                )
            }
        };
        let listing = Listing { columns, rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        if listing.rows.is_empty() {
            global.say(if self.applications { "no applications" } else { "no services" });
        }
        Ok(Exit::Done)
    }

    fn wants(&self, graph: &Value, service: &Value) -> bool {
        let environment = self.environment.as_deref();
        environment.is_none_or(|wanted| text(service, "environment") == wanted)
            && self.application.as_ref().is_none_or(|wanted| {
                applications(graph, service).iter().any(|known| known == wanted)
            })
    }
}

fn applications<'j>(graph: &'j Value, service: &Value) -> Vec<&'j str> {
    let of = |a: &&Value| items(a, "services").any(|member| is_same(member, service));
    items(graph, "applications").filter(of).map(|a| text(a, "name")).collect()
}

/// What a service needs, or what needs it.
fn neighbours(graph: &Value, service: &Value, from: &str, to: &str) -> Vec<String> {
    let of = |d: &&Value| is_same(&d[from], service);
    let shown = |d: &Value| match d["protocol"].as_str() {
        Some(protocol) => format!("{} ({protocol})", named(&d[to])),
        None => named(&d[to]),
    };
    items(graph, "dependencies").filter(of).map(shown).collect()
}

fn service_row(graph: &Value, service: &Value) -> Row {
    let plain = |text: &str| (Colour::Plain, text.to_owned());
    Row {
        id: named(service),
        cells: vec![
            plain(text(service, "service")),
            plain(text(service, "environment")),
            plain(text(service, "team")),
            plain(&neighbours(graph, service, "from", "to").join(", ")),
            plain(&applications(graph, service).join(", ")),
            (Colour::Dim, text(service, "origin").to_owned()),
        ],
        json: service.clone(),
    }
}

fn application_row(application: &Value) -> Row {
    let plain = |text: &str| (Colour::Plain, text.to_owned());
    let members: Vec<String> = items(application, "services").map(named).collect();
    Row {
        id: text(application, "name").to_owned(),
        cells: vec![
            plain(text(application, "name")),
            plain(&members.join(", ")),
            (Colour::Dim, text(application, "origin").to_owned()),
            plain(text(application, "description")),
        ],
        json: application.clone(),
    }
}

fn show(wanted: &str, global: &Global) -> Outcome {
    let graph = global.client()?.get("v1/topology", &[])?;
    let service = find(&graph, wanted)?;
    let needs = neighbours(&graph, service, "from", "to");
    let needed_by = neighbours(&graph, service, "to", "from");
    let member = applications(&graph, service);
    let mut lines: Vec<(String, String)> = Vec::new();
    for (name, value) in service.as_object().into_iter().flatten() {
        let shown = match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        lines.push((name.clone(), shown));
    }
    lines.push(("needs".to_owned(), needs.join(", ")));
    lines.push(("needed by".to_owned(), needed_by.join(", ")));
    lines.push(("applications".to_owned(), member.join(", ")));
    lines.retain(|(_, text)| !text.is_empty());
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let sheet: String =
        lines.iter().map(|(name, text)| format!("{name:width$}  {text}\n")).collect();
    let mut whole = service.clone();
    if let Some(fields) = whole.as_object_mut() {
        fields.insert("needs".to_owned(), json!(needs));
        fields.insert("needed_by".to_owned(), json!(needed_by));
        fields.insert("applications".to_owned(), json!(member));
    }
    object(&whole, global.output, &global.fields, &sheet, &named(service));
    Ok(Exit::Done)
}

impl ImportArguments {
    fn run(&self, global: &Global) -> Outcome {
        let document = input::file_or_stdin(&self.file)?;
        let query: &[(&str, &str)] = if self.replace { &[("replace", "true")] } else { &[] };
        let answer = global.client()?.post_yaml("v1/topology/import", query, document);
        let answer = answer.map_err(refused)?;
        let count = |name: &str| answer["imported"][name].as_u64().unwrap_or_default();
        for warning in items(&answer, "warnings").filter_map(Value::as_str) {
            global.say(&format!("warning: {warning}"));
        }
        let text = format!(
            "imported {} service(s), {} dependencies, {} application(s)\n",
            count("services"),
            count("dependencies"),
            count("applications")
        );
        object(&answer, global.output, &global.fields, &text, "");
        Ok(Exit::Done)
    }
}

/// What the server does not take is no fault of the connection.
fn refused(error: ClientError) -> Failure {
    match error {
        ClientError::Refused { status: 404 | 409 | 422, message, .. } => Failure::no(message),
        other => other.into(),
    }
}

impl RmArguments {
    fn run(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        if !self.application.is_empty() {
            for name in &self.application {
                client.delete("v1/topology/applications", name).map_err(refused)?;
            }
            return Ok(Exit::Done);
        }
        let graph = client.get("v1/topology", &[])?;
        let mut ids = Vec::new();
        let needs = self.needs.as_deref().map(|wanted| find(&graph, wanted)).transpose()?;
        for wanted in &self.services {
            let service = find(&graph, wanted)?;
            let id = match needs {
                None => service["id"].to_string(),
                Some(needed) => {
                    let is_meant =
                        |d: &&Value| is_same(&d["from"], service) && is_same(&d["to"], needed);
                    let found = items(&graph, "dependencies").find(is_meant);
                    let none = || {
                        Failure::no(format!("{} does not need {}", named(service), named(needed)))
                    };
                    found.ok_or_else(none)?["id"].to_string()
                }
            };
            ids.push(id);
        }
        let path = match needs {
            None => "v1/topology/services",
            Some(_) => "v1/topology/dependencies",
        };
        for id in &ids {
            client.delete(path, id).map_err(refused)?;
        }
        Ok(Exit::Done)
    }
}

fn sources(pull: bool, global: &Global) -> Outcome {
    let client = global.client()?;
    let answer = match pull {
        true => client.post("v1/topology/pull")?,
        false => client.get("v1/sources", &[])?,
    };
    let rows = items(&answer, "items").map(|source| {
        let plain = |key: &str| (Colour::Plain, text(source, key).to_owned());
        let state = match text(source, "state") {
            "fresh" => Colour::Good,
            "kept" => Colour::Warn,
            _ => Colour::Bad,
        };
        Row {
            id: text(source, "name").to_owned(),
            cells: vec![
                plain("kind"),
                plain("name"),
                (state, text(source, "state").to_owned()),
                (Colour::Plain, source["items"].to_string()),
                plain("fetched_at"),
                plain("problem"),
            ],
            json: source.clone(),
        }
    });
    let columns = &["KIND", "NAME", "STATE", "ITEMS", "FETCHED", "PROBLEM"];
    let listing = Listing { columns, rows: rows.collect() };
    listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    if listing.rows.is_empty() {
        global.say("nothing is fetched");
    }
    Ok(Exit::Done)
}
