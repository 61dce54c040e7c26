//! What a conversation needs to know besides the integration's settings.

use std::collections::BTreeMap;

use bongsu_lang::gotmpl::TemplateSet;
use bongsu_lang::sigv4::AwsCredentials;
use bongsu_model::{GroupKey, Secret, Timestamp};
use sha2::{Digest, Sha256};

use crate::conversation::Session;
use crate::data::NotificationInput;
use crate::retry::NotifyError;

/// Everything about one attempt that is not configuration.
#[derive(Clone, Copy)]
pub struct NotifyInput<'a> {
    /// Group identity; its hash is the deduplication key at many receivers.
    pub group_key: &'a GroupKey,
    /// Receiver, alerts (as handed out), labels, reason, external URL.
    pub data: NotificationInput<'a>,
    /// Default templates and the user's.
    pub templates: &'a TemplateSet,
    /// The attempt's time.
    pub now: Timestamp,
    /// Values that would otherwise need randomness.
    pub ids: &'a AttemptIds,
    /// What the last success left in the notification log.
    pub previous: &'a BTreeMap<String, String>,
    /// What the last conversation of this integration left in memory.
    pub session: &'a Session,
    /// Contents of the files named by [`crate::secret_files`].
    pub secrets: &'a SecretFiles,
    /// Credentials of the surroundings, for SNS without keys of its own.
    pub aws: Option<&'a AwsCredentials>,
    /// Product version for `User-Agent: Alertmanager/<version>`.
    pub version: &'a str,
    /// Behave as Alertmanager does where Bongsu would do better: no fallback text for templates
    /// that fail, no `Idempotency-Key`.
    pub compatible: bool,
}

/// Identifiers made by the caller.
#[derive(Clone, Debug, Default)]
pub struct AttemptIds {
    /// The same for every attempt to send the same notification.
    pub idempotency_key: String,
    /// `Message-Id` of a mail, with angle brackets.
    pub message_id: String,
    /// MIME boundary, up to 70 letters and digits.
    pub boundary: String,
}

impl NotifyInput<'_> {
    /// SHA-256 of the group key in hexadecimal: the deduplication key.
    pub fn group_hash(&self) -> String {
        hex::encode(Sha256::digest(self.group_key.0.as_bytes()))
    }

    /// A secret given in place or in a file; surrounding space of a file is dropped.
    ///
    /// # Errors
    /// If the file could not be read: its error after `context: `.
    pub(crate) fn secret(
        &self,
        value: &str,
        file: &str,
        context: &str,
    ) -> Result<String, NotifyError> {
        if !value.is_empty() || file.is_empty() {
            return Ok(value.to_owned());
        }
        self.file(file).map_err(|error| NotifyError::permanent(error).context(context))
    }

    /// The contents of a secret file without surrounding space.
    pub(crate) fn file(&self, path: &str) -> Result<String, String> {
        self.secrets.get(path).map(|content| content.trim().to_owned())
    }
}

/// Contents of secret files, read before each notification.
#[derive(Clone, Debug, Default)]
pub struct SecretFiles(BTreeMap<String, Result<Secret, String>>);

impl SecretFiles {
    /// Records a file's content or why it could not be read (`open PATH: no such file …`).
    pub fn insert(&mut self, path: impl Into<String>, content: Result<Secret, String>) {
        self.0.insert(path.into(), content);
    }

    fn get(&self, path: &str) -> Result<&str, String> {
        match self.0.get(path) {
            Some(Ok(secret)) => Ok(secret.expose()),
            Some(Err(error)) => Err(error.clone()),
            None => Err(format!("open {path}: not read")),
        }
    }
}
