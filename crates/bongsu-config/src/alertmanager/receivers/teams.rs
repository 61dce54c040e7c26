//! Meeting services: `msteams_configs`, `msteamsv2_configs`, `webex_configs`.

use super::super::fields::{HttpUrl, SecretUrl};
use super::chat::check_webhook_url;
use super::{HttpConfig, settings};
use crate::settings::{Reader, forbid};

settings! {
    /// Microsoft Teams by connector. Texts are templates.
    pub struct MsTeamsConfig("msteams_configs", check = check_msteams) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Target.
        webhook_url: Option<SecretUrl>;
        /// File with the target, read at every notification.
        webhook_url_file: String;
        /// Headline.
        title: String = "{{ template \"msteams.default.title\" . }}";
        /// Summary.
        summary: String = "{{ template \"msteams.default.summary\" . }}";
        /// Text.
        text: String = "{{ template \"msteams.default.text\" . }}";
    }
}

settings! {
    /// Microsoft Teams by workflow. Texts are templates.
    pub struct MsTeamsV2Config("msteamsv2_configs", check = check_msteamsv2) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Target.
        webhook_url: Option<SecretUrl>;
        /// File with the target, read at every notification.
        webhook_url_file: String;
        /// Headline.
        title: String = "{{ template \"msteamsv2.default.title\" . }}";
        /// Text.
        text: String = "{{ template \"msteamsv2.default.text\" . }}";
    }
}

settings! {
    /// Webex.
    pub struct WebexConfig("webex_configs", check = check_webex) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings; must have `authorization`.
        http_config: Option<HttpConfig>;
        /// Target. After loading always there.
        api_url: Option<HttpUrl>;
        /// Text; a template.
        message: String = "{{ template \"webex.default.message\" . }}";
        /// Room; a template.
        room_id: String, always;
    }
}

fn check_msteams(config: &mut MsTeamsConfig, _: &mut Reader) -> Result<(), String> {
    check_webhook_url(&config.webhook_url, &config.webhook_url_file)
}

fn check_msteamsv2(config: &mut MsTeamsV2Config, _: &mut Reader) -> Result<(), String> {
    check_webhook_url(&config.webhook_url, &config.webhook_url_file)
}

fn check_webex(config: &mut WebexConfig, _: &mut Reader) -> Result<(), String> {
    forbid(config.room_id.is_empty(), "missing room_id on webex_config")?;
    let authorization = config.http_config.as_ref().and_then(|http| http.authorization.as_ref());
    forbid(authorization.is_none(), "missing webex_configs.http_config.authorization")
}
