//! `sns_configs`

use std::collections::BTreeMap;

use bongsu_model::Secret;

use super::{HttpConfig, settings};
use crate::settings::{Reader, forbid};

settings! {
    /// Amazon SNS: a topic, a phone number or a target. Texts are templates.
    pub struct SnsConfig("sns_configs", check = check_sns) {
        /// Whether resolved alerts are sent.
        send_resolved: bool = true, always;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Endpoint; empty is the region's. A template.
        api_url: String;
        /// How requests are signed.
        sigv4: SigV4Config, always;
        /// Topic.
        topic_arn: String;
        /// Phone number.
        phone_number: String;
        /// Mobile endpoint.
        target_arn: String;
        /// Subject.
        subject: String = "{{ template \"sns.default.subject\" . }}";
        /// Text.
        message: String = "{{ template \"sns.default.message\" . }}";
        /// Message attributes.
        attributes: BTreeMap<String, String>;
        /// Kept for compatibility; there is one HTTP client here.
        use_aws_http_client: bool;
    }
}

settings! {
    /// AWS credentials; empty values come from the usual AWS places.
    pub struct SigV4Config("sigv4", check = check_sigv4) {
        /// Region.
        region: String;
        /// Key id.
        access_key: String;
        /// Key.
        secret_key: Secret;
        /// Profile in the shared files.
        profile: String;
        /// Role to assume.
        role_arn: String;
        /// External id for that.
        external_id: String;
        /// Use the FIPS endpoint for that.
        use_fips_sts_endpoint: bool;
        /// Name of the service signed for.
        service_name: String;
    }
}

fn check_sns(config: &mut SnsConfig, _: &mut Reader) -> Result<(), String> {
    // Two comparisons in a row, as Alertmanager has them: one target passes, but so do all three.
    let (target, topic) = (config.target_arn.is_empty(), config.topic_arn.is_empty());
    forbid(
        (target != topic) != config.phone_number.is_empty(),
        "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config",
    )
}

fn check_sigv4(config: &mut SigV4Config, _: &mut Reader) -> Result<(), String> {
    forbid(
        config.access_key.is_empty() != config.secret_key.is_empty(),
        "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
    )?;
    forbid(
        !config.external_id.is_empty() && config.role_arn.is_empty(),
        "external_id can only be used with role_arn",
    )
}
