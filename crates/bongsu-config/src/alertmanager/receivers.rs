//! Receivers and what every integration shares.

mod chat;
mod cloud;
mod email;
mod incidents;
mod issues;
mod slack;
mod teams;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node, Value};
use bongsu_model::Labels;

pub use chat::{
    DiscordConfig, MattermostAttachment, MattermostConfig, MattermostField, MattermostPriority,
    MattermostProps, RocketchatAction, RocketchatConfig, RocketchatField, TelegramConfig,
    WechatConfig,
};
pub use cloud::{SigV4Config, SnsConfig};
pub use email::{EmailConfig, ThreadingConfig};
pub use incidents::{
    IncidentioConfig, OpsgenieConfig, OpsgenieResponder, PagerdutyConfig, PagerdutyImage,
    PagerdutyLink, PushoverConfig, VictorOpsConfig,
};
pub use issues::{JiraConfig, JiraField};
pub use slack::{SlackAction, SlackConfig, SlackConfirmation, SlackField};
pub use teams::{MsTeamsConfig, MsTeamsV2Config, WebexConfig};
pub use webhook::WebhookConfig;

use super::http::HttpConfig;
use super::quoted;
use crate::settings::{Reader, Setting, settings};

/// A named list of integrations.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// Unique name; empty only for a null entry of the list.
    pub name: String,
    /// Labels for `receiver_matchers`; has `name` unless the entry was null.
    pub labels: Labels,
    /// In the order Alertmanager runs them: by kind, then as written.
    pub integrations: Vec<Entry>,
}

/// One integration and its position among those of its kind in the receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// From 0.
    pub index: usize,
    /// Settings.
    pub integration: Integration,
}

macro_rules! integrations {
    ($( $variant:ident($config:ident), $kind:literal, $list:literal; )*) => {
        /// The settings of one integration.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Integration {
            $(
                #[doc = concat!("`", $list, "`")]
                $variant(Box<$config>),
            )*
        }

        /// Keys of the lists in a receiver, in the order Alertmanager runs them.
        pub(super) const LISTS: &[&str] = &[$($list),*];

        impl Integration {
            /// `webhook`, `email`, `pagerduty` …: as in metrics, logs and the notification log.
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => $kind, )* }
            }

            /// Key of the list it stands in.
            pub fn list(&self) -> &'static str {
                match self { $( Self::$variant(_) => $list, )* }
            }

            /// Whether resolved alerts are sent.
            pub fn send_resolved(&self) -> bool {
                match self { $( Self::$variant(config) => config.send_resolved, )* }
            }

            /// For the printed configuration.
            pub(super) fn write(&self) -> Value {
                match self { $( Self::$variant(config) => config.write(), )* }
            }

            /// Reads an entry of the list with key `list`.
            fn read(list: &str, node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
                match list {
                    $( $list => <$config as Setting>::read(node, reader)
                        .map(|config| Self::$variant(Box::new(config))), )*
                    _ => None,
                }
            }

            /// An entry with every default, for a null entry of the list.
            pub(super) fn defaults(list: &str) -> Option<Self> {
                match list {
                    $( $list => Some(Self::$variant(Box::default())), )*
                    _ => None,
                }
            }
        }
    };
}

integrations! {
    Webhook(WebhookConfig), "webhook", "webhook_configs";
    Email(EmailConfig), "email", "email_configs";
    Pagerduty(PagerdutyConfig), "pagerduty", "pagerduty_configs";
    Opsgenie(OpsgenieConfig), "opsgenie", "opsgenie_configs";
    Wechat(WechatConfig), "wechat", "wechat_configs";
    Slack(SlackConfig), "slack", "slack_configs";
    VictorOps(VictorOpsConfig), "victorops", "victorops_configs";
    Pushover(PushoverConfig), "pushover", "pushover_configs";
    Sns(SnsConfig), "sns", "sns_configs";
    Telegram(TelegramConfig), "telegram", "telegram_configs";
    Discord(DiscordConfig), "discord", "discord_configs";
    Webex(WebexConfig), "webex", "webex_configs";
    MsTeams(MsTeamsConfig), "msteams", "msteams_configs";
    MsTeamsV2(MsTeamsV2Config), "msteamsv2", "msteamsv2_configs";
    Incidentio(IncidentioConfig), "incidentio", "incidentio_configs";
    Rocketchat(RocketchatConfig), "rocketchat", "rocketchat_configs";
    Jira(JiraConfig), "jira", "jira_configs";
    Mattermost(MattermostConfig), "mattermost", "mattermost_configs";
}

macro_rules! with_http {
    ($self:expr, $config:ident => $found:expr, else $other:expr) => {
        match $self {
            Integration::Webhook($config) => $found,
            Integration::Pagerduty($config) => $found,
            Integration::Opsgenie($config) => $found,
            Integration::Wechat($config) => $found,
            Integration::Slack($config) => $found,
            Integration::VictorOps($config) => $found,
            Integration::Pushover($config) => $found,
            Integration::Sns($config) => $found,
            Integration::Telegram($config) => $found,
            Integration::Discord($config) => $found,
            Integration::Webex($config) => $found,
            Integration::MsTeams($config) => $found,
            Integration::MsTeamsV2($config) => $found,
            Integration::Incidentio($config) => $found,
            Integration::Rocketchat($config) => $found,
            Integration::Jira($config) => $found,
            Integration::Mattermost($config) => $found,
            Integration::Email(_) => $other,
        }
    };
}

impl Integration {
    /// HTTP client settings: after loading always there, except for email, which has none.
    pub fn http_config(&self) -> Option<&HttpConfig> {
        with_http!(self, config => config.http_config.as_ref(), else None)
    }

    pub(super) fn http_config_mut(&mut self) -> Option<&mut Option<HttpConfig>> {
        with_http!(self, config => Some(&mut config.http_config), else None)
    }
}

/// A receiver as written: entries still without what they inherit, with their places.
pub(super) struct RawReceiver {
    pub(super) node: Arc<Node>,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) entries: Vec<RawEntry>,
}

/// An entry of one of a receiver's lists.
pub(super) struct RawEntry {
    pub(super) node: Arc<Node>,
    pub(super) list: &'static str,
    pub(super) content: Content,
}

pub(super) enum Content {
    Integration(Integration),
    /// `- ` with nothing behind it.
    Null,
    /// Already reported.
    Faulty,
}

impl RawReceiver {
    /// Reads an entry of `receivers`.
    pub(super) fn read(node: &Arc<Node>, reader: &mut Reader) -> Self {
        let mut receiver = Self {
            node: Arc::clone(node),
            name: String::new(),
            labels: BTreeMap::new(),
            entries: Vec::new(),
        };
        if node.is_null() {
            return receiver;
        }
        let known: Vec<&str> =
            ["name", "labels"].into_iter().chain(LISTS.iter().copied()).collect();
        let before = reader.faults();
        let is_mapping = reader.keys(node, "a receiver", &known, |key, value, reader| {
            match (key, LISTS.iter().find(|list| **list == key)) {
                ("name", _) => receiver.name.assign(value, reader),
                ("labels", _) => receiver.labels.assign(value, reader),
                (_, Some(list)) => receiver.read_list(list, value, reader),
                (_, None) => return false,
            }
            true
        });
        if is_mapping && reader.faults() == before {
            receiver.check(reader);
        }
        receiver
    }

    fn read_list(&mut self, list: &'static str, node: &Arc<Node>, reader: &mut Reader) {
        if node.is_null() {
            return;
        }
        let Kind::Sequence(items) = &node.kind else {
            reader.mistype(node, "a list");
            return;
        };
        for item in items {
            let before = reader.faults();
            let content = if item.is_null() {
                Content::Null
            } else {
                match Integration::read(list, item, reader) {
                    Some(integration) if reader.faults() == before => {
                        Content::Integration(integration)
                    }
                    _ => Content::Faulty,
                }
            };
            self.entries.push(RawEntry { node: Arc::clone(item), list, content });
        }
    }

    fn check(&mut self, reader: &mut Reader) {
        let node = Arc::clone(&self.node);
        if self.name.is_empty() {
            reader.refuse_group(&node, "missing name in receiver");
            return;
        }
        match self.labels.get("name") {
            Some(label) if *label != self.name => reader.refuse_group(
                &node,
                format!(
                    "receiver label \"name\" must match receiver name {}, got {}",
                    quoted(&self.name),
                    quoted(label)
                ),
            ),
            _ => {
                self.labels.insert("name".to_owned(), self.name.clone());
            }
        }
    }

    /// The finished receiver: its sound entries, in the order they run.
    pub(super) fn finish(self) -> Receiver {
        let mut integrations = Vec::with_capacity(self.entries.len());
        let mut by_list: Vec<Vec<Integration>> = LISTS.iter().map(|_| Vec::new()).collect();
        for entry in self.entries {
            let position = LISTS.iter().position(|list| *list == entry.list);
            if let (Content::Integration(integration), Some(at)) = (entry.content, position) {
                by_list[at].push(integration);
            }
        }
        for list in by_list {
            let numbered = list.into_iter().enumerate();
            integrations.extend(numbered.map(|(index, integration)| Entry { index, integration }));
        }
        Receiver { name: self.name, labels: Labels::from_pairs(self.labels), integrations }
    }
}

impl Receiver {
    /// For the printed configuration.
    pub(super) fn write(&self) -> Value {
        let mut pairs = vec![(Value::from("name"), Value::from(self.name.as_str()))];
        if !self.labels.is_empty() {
            let labels = self.labels.iter().map(|(n, v)| (Value::from(n), Value::from(v)));
            pairs.push((Value::from("labels"), Value::Map(labels.collect())));
        }
        for list in LISTS {
            let entries: Vec<Value> = self
                .integrations
                .iter()
                .filter(|entry| entry.integration.list() == *list)
                .map(|entry| entry.integration.write())
                .collect();
            if !entries.is_empty() {
                pairs.push((Value::from(*list), Value::List(entries)));
            }
        }
        Value::Map(pairs)
    }
}
