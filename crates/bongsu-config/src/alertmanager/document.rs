//! The top level as decoded, before receivers inherit and names are looked up.

use std::path::Path;
use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node};

use super::config::Config;
use super::global::GlobalConfig;
use super::http::HttpConfig;
use super::inhibit::InhibitRule;
use super::intervals::{NamedIntervals, read_named};
use super::observe::{EventRecorderConfig, TracingConfig};
use super::paths::{join, join_http, join_tls};
use super::receivers::{Content, Integration, RawReceiver, Receiver};
use super::route::Route;
use crate::settings::{Reader, Setting};

const KEYS: [&str; 9] = [
    "global",
    "route",
    "inhibit_rules",
    "receivers",
    "templates",
    "mute_time_intervals",
    "time_intervals",
    "tracing",
    "event_recorder",
];

/// Decoded top-level keys, and where those that are checked later stand.
pub(super) struct Document {
    pub(super) global: GlobalConfig,
    pub(super) global_node: Option<Arc<Node>>,
    /// Whether `global` could be read: if not, missing credentials are no news.
    pub(super) global_is_sound: bool,
    pub(super) route: Option<Route>,
    pub(super) route_node: Option<Arc<Node>>,
    pub(super) receivers: Vec<RawReceiver>,
    inhibit_rules: Vec<Option<InhibitRule>>,
    templates: Vec<String>,
    pub(super) mute_time_intervals: Vec<NamedIntervals>,
    pub(super) mute_node: Option<Arc<Node>>,
    pub(super) time_intervals: Vec<NamedIntervals>,
    pub(super) time_node: Option<Arc<Node>>,
    tracing: Option<TracingConfig>,
    event_recorder: EventRecorderConfig,
}

impl Document {
    /// Decodes the top level in document order; `None` if it is not a mapping.
    pub(super) fn read(root: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let mut document = Self {
            global: GlobalConfig::default(),
            global_node: None,
            global_is_sound: true,
            route: None,
            route_node: None,
            receivers: Vec::new(),
            inhibit_rules: Vec::new(),
            templates: Vec::new(),
            mute_time_intervals: Vec::new(),
            mute_node: None,
            time_intervals: Vec::new(),
            time_node: None,
            tracing: None,
            event_recorder: EventRecorderConfig::default(),
        };
        let is_mapping = reader.keys(root, "the configuration", &KEYS, |key, node, reader| {
            document.read_key(key, node, reader)
        });
        // Without client settings nothing could be sent; an explicit null means the defaults.
        document.global.http_config.get_or_insert_with(HttpConfig::default);
        is_mapping.then_some(document)
    }

    fn read_key(&mut self, key: &str, node: &Arc<Node>, reader: &mut Reader) -> bool {
        let before = reader.faults();
        match key {
            "global" => {
                self.global_node = Some(Arc::clone(node));
                // An empty block means the defaults.
                if !node.is_null() {
                    self.global.assign(node, reader);
                }
                self.global_is_sound = reader.faults() == before;
            }
            "route" => {
                self.route_node = Some(Arc::clone(node));
                self.route.assign(node, reader);
            }
            "inhibit_rules" => self.inhibit_rules.assign(node, reader),
            "receivers" => match &node.kind {
                Kind::Sequence(items) => {
                    self.receivers.extend(items.iter().map(|item| RawReceiver::read(item, reader)));
                }
                _ if node.is_null() => {}
                _ => reader.mistype(node, "a list"),
            },
            "templates" => self.templates.assign(node, reader),
            "mute_time_intervals" => {
                self.mute_node = Some(Arc::clone(node));
                self.mute_time_intervals =
                    read_named(node, "missing name in mute time interval", reader);
            }
            "time_intervals" => {
                self.time_node = Some(Arc::clone(node));
                self.time_intervals = read_named(node, "missing name in time interval", reader);
            }
            "tracing" => self.tracing.assign(node, reader),
            "event_recorder" => self.event_recorder.assign(node, reader),
            _ => return false,
        }
        true
    }

    /// Joins the relative file names that belong to the configuration's directory. Secret files of
    /// receivers, mail TLS and incident.io's client settings stay relative to the working directory.
    pub(super) fn join_paths(&mut self, base: &Path) {
        self.templates.iter_mut().for_each(|pattern| join(base, pattern));
        if let Some(http) = &mut self.global.http_config {
            join_http(base, http);
        }
        for entry in self.receivers.iter_mut().flat_map(|receiver| &mut receiver.entries) {
            if let Content::Integration(integration) = &mut entry.content
                && !matches!(integration, Integration::Incidentio(_))
                && let Some(Some(http)) = integration.http_config_mut()
            {
                join_http(base, http);
            }
        }
        if let Some(tls) = self.tracing.as_mut().and_then(|tracing| tracing.tls_config.as_mut()) {
            join_tls(base, tls);
        }
        self.event_recorder.file_outputs.iter_mut().for_each(|file| join(base, &mut file.path));
        for output in &mut self.event_recorder.webhook_outputs {
            output.http_config.iter_mut().for_each(|http| join_http(base, http));
        }
        for output in &mut self.event_recorder.kafka_outputs {
            output.tls_config.iter_mut().for_each(|tls| join_tls(base, tls));
        }
    }

    pub(super) fn into_config(self, route: Route, receivers: Vec<Receiver>) -> Config {
        Config {
            global: self.global,
            route,
            receivers,
            inhibit_rules: self.inhibit_rules,
            templates: self.templates,
            mute_time_intervals: self.mute_time_intervals,
            time_intervals: self.time_intervals,
            tracing: self.tracing,
            event_recorder: self.event_recorder,
        }
    }
}
