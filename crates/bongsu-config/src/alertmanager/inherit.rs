//! What integrations take from `global`, and what is still missing then.

use std::path::Path;

use bongsu_model::Secret;

use super::fields::HttpUrl;
use super::global::GlobalConfig;
use super::http::Authorization;
use super::paths;
use super::receivers::{
    EmailConfig, Integration, MattermostConfig, RocketchatConfig, SlackConfig, TelegramConfig,
    WechatConfig,
};

/// Lists in the order their entries are completed and checked, which differs from the order in
/// which integrations run; with what a null entry is called, or `None` if it means "all defaults".
pub(super) const CHECK_ORDER: [(&str, Option<&str>); 18] = [
    ("webhook_configs", Some("webhook")),
    ("email_configs", Some("email")),
    ("slack_configs", None),
    ("pushover_configs", Some("pushover")),
    ("pagerduty_configs", Some("pagerduty")),
    ("incidentio_configs", Some("incidentio")),
    ("opsgenie_configs", None),
    ("wechat_configs", None),
    ("victorops_configs", Some("victorops")),
    ("sns_configs", Some("sns")),
    ("telegram_configs", Some("telegram")),
    ("discord_configs", Some("discord")),
    ("webex_configs", Some("webex")),
    ("msteams_configs", Some("msteams")),
    ("msteamsv2_configs", Some("msteamsv2")),
    ("jira_configs", Some("jira")),
    ("rocketchat_configs", None),
    ("mattermost_configs", Some("mattermost")),
];

/// Completes one integration in place. `base` is the directory of the configuration file.
pub(super) fn complete(
    integration: &mut Integration,
    global: &mut GlobalConfig,
    base: Option<&Path>,
) -> Result<(), String> {
    // Slack asks whether it had its own authorization before it inherits.
    let had_authorization =
        integration.http_config().is_some_and(|http| http.authorization.is_some());
    if let Some(http) = integration.http_config_mut()
        && http.is_none()
    {
        http.clone_from(&global.http_config);
    }
    match integration {
        Integration::Email(config) => email(config, global),
        Integration::Slack(config) => slack(config, global, base, had_authorization),
        Integration::Pagerduty(config) => {
            url(&mut config.url, &global.pagerduty_url, "no global PagerDuty URL set")
        }
        Integration::Opsgenie(config) => {
            let shared = &mut global.opsgenie_api_url;
            slashed_url(&mut config.api_url, shared, "no global OpsGenie URL set")?;
            secret(&mut config.api_key, &global.opsgenie_api_key);
            text(&mut config.api_key_file, &global.opsgenie_api_key_file);
            require(
                !config.api_key.is_empty() || !config.api_key_file.is_empty(),
                "no global OpsGenie API Key set either inline or in a file",
            )
        }
        Integration::Wechat(config) => wechat(config, global),
        Integration::VictorOps(config) => {
            let shared = &mut global.victorops_api_url;
            slashed_url(&mut config.api_url, shared, "no global VictorOps URL set")?;
            secret(&mut config.api_key, &global.victorops_api_key);
            text(&mut config.api_key_file, &global.victorops_api_key_file);
            require(
                !config.api_key.is_empty() || !config.api_key_file.is_empty(),
                "no global VictorOps API Key set",
            )
        }
        Integration::Telegram(config) => telegram(config, global),
        Integration::Webex(config) => {
            url(&mut config.api_url, &global.webex_api_url, "no global Webex URL set")
        }
        Integration::MsTeamsV2(config) => {
            // The one integration whose own block does not hide the global proxy.
            if let (Some(own), Some(shared)) = (&mut config.http_config, &global.http_config)
                && own.proxy_url.is_none()
            {
                own.proxy_url.clone_from(&shared.proxy_url);
            }
            Ok(())
        }
        Integration::Jira(config) => {
            url(&mut config.api_url, &global.jira_api_url, "no global Jira Cloud URL set")
        }
        Integration::Rocketchat(config) => rocketchat(config, global),
        Integration::Mattermost(config) => mattermost(config, global),
        Integration::Webhook(_)
        | Integration::Pushover(_)
        | Integration::Sns(_)
        | Integration::Discord(_)
        | Integration::MsTeams(_)
        | Integration::Incidentio(_) => Ok(()),
    }
}

fn require(condition: bool, message: &str) -> Result<(), String> {
    if condition { Ok(()) } else { Err(message.to_owned()) }
}

fn text(own: &mut String, shared: &String) {
    if own.is_empty() {
        own.clone_from(shared);
    }
}

fn secret(own: &mut Secret, shared: &Secret) {
    if own.is_empty() {
        own.clone_from(shared);
    }
}

fn url(own: &mut Option<HttpUrl>, shared: &Option<HttpUrl>, missing: &str) -> Result<(), String> {
    if own.is_none() {
        own.clone_from(shared);
    }
    require(own.is_some(), missing)
}

/// As [`url`], with a final slash; an inherited URL gets it in `global` too, where it is printed.
fn slashed_url(
    own: &mut Option<HttpUrl>,
    shared: &mut Option<HttpUrl>,
    missing: &str,
) -> Result<(), String> {
    match own {
        Some(url) => *url = url.with_final_slash(),
        None => {
            *shared = shared.as_ref().map(HttpUrl::with_final_slash);
            own.clone_from(shared);
        }
    }
    require(own.is_some(), missing)
}

fn email(config: &mut EmailConfig, global: &GlobalConfig) -> Result<(), String> {
    if config.tls_config.is_none() {
        config.tls_config.clone_from(&global.smtp_tls_config);
    }
    if config.smarthost.is_empty() {
        config.smarthost.clone_from(&global.smtp_smarthost);
    }
    require(!config.smarthost.is_empty(), "no global SMTP smarthost set")?;
    text(&mut config.from, &global.smtp_from);
    require(!config.from.is_empty(), "no global SMTP from set")?;
    text(&mut config.hello, &global.smtp_hello);
    text(&mut config.auth_username, &global.smtp_auth_username);
    if config.auth_password.is_empty() && config.auth_password_file.is_empty() {
        config.auth_password.clone_from(&global.smtp_auth_password);
        config.auth_password_file.clone_from(&global.smtp_auth_password_file);
    }
    secret(&mut config.auth_secret, &global.smtp_auth_secret);
    text(&mut config.auth_secret_file, &global.smtp_auth_secret_file);
    text(&mut config.auth_identity, &global.smtp_auth_identity);
    config.require_tls.get_or_insert(global.smtp_require_tls);
    config.force_implicit_tls = config.force_implicit_tls.or(global.smtp_force_implicit_tls);
    Ok(())
}

fn slack(
    config: &mut SlackConfig,
    global: &GlobalConfig,
    base: Option<&Path>,
    had_authorization: bool,
) -> Result<(), String> {
    url(&mut config.app_url, &global.slack_app_url, "no global Slack App URL set")?;
    let has_token = |c: &SlackConfig| !c.app_token.is_empty() || !c.app_token_file.is_empty();
    if !has_token(config) && !had_authorization && config.api_url.is_none() {
        config.app_token.clone_from(&global.slack_app_token);
        config.app_token_file.clone_from(&global.slack_app_token_file);
    }
    if config.api_url.is_none() && config.api_url_file.is_empty() {
        config.api_url.clone_from(&global.slack_api_url);
        config.api_url_file.clone_from(&global.slack_api_url_file);
    }
    require(
        config.api_url.is_some() || !config.api_url_file.is_empty() || has_token(config),
        "no Slack API URL nor App token set either inline or in a file",
    )?;
    if !has_token(config) {
        return Ok(());
    }
    let authorized = config.http_config.as_ref().is_some_and(|http| http.authorization.is_some());
    require(!authorized, "http authorization can't be set when using Slack App tokens")?;
    let mut file = config.app_token_file.clone();
    if let Some(base) = base {
        paths::join(base, &mut file);
    }
    config.http_config.get_or_insert_default().authorization = Some(Authorization {
        r#type: "Bearer".to_owned(),
        credentials: config.app_token.clone(),
        credentials_file: file,
        ..Authorization::default()
    });
    config.api_url = config.app_url.as_ref().map(Into::into);
    Ok(())
}

fn wechat(config: &mut WechatConfig, global: &mut GlobalConfig) -> Result<(), String> {
    let own_url = config.api_url.is_some();
    url(&mut config.api_url, &global.wechat_api_url, "no global Wechat URL set")?;
    if config.api_secret.is_empty() && config.api_secret_file.is_empty() {
        config.api_secret.clone_from(&global.wechat_api_secret);
        config.api_secret_file.clone_from(&global.wechat_api_secret_file);
    }
    require(
        !config.api_secret.is_empty() || !config.api_secret_file.is_empty(),
        "no global Wechat Api Secret set either inline or in a file",
    )?;
    text(&mut config.corp_id, &global.wechat_api_corp_id);
    require(!config.corp_id.is_empty(), "no global Wechat CorpID set")?;
    config.api_url = config.api_url.as_ref().map(HttpUrl::with_final_slash);
    if !own_url {
        global.wechat_api_url.clone_from(&config.api_url);
    }
    Ok(())
}

fn telegram(config: &mut TelegramConfig, global: &GlobalConfig) -> Result<(), String> {
    if config.api_url.is_none() {
        config.api_url.clone_from(&global.telegram_api_url);
    }
    if config.bot_token.is_empty() && config.bot_token_file.is_empty() {
        config.bot_token.clone_from(&global.telegram_bot_token);
        config.bot_token_file.clone_from(&global.telegram_bot_token_file);
    }
    require(
        !config.bot_token.is_empty() || !config.bot_token_file.is_empty(),
        "missing bot_token or bot_token_file on telegram_config",
    )
}

fn rocketchat(config: &mut RocketchatConfig, global: &GlobalConfig) -> Result<(), String> {
    if config.api_url.is_none() {
        config.api_url.clone_from(&global.rocketchat_api_url);
    }
    if config.token_id.is_none() {
        config.token_id.clone_from(&global.rocketchat_token_id);
    }
    text(&mut config.token_id_file, &global.rocketchat_token_id_file);
    require(
        config.token_id.is_some() || !config.token_id_file.is_empty(),
        "no global Rocketchat TokenID set either inline or in a file",
    )?;
    if config.token.is_none() {
        config.token.clone_from(&global.rocketchat_token);
    }
    text(&mut config.token_file, &global.rocketchat_token_file);
    require(
        config.token.is_some() || !config.token_file.is_empty(),
        "no global Rocketchat Token set either inline or in a file",
    )
}

fn mattermost(config: &mut MattermostConfig, global: &GlobalConfig) -> Result<(), String> {
    if config.webhook_url.is_none() && config.webhook_url_file.is_empty() {
        config.webhook_url.clone_from(&global.mattermost_webhook_url);
        config.webhook_url_file.clone_from(&global.mattermost_webhook_url_file);
    }
    require(
        config.webhook_url.is_some() || !config.webhook_url_file.is_empty(),
        "missing webhook_url or webhook_url_file on mattermost_config",
    )
}
