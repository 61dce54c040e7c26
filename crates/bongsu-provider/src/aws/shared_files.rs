//! The files AWS' tools share: `~/.aws/credentials` and `~/.aws/config`.

use bongsu_model::Secret;

use super::{AwsCredentials, none};
use crate::error::TransportError;

/// One profile, gathered from both files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    name: String,
    access_key: Option<String>,
    secret_key: Option<Secret>,
    session_token: Option<Secret>,
    pub(super) region: Option<String>,
    /// A setting that names credentials elsewhere, in a way not supported.
    elsewhere: Option<&'static str>,
}

/// Ways to name credentials that are not supported.
const ELSEWHERE: [&str; 4] = ["role_arn", "credential_process", "sso_session", "sso_account_id"];

impl Profile {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Takes the profile's settings from a file's text. In the configuration file (`prefixed`) its
    /// section is `[profile NAME]`, except for `default`.
    pub(super) fn read(&mut self, text: &str, prefixed: bool) {
        let mut ours = false;
        for line in text.lines() {
            let nested = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.starts_with(['#', ';']) || line.is_empty() {
                continue;
            }
            if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                ours = self.is_section(section.trim(), prefixed);
            } else if ours
                && !nested
                && let Some((key, value)) = line.split_once('=')
            {
                self.set(key.trim(), value.trim());
            }
        }
    }

    fn is_section(&self, section: &str, prefixed: bool) -> bool {
        let plain = section == self.name;
        if !prefixed {
            return plain;
        }
        let mut words = section.split_ascii_whitespace();
        let named = words.next() == Some("profile") && words.next() == Some(&*self.name);
        named || (plain && self.name == "default")
    }

    fn set(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        match key {
            "aws_access_key_id" => self.access_key = Some(value.to_owned()),
            "aws_secret_access_key" => self.secret_key = Some(Secret::new(value)),
            "aws_session_token" => self.session_token = Some(Secret::new(value)),
            "region" => self.region = Some(value.to_owned()),
            _ => {
                let known = ELSEWHERE.iter().find(|name| **name == key);
                self.elsewhere = self.elsewhere.or(known.copied());
            }
        }
    }

    /// The keys, if the profile has any.
    pub(super) fn credentials(self) -> Result<Option<AwsCredentials>, TransportError> {
        if let Some(setting) = self.elsewhere {
            let text = format!("{setting} of profile {:?} is not supported", self.name);
            return Err(none(&text));
        }
        let (Some(access_key), Some(secret_key)) = (self.access_key, self.secret_key) else {
            return Ok(None);
        };
        let session_token = self.session_token;
        Ok(Some(AwsCredentials { access_key, secret_key, session_token, expires: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "
# comment
[default]
region = eu-west-1
s3 =
  region = nested
[profile  team]
region=ap-northeast-2
aws_access_key_id = FROM_CONFIG
aws_secret_access_key = cfg
[profile chained]
role_arn = arn:aws:iam::1:role/x
[other]
region = nowhere
";
    const CREDENTIALS: &str = "
[team]
aws_access_key_id = AK
aws_secret_access_key = sk=with=equals
aws_session_token =
[default]
aws_access_key_id = half
";

    #[test]
    fn profiles() {
        for (name, access_key, secret_key, region) in [
            ("team", Some("AK"), Some("sk=with=equals"), Some("ap-northeast-2")),
            ("default", Some("half"), None, Some("eu-west-1")),
            ("other", None, None, None),
            ("missing", None, None, None),
        ] {
            let mut profile = Profile::new(name);
            profile.read(CONFIG, true);
            profile.read(CREDENTIALS, false);
            assert_eq!(profile.access_key.as_deref(), access_key, "{name}");
            assert_eq!(profile.secret_key.as_ref().map(Secret::expose), secret_key, "{name}");
            assert_eq!(profile.region.as_deref(), region, "{name}");
            let complete = access_key.is_some() && secret_key.is_some();
            assert_eq!(profile.credentials().unwrap().is_some(), complete, "{name}");
        }
    }

    #[test]
    fn what_is_not_supported_is_said() {
        let mut profile = Profile::new("chained");
        profile.read(CONFIG, true);
        let error = profile.credentials().unwrap_err();
        assert_eq!(error.message, "role_arn of profile \"chained\" is not supported");
    }
}
