//! The block `vault` of a `providers.yaml`.

use bongsu_lang::yaml::{Node, Scalar};

use super::read::Reader;
use super::{SERVICE_ACCOUNT_TOKEN, VaultAuth, VaultConfig, codes};
use crate::secret::Reference;

const VAULT: &[&str] =
    &["address", "auth_method", "auth_mount", "role", "token", "mount", "kv", "namespace", "ca"];

impl Reader {
    /// The block `vault`; `None` when something is wrong with it.
    pub(super) fn vault(&mut self, node: &Node) -> Option<VaultConfig> {
        let faults = self.found.len();
        let (mut address, mut method, mut role, mut token, mut kv) = (None, None, None, None, None);
        let (mut mount, mut auth_mount, mut namespace, mut ca) = (None, None, None, None);
        for (entry, name) in self.pairs(node, "vault") {
            let value = &entry.value;
            match name {
                "address" => address = self.address(value),
                "auth_method" => method = self.text(value, name),
                "auth_mount" => auth_mount = self.text(value, name),
                "role" => role = self.text(value, name),
                "token" => token = self.plain_reference(value, "token"),
                "mount" => mount = self.text(value, name),
                "namespace" => namespace = self.text(value, name),
                "ca" => ca = self.text(value, name),
                "kv" => match value.scalar() {
                    Some(Scalar::Int(1)) => kv = Some(1),
                    Some(Scalar::Int(2)) => kv = Some(2),
                    _ => self.refuse(codes::REFUSED, value, "kv is 1 or 2", ""),
                },
                _ => self.unknown(&entry.key, name, "vault", VAULT),
            }
        }
        for (key, what) in [("address", "the URL of the server"), ("auth_method", "how to log in")]
        {
            if node.get(key).is_none() && !(key == "auth_method" && node.get("token").is_some()) {
                let message = format!("vault has no {key}");
                self.refuse(codes::MISSING, node, message, &format!("{key} is {what}"));
            }
        }
        let auth = match method.as_deref() {
            Some("kubernetes") => match role {
                Some(role) => Some(VaultAuth::Kubernetes {
                    role,
                    mount: auth_mount.unwrap_or_else(|| "kubernetes".to_owned()),
                    token: token.unwrap_or_else(|| Reference::File {
                        path: SERVICE_ACCOUNT_TOKEN.to_owned(),
                        key: None,
                    }),
                }),
                None => {
                    let help = "role is the Vault role that is bound to this service account";
                    self.refuse(codes::MISSING, node, "vault has no role", help);
                    None
                }
            },
            Some("token") | None => {
                if token.is_none() && node.get("token").is_none() && method.is_some() {
                    let help = "write token: env:VAULT_TOKEN, or another reference";
                    self.refuse(codes::MISSING, node, "vault has no token", help);
                }
                token.map(VaultAuth::Token)
            }
            Some(_) => {
                let at = node.get("auth_method").map_or(node, |n| n);
                let help = "auth_method is token or kubernetes";
                self.refuse(codes::REFUSED, at, "this way to log in is not known", help);
                None
            }
        };
        let trimmed = |text: Option<String>| text.map(|t| t.trim_matches('/').to_owned());
        let place = self.place(node);
        let config = VaultConfig {
            address: address?,
            auth: auth?,
            mount: trimmed(mount),
            kv,
            namespace: trimmed(namespace),
            ca,
            place,
        };
        (self.found.len() == faults).then_some(config)
    }

    fn address(&mut self, node: &Node) -> Option<Reference> {
        let reference = self.plain_reference(node, "address")?;
        if let Reference::Literal(text) = &reference {
            let fits = url::Url::parse(text.expose())
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !fits {
                let help = "write https://HOST or https://HOST:PORT";
                self.refuse(codes::REFUSED, node, "the address is no http or https URL", help);
                return None;
            }
        }
        Some(reference)
    }

    /// A reference that is resolved without Vault and without other names.
    fn plain_reference(&mut self, node: &Node, what: &str) -> Option<Reference> {
        let text = self.text(node, what)?;
        match self.reference(node, &text)? {
            Reference::Vault { .. } | Reference::Named(_) => {
                let message = format!("{what} cannot come from Vault or from secrets");
                self.refuse(codes::REFUSED, node, message, "take env:, file:, k8s: or sealed:");
                None
            }
            reference => Some(reference),
        }
    }
}
