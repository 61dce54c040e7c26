//! Receivers and what every integration shares.

mod chat;
mod cloud;
mod email;
mod incidents;
mod issues;
mod slack;
mod teams;
mod webhook;

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
use super::settings::{Reader, Setting, settings};

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
            fn defaults(list: &str) -> Option<Self> {
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
    pub(super) receiver: Receiver,
    pub(super) nodes: Vec<Arc<Node>>,
    /// Null entries: list keys and places, in file order.
    pub(super) missing: Vec<(&'static str, Arc<Node>)>,
}
