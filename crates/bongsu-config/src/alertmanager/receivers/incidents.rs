//! Services that page people: `pagerduty_configs`, `opsgenie_configs`, `victorops_configs`,
//! `pushover_configs`, `incidentio_configs`.

use std::collections::BTreeMap;

use bongsu_lang::yaml::Value;
use bongsu_model::Secret;

use super::super::fields::{GoDuration, HttpUrl, TextDuration};
use super::super::templates;
use super::{HttpConfig, settings};
use crate::settings::{Reader, at_most_one, forbid};

settings! {
    /// PagerDuty: Events API v2 with a routing key, v1 with a service key. Texts are templates.
    pub struct PagerdutyConfig("pagerduty_configs", check = check_pagerduty) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Key of the old API.
        service_key: Secret;
        /// File with it, read at every notification.
        service_key_file: String;
        /// Key of the Events API v2.
        routing_key: Secret;
        /// File with it, read at every notification.
        routing_key_file: String;
        /// Target. After loading always there.
        url: Option<HttpUrl>;
        /// Name of the monitoring client.
        client: String = "{{ template \"pagerduty.default.client\" . }}";
        /// Link back.
        client_url: String = "{{ template \"pagerduty.default.clientURL\" . }}";
        /// Summary of the incident.
        description: String = "{{ template \"pagerduty.default.description\" .}}";
        /// Details; strings in them are templates. Four standard ones are always there.
        details: BTreeMap<String, Value>;
        /// Pictures.
        images: Vec<PagerdutyImage>;
        /// Links.
        links: Vec<PagerdutyLink>;
        /// Affected system; the client unless given.
        source: String;
        /// `critical`, `error`, `warning` or `info`; empty means `error`.
        severity: String;
        /// Class of the event.
        class: String;
        /// Component.
        component: String;
        /// Group of components.
        group: String;
        /// Time for one request; 0 is no limit of its own.
        timeout: GoDuration, always;
    }
}

settings! {
    /// A picture.
    pub struct PagerdutyImage("pagerduty images") {
        /// Address.
        src: String;
        /// Text instead.
        alt: String;
        /// Link.
        href: String;
    }
}

settings! {
    /// A link.
    pub struct PagerdutyLink("pagerduty links") {
        /// Address.
        href: String;
        /// Caption.
        text: String;
    }
}

settings! {
    /// Opsgenie. Texts are templates.
    pub struct OpsgenieConfig("opsgenie_configs", check = check_opsgenie) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Key.
        api_key: Secret;
        /// File with it, read at every notification.
        api_key_file: String;
        /// Base of the API, with a final slash after loading.
        api_url: Option<HttpUrl>;
        /// Headline.
        message: String = "{{ template \"opsgenie.default.message\" . }}";
        /// Text.
        description: String = "{{ template \"opsgenie.default.description\" . }}";
        /// Sender.
        source: String = "{{ template \"opsgenie.default.source\" . }}";
        /// Further properties.
        details: BTreeMap<String, String>;
        /// Affected entity.
        entity: String;
        /// Who is called.
        responders: Vec<OpsgenieResponder>;
        /// Actions, comma-separated.
        actions: String;
        /// Tags, comma-separated.
        tags: String;
        /// Note.
        note: String;
        /// `P1` … `P5`.
        priority: String;
        /// Also update message and description of an open alert.
        update_alerts: bool;
    }
}

settings! {
    /// Who is called: by id, name or user name.
    pub struct OpsgenieResponder("opsgenie responders") {
        /// Id.
        id: String;
        /// Name.
        name: String;
        /// User name.
        username: String;
        /// `team`, `teams`, `user`, `escalation`, `schedule` in any case, or a template.
        r#type: String;
    }
}

settings! {
    /// VictorOps (Splunk On-Call). Texts are templates.
    pub struct VictorOpsConfig("victorops_configs", check = check_victorops) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Key.
        api_key: Secret;
        /// File with it, read at every notification.
        api_key_file: String;
        /// Base of the API, with a final slash after loading.
        api_url: Option<HttpUrl>, always;
        /// Team's key.
        routing_key: String, always;
        /// Kind of message for firing alerts.
        message_type: String = "CRITICAL", always;
        /// Text.
        state_message: String = "{{ template \"victorops.default.state_message\" . }}", always;
        /// Headline.
        entity_display_name: String = "{{ template \"victorops.default.entity_display_name\" . }}", always;
        /// Sender.
        monitoring_tool: String = "{{ template \"victorops.default.monitoring_tool\" . }}", always;
        /// Further fields.
        custom_fields: BTreeMap<String, String>;
    }
}

settings! {
    /// Pushover. Texts are templates.
    pub struct PushoverConfig("pushover_configs", check = check_pushover) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Recipient's key.
        user_key: Secret;
        /// File with it, read at every notification.
        user_key_file: String;
        /// Application's token.
        token: Secret;
        /// File with it, read at every notification.
        token_file: String;
        /// Headline.
        title: String = "{{ template \"pushover.default.title\" . }}";
        /// Text.
        message: String = "{{ template \"pushover.default.message\" . }}";
        /// Link.
        url: String = "{{ template \"pushover.default.url\" . }}";
        /// Caption of the link.
        url_title: String;
        /// Device; empty is all.
        device: String;
        /// Sound.
        sound: String;
        /// `-2` … `2`.
        priority: String = "{{ if eq .Status \"firing\" }}2{{ else }}0{{ end }}";
        /// How often an emergency is repeated.
        retry: TextDuration = TextDuration::seconds(60);
        /// When repetition ends.
        expire: TextDuration = TextDuration::seconds(3600);
        /// When the message deletes itself.
        ttl: TextDuration;
        /// Text is HTML.
        html: bool;
        /// Text is shown in a fixed-width font.
        monospace: bool;
    }
}

settings! {
    /// incident.io.
    pub struct IncidentioConfig("incidentio_configs", check = check_incidentio) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Target.
        url: Option<HttpUrl>, always;
        /// File with the target, read at every notification.
        url_file: String, always;
        /// Token of the alert source.
        alert_source_token: Secret;
        /// File with it, read at every notification.
        alert_source_token_file: String;
        /// Alerts per message at most; 0 is no limit.
        max_alerts: u64, always;
        /// Time for one request; 0 is no limit of its own.
        timeout: GoDuration, always;
    }
}

/// Details every PagerDuty event has unless the configuration sets them.
const DETAILS: [(&str, &str); 4] = [
    ("firing", "{{ .Alerts.Firing | toJson }}"),
    ("resolved", "{{ .Alerts.Resolved | toJson }}"),
    ("num_firing", "{{ .Alerts.Firing | len }}"),
    ("num_resolved", "{{ .Alerts.Resolved | len }}"),
];

fn check_pagerduty(config: &mut PagerdutyConfig, _: &mut Reader) -> Result<(), String> {
    let routing = [!config.routing_key.is_empty(), !config.routing_key_file.is_empty()];
    let service = [!config.service_key.is_empty(), !config.service_key_file.is_empty()];
    forbid(
        !routing.contains(&true) && !service.contains(&true),
        "missing service or routing key in PagerDuty config",
    )?;
    at_most_one(&routing, "routing_key & routing_key_file")?;
    at_most_one(&service, "service_key & service_key_file")?;
    if config.source.is_empty() {
        config.source.clone_from(&config.client);
    }
    for (name, template) in DETAILS {
        config.details.entry(name.to_owned()).or_insert_with(|| Value::from(template));
    }
    Ok(())
}

const RESPONDER_TYPES: [&str; 5] = ["team", "teams", "user", "escalation", "schedule"];

fn check_opsgenie(config: &mut OpsgenieConfig, _: &mut Reader) -> Result<(), String> {
    at_most_one(
        &[!config.api_key.is_empty(), !config.api_key_file.is_empty()],
        "api_key & api_key_file",
    )?;
    for responder in &config.responders {
        let OpsgenieResponder { id, name, username, r#type } = responder;
        let shown =
            |kind: &str| format!("opsGenieConfig responder {{{id} {name} {username} {kind}}}");
        if id.is_empty() && name.is_empty() && username.is_empty() {
            return Err(format!(
                "{} has to have at least one of id, username or name specified",
                shown(r#type)
            ));
        }
        if r#type.contains("{{") {
            templates::check_plain(r#type)
                .map_err(|e| format!("{} type is not a valid template: {e}", shown(r#type)))?;
        } else {
            let lower = r#type.to_lowercase();
            if !RESPONDER_TYPES.contains(&&*lower) {
                return Err(format!(
                    "{} type does not match valid options ^(team|teams|user|escalation|schedule)$",
                    shown(&lower)
                ));
            }
        }
    }
    Ok(())
}

/// Fields the payload sets itself.
const FIXED_FIELDS: [&str; 7] = [
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
];

fn check_victorops(config: &mut VictorOpsConfig, _: &mut Reader) -> Result<(), String> {
    forbid(config.routing_key.is_empty(), "missing Routing key in VictorOps config")?;
    at_most_one(
        &[!config.api_key.is_empty(), !config.api_key_file.is_empty()],
        "api_key & api_key_file",
    )?;
    match FIXED_FIELDS.iter().find(|field| config.custom_fields.contains_key(**field)) {
        Some(field) => Err(format!(
            "victorOps config contains custom field {field} which cannot be used as it conflicts with the fixed/static fields"
        )),
        None => Ok(()),
    }
}

fn check_pushover(config: &mut PushoverConfig, _: &mut Reader) -> Result<(), String> {
    let user = [!config.user_key.is_empty(), !config.user_key_file.is_empty()];
    let token = [!config.token.is_empty(), !config.token_file.is_empty()];
    forbid(user == [false, false], "one of user_key or user_key_file must be configured")?;
    at_most_one(&user, "user_key & user_key_file")?;
    forbid(token == [false, false], "one of token or token_file must be configured")?;
    at_most_one(&token, "token & token_file")?;
    at_most_one(&[config.html, config.monospace], "monospace & html")
}

fn check_incidentio(config: &mut IncidentioConfig, _: &mut Reader) -> Result<(), String> {
    let url = [config.url.is_some(), !config.url_file.is_empty()];
    let token = [!config.alert_source_token.is_empty(), !config.alert_source_token_file.is_empty()];
    forbid(url == [false, false], "one of url or url_file must be configured")?;
    at_most_one(&url, "url & url_file")?;
    at_most_one(&token, "alert_source_token & alert_source_token_file")?;
    let has_token = token.contains(&true);
    let Some(http) = &config.http_config else { return Ok(()) };
    forbid(
        http.authorization.is_some() && has_token,
        "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization",
    )?;
    forbid(
        http.authorization.is_none() && !has_token,
        "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured",
    )
}
