//! Chat services: `telegram_configs`, `discord_configs`, `wechat_configs`, `rocketchat_configs`,
//! `mattermost_configs`.

use bongsu_model::{Secret, go_quote};

use super::super::fields::{HttpUrl, SecretUrl};
use super::{HttpConfig, settings};
use crate::settings::{Reader, at_most_one, forbid};

settings! {
    /// Telegram.
    pub struct TelegramConfig("telegram_configs", check = check_telegram) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Base of the API. After loading always there.
        api_url: Option<HttpUrl>, always;
        /// Bot's token.
        bot_token: Secret;
        /// File with it, read at every notification.
        bot_token_file: String;
        /// Chat.
        chat_id: i64;
        /// File with the chat's id, read at every notification.
        chat_id_file: String;
        /// Topic of the chat.
        message_thread_id: i64;
        /// Text; a template, HTML-escaping in HTML mode.
        message: String = "{{ template \"telegram.default.message\" . }}";
        /// Send silently.
        disable_notifications: bool;
        /// `HTML`, `Markdown`, `MarkdownV2` or empty.
        parse_mode: String = "HTML";
    }
}

settings! {
    /// Discord. Texts are templates.
    pub struct DiscordConfig("discord_configs", check = check_discord) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Target.
        webhook_url: Option<SecretUrl>;
        /// File with the target, read at every notification.
        webhook_url_file: String;
        /// Text outside the embed.
        content: String;
        /// Headline.
        title: String = "{{ template \"discord.default.title\" . }}";
        /// Text.
        message: String = "{{ template \"discord.default.message\" . }}";
        /// Shown sender.
        username: String;
        /// Sender's image.
        avatar_url: String;
    }
}

settings! {
    /// WeChat Work. Texts are templates.
    pub struct WechatConfig("wechat_configs", check = check_wechat) {
        /// Whether resolved alerts are sent.
        send_resolved: bool, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Application's secret.
        api_secret: Secret;
        /// File with it, read at every notification.
        api_secret_file: String;
        /// Company. After loading never empty.
        corp_id: String;
        /// Text.
        message: String = "{{ template \"wechat.default.message\" . }}";
        /// Base of the API, with a final slash after loading.
        api_url: Option<HttpUrl>;
        /// Users.
        to_user: String = "{{ template \"wechat.default.to_user\" . }}";
        /// Departments.
        to_party: String = "{{ template \"wechat.default.to_party\" . }}";
        /// Tags.
        to_tag: String = "{{ template \"wechat.default.to_tag\" . }}";
        /// Application.
        agent_id: String = "{{ template \"wechat.default.agent_id\" . }}";
        /// `text` or `markdown`.
        message_type: String;
    }
}

settings! {
    /// Rocket.Chat. Texts are templates.
    pub struct RocketchatConfig("rocketchat_configs", check = check_rocketchat) {
        /// Whether resolved alerts are sent.
        send_resolved: bool, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Base of the API. After loading always there.
        api_url: Option<HttpUrl>;
        /// User id.
        token_id: Option<Secret>;
        /// File with it, read at every notification.
        token_id_file: String;
        /// Token.
        token: Option<Secret>;
        /// File with it, read at every notification.
        token_file: String;
        /// `#channel` or `@user`.
        channel: String;
        /// Colour of the bar.
        color: String = "{{ if eq .Status \"firing\" }}red{{ else }}green{{ end }}";
        /// Headline.
        title: String = "{{ template \"rocketchat.default.title\" . }}";
        /// Link of the headline.
        title_link: String = "{{ template \"rocketchat.default.titlelink\" . }}";
        /// Text.
        text: String = "{{ template \"rocketchat.default.text\" . }}";
        /// Small table.
        fields: Vec<RocketchatField>;
        /// Default for `short` of a field.
        short_fields: bool, always;
        /// Sender's emoji.
        emoji: String = "{{ template \"rocketchat.default.emoji\" . }}";
        /// Sender's image.
        icon_url: String = "{{ template \"rocketchat.default.iconurl\" . }}";
        /// Image.
        image_url: String;
        /// Small image.
        thumb_url: String;
        /// Turn names into links.
        link_names: bool, always;
        /// Buttons.
        actions: Vec<RocketchatAction>;
    }
}

settings! {
    /// A cell of the table.
    pub struct RocketchatField("rocketchat fields") {
        /// Whether it shares a row.
        short: Option<bool>, always;
        /// Name; a template.
        title: String, always;
        /// Value; a template.
        value: String, always;
    }
}

settings! {
    /// A button. The keys are Alertmanager's, which lack underscores.
    pub struct RocketchatAction("rocketchat actions") {
        /// Kind.
        r#type: String, always;
        /// Caption.
        text: String, always;
        /// Link.
        url: String, always;
        /// Image.
        imageurl: String, always;
        /// Open inside the client.
        iswebview: bool, always;
        /// Height of that view.
        webviewheightratio: String, always;
        /// Message sent when pressed.
        msg: String, always;
        /// Send it in the chat window.
        msginchatwindow: bool, always;
        /// `sendMessage` or `respondWithMessage`.
        msgprocessingtype: String, always;
    }
}

settings! {
    /// Mattermost. Texts are templates.
    pub struct MattermostConfig("mattermost_configs", check = check_mattermost) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Target.
        webhook_url: Option<SecretUrl>;
        /// File with the target, read at every notification.
        webhook_url_file: String;
        /// Channel.
        channel: String;
        /// Shown sender.
        username: String = "{{ template \"mattermost.default.username\" . }}";
        /// Text.
        text: String = "{{ template \"mattermost.default.text\" . }}";
        /// Text for clients that cannot show attachments.
        fallback: String = "{{ template \"mattermost.default.fallback\" . }}";
        /// Colour of the bar.
        color: String = "{{ template \"mattermost.default.color\" . }}";
        /// Text above the attachment.
        pretext: String;
        /// Author.
        author_name: String;
        /// Author's link.
        author_link: String;
        /// Author's image.
        author_icon: String;
        /// Headline.
        title: String = "{{ template \"mattermost.default.title\" . }}";
        /// Link of the headline.
        title_link: String = "{{ template \"mattermost.default.titlelink\" . }}";
        /// Small table.
        fields: Vec<MattermostField>;
        /// Small image.
        thumb_url: String;
        /// Small print.
        footer: String;
        /// Image in the small print.
        footer_icon: String;
        /// Image.
        image_url: String;
        /// Sender's image.
        icon_url: String;
        /// Sender's emoji.
        icon_emoji: String;
        /// Attachments instead of the one made of the settings above.
        attachments: Vec<MattermostAttachment>;
        /// Post type.
        r#type: String;
        /// Further properties.
        props: Option<MattermostProps>;
        /// Priority.
        priority: Option<MattermostPriority>;
    }
}

settings! {
    /// A cell of the table.
    pub struct MattermostField("mattermost fields", check = check_mattermost_field) {
        /// Name; a template.
        title: String;
        /// Value; a template.
        value: String;
        /// Whether it shares a row.
        short: Option<bool>;
    }
}

settings! {
    /// An attachment.
    pub struct MattermostAttachment("mattermost attachments") {
        /// Text for clients that cannot show attachments.
        fallback: String;
        /// Colour of the bar.
        color: String;
        /// Text above.
        pretext: String;
        /// Text.
        text: String;
        /// Author.
        author_name: String;
        /// Author's link.
        author_link: String;
        /// Author's image.
        author_icon: String;
        /// Headline.
        title: String;
        /// Link of the headline.
        title_link: String;
        /// Small table.
        fields: Vec<MattermostField>;
        /// Small image.
        thumb_url: String;
        /// Small print.
        footer: String;
        /// Image in the small print.
        footer_icon: String;
        /// Image.
        image_url: String;
    }
}

settings! {
    /// Properties of a post.
    pub struct MattermostProps("mattermost props") {
        /// Card in the side bar; a template.
        card: String;
    }
}

settings! {
    /// Priority of a post.
    pub struct MattermostPriority("mattermost priority") {
        /// `standard`, `important` or `urgent`; a template.
        priority: String;
        /// Ask for acknowledgement.
        requested_ack: bool;
        /// Remind until acknowledged.
        persistent_notifications: bool;
    }
}

fn check_telegram(config: &mut TelegramConfig, _: &mut Reader) -> Result<(), String> {
    at_most_one(
        &[!config.bot_token.is_empty(), !config.bot_token_file.is_empty()],
        "bot_token & bot_token_file",
    )?;
    let chat = [config.chat_id != 0, !config.chat_id_file.is_empty()];
    forbid(chat == [false, false], "missing chat_id or chat_id_file on telegram_config")?;
    at_most_one(&chat, "chat_id & chat_id_file")?;
    forbid(
        !matches!(&*config.parse_mode, "" | "Markdown" | "MarkdownV2" | "HTML"),
        "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string",
    )
}

/// For integrations that need `webhook_url` or `webhook_url_file`.
pub(super) fn check_webhook_url(url: &Option<SecretUrl>, file: &str) -> Result<(), String> {
    let given = [url.is_some(), !file.is_empty()];
    forbid(given == [false, false], "one of webhook_url or webhook_url_file must be configured")?;
    at_most_one(&given, "webhook_url & webhook_url_file")
}

fn check_discord(config: &mut DiscordConfig, _: &mut Reader) -> Result<(), String> {
    check_webhook_url(&config.webhook_url, &config.webhook_url_file)
}

fn check_wechat(config: &mut WechatConfig, _: &mut Reader) -> Result<(), String> {
    if config.message_type.is_empty() {
        "text".clone_into(&mut config.message_type);
    }
    if !matches!(&*config.message_type, "text" | "markdown") {
        let mut quoted = String::new();
        let _ = go_quote(&config.message_type, &mut quoted);
        return Err(format!(
            "weChat message type {quoted} does not match valid options ^(text|markdown)$"
        ));
    }
    at_most_one(
        &[!config.api_secret.is_empty(), !config.api_secret_file.is_empty()],
        "api_secret & api_secret_file",
    )
}

fn check_rocketchat(config: &mut RocketchatConfig, _: &mut Reader) -> Result<(), String> {
    at_most_one(&[config.token.is_some(), !config.token_file.is_empty()], "token & token_file")?;
    at_most_one(
        &[config.token_id.is_some(), !config.token_id_file.is_empty()],
        "token_id & token_id_file",
    )
}

fn check_mattermost(config: &mut MattermostConfig, _: &mut Reader) -> Result<(), String> {
    at_most_one(
        &[config.webhook_url.is_some(), !config.webhook_url_file.is_empty()],
        "webhook_url & webhook_url_file",
    )
}

fn check_mattermost_field(field: &mut MattermostField, _: &mut Reader) -> Result<(), String> {
    forbid(field.title.is_empty(), "missing title in Mattermost field configuration")?;
    forbid(field.value.is_empty(), "missing value in Mattermost field configuration")
}
