//! `global`: defaults every receiver inherits.

use std::time::Duration;

use bongsu_model::Secret;

use super::fields::{HostPort, HttpUrl, SecretUrl};
use super::http::{HttpConfig, TlsConfig};
use crate::settings::settings;

settings! {
    /// Defaults for receivers, and what is not about receivers at all (`resolve_timeout`).
    pub struct GlobalConfig("global") {
        /// How long an alert without an end stays firing after its last update.
        resolve_timeout: Duration = Duration::from_secs(300), always;
        /// Client settings of every integration without its own. After loading always there.
        http_config: Option<HttpConfig> = Some(HttpConfig::default());
        /// Base of the Jira API.
        jira_api_url: Option<HttpUrl>;
        /// Sender of mails.
        smtp_from: String;
        /// Name for `EHLO`.
        smtp_hello: String = "localhost";
        /// Mail server.
        smtp_smarthost: HostPort;
        /// Login name.
        smtp_auth_username: String;
        /// Password for PLAIN and LOGIN.
        smtp_auth_password: Secret;
        /// File with it.
        smtp_auth_password_file: String;
        /// Secret for CRAM-MD5.
        smtp_auth_secret: Secret;
        /// File with it.
        smtp_auth_secret_file: String;
        /// Identity for PLAIN.
        smtp_auth_identity: String;
        /// Refuse servers without STARTTLS.
        smtp_require_tls: bool = true, always;
        /// TLS towards the mail server.
        smtp_tls_config: Option<TlsConfig> = Some(TlsConfig::default());
        /// TLS from the first byte; `None`: on port 465 only.
        smtp_force_implicit_tls: Option<bool>;
        /// Slack webhook.
        slack_api_url: Option<SecretUrl>;
        /// File with it.
        slack_api_url_file: String;
        /// Slack bot token.
        slack_app_token: Secret;
        /// File with it.
        slack_app_token_file: String;
        /// Target for bot tokens.
        slack_app_url: Option<HttpUrl> = Some(HttpUrl::known("https://slack.com/api/chat.postMessage"));
        /// PagerDuty's events API.
        pagerduty_url: Option<HttpUrl> = Some(HttpUrl::known("https://events.pagerduty.com/v2/enqueue"));
        /// Base of the Opsgenie API.
        opsgenie_api_url: Option<HttpUrl> = Some(HttpUrl::known("https://api.opsgenie.com/"));
        /// Opsgenie key.
        opsgenie_api_key: Secret;
        /// File with it.
        opsgenie_api_key_file: String;
        /// Base of the WeChat API.
        wechat_api_url: Option<HttpUrl> = Some(HttpUrl::known("https://qyapi.weixin.qq.com/cgi-bin/"));
        /// WeChat secret.
        wechat_api_secret: Secret;
        /// File with it.
        wechat_api_secret_file: String;
        /// WeChat company.
        wechat_api_corp_id: String;
        /// Base of the VictorOps API.
        victorops_api_url: Option<HttpUrl> = Some(HttpUrl::known("https://alert.victorops.com/integrations/generic/20131114/alert/"));
        /// VictorOps key.
        victorops_api_key: Secret;
        /// File with it.
        victorops_api_key_file: String;
        /// Base of the Telegram API.
        telegram_api_url: Option<HttpUrl> = Some(HttpUrl::known("https://api.telegram.org"));
        /// Telegram bot token.
        telegram_bot_token: Secret;
        /// File with it.
        telegram_bot_token_file: String;
        /// Webex messages API.
        webex_api_url: Option<HttpUrl> = Some(HttpUrl::known("https://webexapis.com/v1/messages"));
        /// Base of the Rocket.Chat API.
        rocketchat_api_url: Option<HttpUrl> = Some(HttpUrl::known("https://open.rocket.chat/"));
        /// Rocket.Chat token.
        rocketchat_token: Option<Secret>;
        /// File with it.
        rocketchat_token_file: String;
        /// Rocket.Chat user id.
        rocketchat_token_id: Option<Secret>;
        /// File with it.
        rocketchat_token_id_file: String;
        /// Mattermost webhook.
        mattermost_webhook_url: Option<SecretUrl>;
        /// File with it.
        mattermost_webhook_url_file: String;
    }
}

impl GlobalConfig {
    /// Pairs that exclude each other, in the order Alertmanager looks at them.
    pub(super) fn check(&self) -> Vec<String> {
        let secret = |secret: &Secret| !secret.is_empty();
        let text = |text: &String| !text.is_empty();
        let slack_token = secret(&self.slack_app_token) || text(&self.slack_app_token_file);
        let slack_url = self.slack_api_url.is_some() || text(&self.slack_api_url_file);
        // The old way to use bot tokens: the app's URL as webhook, tokens in the receivers.
        let same_url = self.slack_api_url.as_ref().map(SecretUrl::expose)
            == self.slack_app_url.as_ref().map(HttpUrl::as_str);
        let pairs = [
            (
                secret(&self.slack_app_token) && text(&self.slack_app_token_file),
                "slack_app_token & slack_app_token_file",
            ),
            (
                self.slack_api_url.is_some() && text(&self.slack_api_url_file),
                "slack_api_url & slack_api_url_file",
            ),
            (
                slack_token && slack_url && !same_url,
                "slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file",
            ),
            (
                secret(&self.opsgenie_api_key) && text(&self.opsgenie_api_key_file),
                "opsgenie_api_key & opsgenie_api_key_file",
            ),
            (
                secret(&self.victorops_api_key) && text(&self.victorops_api_key_file),
                "victorops_api_key & victorops_api_key_file",
            ),
            (
                secret(&self.telegram_bot_token) && text(&self.telegram_bot_token_file),
                "telegram_bot_token & telegram_bot_token_file",
            ),
            (
                secret(&self.smtp_auth_password) && text(&self.smtp_auth_password_file),
                "smtp_auth_password & smtp_auth_password_file",
            ),
            (
                self.rocketchat_token.is_some() && text(&self.rocketchat_token_file),
                "rocketchat_token & rocketchat_token_file",
            ),
            (
                self.rocketchat_token_id.is_some() && text(&self.rocketchat_token_id_file),
                "rocketchat_token_id & rocketchat_token_id_file",
            ),
            (
                secret(&self.smtp_auth_secret) && text(&self.smtp_auth_secret_file),
                "smtp_auth_secret & smtp_auth_secret_file",
            ),
            (
                secret(&self.wechat_api_secret) && text(&self.wechat_api_secret_file),
                "wechat_api_secret & wechat_api_secret_file",
            ),
            (
                self.mattermost_webhook_url.is_some() && text(&self.mattermost_webhook_url_file),
                "mattermost_webhook_url & mattermost_webhook_url_file",
            ),
        ];
        pairs
            .iter()
            .filter(|(both, _)| *both)
            .map(|(_, names)| format!("at most one of {names} must be configured"))
            .collect()
    }
}
