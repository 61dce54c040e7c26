//! Reading a file, in Alertmanager's order: decode, exclusive global keys, receivers, references.

use std::path::Path;
use std::sync::Arc;

use bongsu_lang::Mode;
use bongsu_lang::yaml::{self, Limits, Node};
use bongsu_model::{Diagnostic, Place, Source};

use super::config::Config;
use super::document::Document;
use super::global::GlobalConfig;
use super::inherit::{self, CHECK_ORDER};
use super::receivers::{Content, Integration, RawEntry, RawReceiver, Receiver};
use super::{codes, lints, quoted, references};
use crate::settings::Reader;

/// Reads a configuration; with it come the findings that do not stop it. `base` is the directory
/// of the file: with it, the relative file names that Alertmanager joins with it are joined. No
/// file is opened; `templates` stay patterns.
///
/// # Errors
/// Every mistake; the first one is the one Alertmanager reports.
pub fn load(
    source: impl Into<Arc<Source>>,
    base: Option<&Path>,
    mode: Mode,
) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = source.into();
    let Some(root) = parse(&source)?.filter(|root| !root.is_null()) else {
        let message = "no route provided in config";
        return Err(vec![Diagnostic::error(codes::ROOT_ROUTE, message)]);
    };
    let mut reader = Reader::new(Arc::clone(&source), mode);
    let Some(mut document) = Document::read(&root, &mut reader) else {
        return Err(reader.finish().0);
    };
    if let Some(base) = base {
        document.join_paths(base);
    }
    let mut later = Vec::new();
    check_global(&document, &reader, &mut later);
    let raw = std::mem::take(&mut document.receivers);
    let receivers = complete_receivers(raw, &mut document, base, &reader, &mut later);
    references::check(&document, &receivers, &reader, &mut later);
    let (mut errors, mut warnings) = reader.finish();
    errors.append(&mut later);
    let route = match document.route.take() {
        Some(route) if errors.is_empty() => route,
        _ => return Err(errors),
    };
    let config = document.into_config(route, receivers);
    lints::check(&config, &root, &source, &mut warnings);
    warnings.sort_by_key(|w| w.place.as_ref().map_or((0, 0), |p| (p.line, p.column)));
    Ok((config, warnings))
}

fn parse(source: &Arc<Source>) -> Result<Option<Arc<Node>>, Vec<Diagnostic>> {
    yaml::parse(&source.text, &Limits::default()).map_err(|error| {
        let place = Place { source: Arc::clone(source), line: error.line, column: error.column };
        let diagnostic = Diagnostic::error(codes::SYNTAX, error.to_string()).at(Some(place));
        vec![match syntax_help(&source.text, &error) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }]
    })
}

/// The usual slips behind a syntax error.
fn syntax_help(text: &str, error: &yaml::Error) -> Option<&'static str> {
    let line = text.lines().nth(error.line.checked_sub(1)?)?;
    if line.contains('\t') {
        return Some("indent with spaces: YAML does not allow tabs");
    }
    if line.contains("{{") {
        return Some("put a value that starts with {{ or holds \": \" in quotes");
    }
    None
}

fn check_global(document: &Document, reader: &Reader, later: &mut Vec<Diagnostic>) {
    let place = document.global_node.as_ref().and_then(|node| reader.place(node));
    for message in document.global.check() {
        later.push(Diagnostic::error(codes::GLOBAL_PAIR, message).at(place.clone()));
    }
}

fn complete_receivers(
    raw: Vec<RawReceiver>,
    document: &mut Document,
    base: Option<&Path>,
    reader: &Reader,
    later: &mut Vec<Diagnostic>,
) -> Vec<Receiver> {
    let mut names = std::collections::HashSet::new();
    let mut receivers = Vec::with_capacity(raw.len());
    for mut receiver in raw {
        if !names.insert(receiver.name.clone()) {
            let message =
                format!("notification config name {} is not unique", quoted(&receiver.name));
            let place = reader.place(&receiver.node);
            later.push(Diagnostic::error(codes::RECEIVER_NAME, message).at(place));
        }
        for (list, null_name) in CHECK_ORDER {
            for entry in receiver.entries.iter_mut().filter(|entry| entry.list == list) {
                let result = complete_entry(entry, null_name, &mut document.global, base);
                if let Err(message) = result
                    && document.global_is_sound
                {
                    let place = reader.place(&entry.node);
                    later.push(Diagnostic::error(codes::MISSING_CREDENTIAL, message).at(place));
                }
            }
        }
        receivers.push(receiver.finish());
    }
    receivers
}

fn complete_entry(
    entry: &mut RawEntry,
    null_name: Option<&str>,
    global: &mut GlobalConfig,
    base: Option<&Path>,
) -> Result<(), String> {
    if matches!(entry.content, Content::Null) {
        if let Some(name) = null_name {
            return Err(format!("missing {name} config"));
        }
        if let Some(defaults) = Integration::defaults(entry.list) {
            entry.content = Content::Integration(defaults);
        }
    }
    match &mut entry.content {
        Content::Integration(integration) => inherit::complete(integration, global, base),
        Content::Null | Content::Faulty => Ok(()),
    }
}
