//! Which files an integration's secrets are in.

use bongsu_config::alertmanager::Integration;

/// Paths to read before every notification; `http_config` and `tls_config` files are not among
/// them, the transport reads those.
pub fn secret_files(integration: &Integration) -> Vec<&str> {
    let mut paths: Vec<&str> = match integration {
        Integration::Webhook(c) => vec![&c.url_file],
        Integration::Email(c) => vec![&c.auth_password_file, &c.auth_secret_file],
        Integration::Pagerduty(c) => vec![&c.service_key_file, &c.routing_key_file],
        Integration::Opsgenie(c) => vec![&c.api_key_file],
        Integration::Wechat(c) => vec![&c.api_secret_file],
        Integration::Slack(c) => vec![&c.api_url_file],
        Integration::VictorOps(c) => vec![&c.api_key_file],
        Integration::Pushover(c) => vec![&c.user_key_file, &c.token_file],
        Integration::Telegram(c) => vec![&c.bot_token_file, &c.chat_id_file],
        Integration::Discord(c) => vec![&c.webhook_url_file],
        Integration::MsTeams(c) => vec![&c.webhook_url_file],
        Integration::MsTeamsV2(c) => vec![&c.webhook_url_file],
        Integration::Incidentio(c) => vec![&c.url_file, &c.alert_source_token_file],
        Integration::Rocketchat(c) => vec![&c.token_file, &c.token_id_file],
        Integration::Mattermost(c) => vec![&c.webhook_url_file],
        Integration::Sns(_) | Integration::Webex(_) | Integration::Jira(_) => Vec::new(),
    };
    paths.retain(|path| !path.is_empty());
    paths
}
