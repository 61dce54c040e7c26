//! `webhook_configs`

use bongsu_lang::yaml::Value;

use super::super::fields::{GoDuration, TemplateUrl};
use super::{HttpConfig, settings};
use crate::settings::{Reader, at_most_one, forbid};

settings! {
    /// A POST of the notification as JSON to any URL.
    pub struct WebhookConfig("webhook_configs", check = check) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Target, possibly a template.
        url: TemplateUrl;
        /// File with the target, read at every notification.
        url_file: String, always;
        /// Alerts per message at most; 0 is no limit.
        max_alerts: u64, always;
        /// Time for one request; 0 is no limit of its own.
        timeout: GoDuration, always;
        /// Replaces the standard body; strings in it are templates.
        payload: Option<Value>;
    }
}

fn check(config: &mut WebhookConfig, _: &mut Reader) -> Result<(), String> {
    let given = [!config.url.is_empty(), !config.url_file.is_empty()];
    forbid(given == [false, false], "one of url or url_file must be configured")?;
    at_most_one(&given, "url & url_file")
}
