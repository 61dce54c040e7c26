//! `email_configs`

use std::collections::BTreeMap;

use bongsu_model::{Secret, go_quote};

use super::super::fields::HostPort;
use super::super::http::{TlsConfig, canonical_header};
use super::settings;
use crate::settings::{Reader, forbid};

settings! {
    /// Mail over SMTP.
    pub struct EmailConfig("email_configs", check = check) {
        /// Whether resolved alerts are sent.
        send_resolved: bool, always;
        /// Recipients, comma-separated; a template.
        to: String;
        /// Sender; a template. After loading never empty.
        from: String;
        /// Name for `EHLO`.
        hello: String;
        /// Server. After loading never empty.
        smarthost: HostPort;
        /// Login name.
        auth_username: String;
        /// Password for PLAIN and LOGIN.
        auth_password: Secret;
        /// File with it, read at every notification.
        auth_password_file: String;
        /// Secret for CRAM-MD5.
        auth_secret: Secret;
        /// File with it, read at every notification.
        auth_secret_file: String;
        /// Identity for PLAIN.
        auth_identity: String;
        /// Further headers by canonical name; values are templates.
        headers: BTreeMap<String, String>;
        /// HTML body; a template.
        html: String = "{{ template \"email.default.html\" . }}";
        /// Text body; a template.
        text: String;
        /// Refuse servers without STARTTLS. After loading always there.
        require_tls: Option<bool>;
        /// TLS towards the server. After loading always there.
        tls_config: Option<TlsConfig>;
        /// TLS from the first byte; `None`: on port 465 only.
        force_implicit_tls: Option<bool>;
        /// Threads of mails that belong together.
        threading: ThreadingConfig;
    }
}

settings! {
    /// Threading of mails.
    pub struct ThreadingConfig("threading") {
        /// Whether reference headers are added.
        enabled: bool;
        /// `none` or `daily`.
        thread_by_date: String;
    }
}

fn check(config: &mut EmailConfig, _: &mut Reader) -> Result<(), String> {
    forbid(config.to.is_empty(), "missing to address in email config")?;
    let mut headers = BTreeMap::new();
    for (name, value) in std::mem::take(&mut config.headers) {
        let canonical = canonical_header(&name);
        if headers.contains_key(&canonical) {
            let mut quoted = String::new();
            let _ = go_quote(&canonical, &mut quoted);
            return Err(format!("duplicate header {quoted} in email config"));
        }
        headers.insert(canonical, value);
    }
    config.headers = headers;
    if !config.threading.enabled {
        return Ok(());
    }
    for header in ["References", "In-Reply-To"] {
        if config.headers.contains_key(header) {
            return Err(format!(
                "conflicting configuration: threading.enabled conflicts with custom {header} header"
            ));
        }
    }
    forbid(
        !matches!(&*config.threading.thread_by_date, "none" | "daily"),
        "threading.thread_by_date must be either 'none' or 'daily'",
    )
}
