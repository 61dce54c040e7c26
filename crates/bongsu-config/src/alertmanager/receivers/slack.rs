//! `slack_configs`

use bongsu_model::Secret;

use super::super::fields::{GoDuration, HttpUrl, SecretUrl};
use super::{HttpConfig, settings};
use crate::settings::{Reader, at_most_one, forbid};

/// The only target messages can be updated at.
pub(in super::super) const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";

settings! {
    /// Slack, by incoming webhook or by bot token. Texts are templates.
    pub struct SlackConfig("slack_configs", check = check) {
        /// Whether resolved alerts are sent.
        send_resolved: bool, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Target. With an app token: `app_url`, after loading.
        api_url: Option<SecretUrl>;
        /// File with the target, read at every notification.
        api_url_file: String;
        /// Bot token; after loading it is also in `http_config.authorization`.
        app_token: Secret;
        /// File with the token.
        app_token_file: String;
        /// Target for bot tokens. After loading always there.
        app_url: Option<HttpUrl>;
        /// `#channel` or `@user`.
        channel: String;
        /// Shown sender.
        username: String = "{{ template \"slack.default.username\" . }}";
        /// Colour of the bar.
        color: String = "{{ template \"slack.default.color\" . }}";
        /// Headline.
        title: String = "{{ template \"slack.default.title\" . }}";
        /// Link of the headline.
        title_link: String = "{{ template \"slack.default.titlelink\" . }}";
        /// Text above the attachment.
        pretext: String = "{{ template \"slack.default.pretext\" . }}";
        /// Body of the attachment.
        text: String = "{{ template \"slack.default.text\" . }}";
        /// Text of the message outside the attachment.
        message_text: String;
        /// Small table.
        fields: Vec<SlackField>;
        /// Default for `short` of a field.
        short_fields: bool, always;
        /// Small print.
        footer: String = "{{ template \"slack.default.footer\" . }}";
        /// Text for clients that cannot show attachments.
        fallback: String = "{{ template \"slack.default.fallback\" . }}";
        /// Id for interactive answers.
        callback_id: String = "{{ template \"slack.default.callbackid\" . }}";
        /// Sender's emoji.
        icon_emoji: String = "{{ template \"slack.default.iconemoji\" . }}";
        /// Sender's image.
        icon_url: String = "{{ template \"slack.default.iconurl\" . }}";
        /// Image in the attachment.
        image_url: String;
        /// Small image in the attachment.
        thumb_url: String;
        /// Turn `@name` and `#name` into links.
        link_names: bool, always;
        /// Fields read as mrkdwn; unset means fallback, pretext, text.
        mrkdwn_in: Vec<String>;
        /// Buttons.
        actions: Vec<SlackAction>;
        /// Update the first message instead of sending new ones.
        update_message: bool, always;
        /// Time for one request; 0 is no limit of its own.
        timeout: GoDuration, always;
    }
}

settings! {
    /// A cell of the table.
    pub struct SlackField("slack fields", check = check_field) {
        /// Name; a template.
        title: String;
        /// Value; a template.
        value: String;
        /// Whether it shares a row.
        short: Option<bool>;
    }
}

settings! {
    /// A button. With a URL, `name`, `value` and `confirm` are empty after loading.
    pub struct SlackAction("slack actions", check = check_action) {
        /// `button` or `select`.
        r#type: String;
        /// Caption.
        text: String;
        /// Link.
        url: String;
        /// Look.
        style: String;
        /// Name for interactive answers.
        name: String;
        /// Value for interactive answers.
        value: String;
        /// Question before acting.
        confirm: Option<SlackConfirmation>;
    }
}

settings! {
    /// The question before a button acts.
    pub struct SlackConfirmation("slack confirm", check = check_confirmation) {
        /// Question.
        text: String;
        /// Headline.
        title: String;
        /// Caption of yes.
        ok_text: String;
        /// Caption of no.
        dismiss_text: String;
    }
}

fn check_field(field: &mut SlackField, _: &mut Reader) -> Result<(), String> {
    forbid(field.title.is_empty(), "missing title in Slack field configuration")?;
    forbid(field.value.is_empty(), "missing value in Slack field configuration")
}

fn check_action(action: &mut SlackAction, _: &mut Reader) -> Result<(), String> {
    forbid(action.r#type.is_empty(), "missing type in Slack action configuration")?;
    forbid(action.text.is_empty(), "missing text in Slack action configuration")?;
    if action.url.is_empty() {
        return forbid(action.name.is_empty(), "missing name or url in Slack action configuration");
    }
    action.name.clear();
    action.value.clear();
    action.confirm = None;
    Ok(())
}

fn check_confirmation(confirm: &mut SlackConfirmation, _: &mut Reader) -> Result<(), String> {
    forbid(confirm.text.is_empty(), "missing text in Slack confirmation configuration")
}

fn check(config: &mut SlackConfig, _: &mut Reader) -> Result<(), String> {
    let url = [config.api_url.is_some(), !config.api_url_file.is_empty()];
    let token = [!config.app_token.is_empty(), !config.app_token_file.is_empty()];
    at_most_one(&url, "api_url & api_url_file")?;
    at_most_one(&token, "app_token & app_token_file")?;
    at_most_one(
        &[url.contains(&true), token.contains(&true)],
        "api_url/api_url_file & app_token/app_token_file",
    )?;
    let can_update = config.api_url.as_ref().is_some_and(|url| url.expose() == POST_MESSAGE);
    forbid(
        config.update_message && !can_update,
        "update_message can only be used with bot tokens. api_url must be set to https://slack.com/api/chat.postMessage",
    )
}
