//! A kubeconfig, as `kubectl` writes it.
//!
//! In: its text. Out: the connection of one context, or everything that keeps it from being used.
//! Programs that fetch credentials (`exec`) are not run and `auth-provider` is gone from Kubernetes:
//! both are refused by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu_lang::yaml::{self, Kind, Limits, Node};
use bongsu_model::{Diagnostic, Place, Secret, Source};

use super::Connection;
use super::place::{bearer, server};
use crate::http::{Authorization, SecretSource};
use crate::tls::{ClientTls, Pem};

/// A file of the description cannot be read.
pub(super) const UNREADABLE: &str = "BS1821";
/// Not YAML, or a value of the wrong shape.
const SHAPE: &str = "BS1822";
/// A context, cluster or user that is not there.
const MISSING: &str = "BS1823";
/// A way to get credentials that is not supported.
const UNSUPPORTED: &str = "BS1824";
/// A value its own rule does not accept.
pub(super) const REFUSED: &str = "BS1825";
/// Not inside a cluster.
pub(super) const OUTSIDE: &str = "BS1826";

const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 30, nodes: 50_000 };

/// Reads the connection of a context. Relative paths begin at `folder`; without one, files that the
/// text names are refused.
pub(super) fn read(
    source: &Source,
    folder: Option<&Path>,
    context: Option<&str>,
) -> Result<Connection, Vec<Diagnostic>> {
    // Nearly every line of such a file may be a credential: none is quoted.
    let mut reader = Reader {
        source: Arc::new(Source { name: source.name.clone(), text: String::new() }),
        folder,
        found: Vec::new(),
    };
    let root = match yaml::parse(&source.text, &LIMITS) {
        Ok(Some(root)) if matches!(root.kind, Kind::Mapping(_)) => root,
        Ok(_) => return Err(vec![Diagnostic::error(SHAPE, "this is no kubeconfig")]),
        Err(error) => {
            let place = yaml::Place { line: error.line, column: error.column };
            reader.refuse(SHAPE, place, error.message, "");
            return Err(reader.found);
        }
    };
    let connection = reader.connection(&root, context);
    match connection {
        Some(connection) if reader.found.is_empty() => Ok(connection),
        _ => Err(reader.found),
    }
}

struct Reader<'f> {
    source: Arc<Source>,
    folder: Option<&'f Path>,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn refuse(
        &mut self,
        code: &'static str,
        place: yaml::Place,
        message: impl Into<String>,
        help: &str,
    ) {
        let place =
            Place { source: Arc::clone(&self.source), line: place.line, column: place.column };
        let diagnostic = Diagnostic::error(code, message).at(Some(place));
        self.found.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    fn connection(&mut self, root: &Node, context: Option<&str>) -> Option<Connection> {
        let wanted = match context {
            Some(context) => context.to_owned(),
            None => match self.text(root, "current-context") {
                Some(current) => current,
                None => {
                    let help = "name one of its contexts, or set current-context";
                    self.refuse(MISSING, root.place, "there is no current context", help);
                    return None;
                }
            },
        };
        let context = self.named(root, "contexts", "context", &wanted)?;
        let cluster = self.text(&context, "cluster");
        if cluster.is_none() {
            self.refuse(MISSING, context.place, "the context names no cluster", "");
        }
        let user = self.text(&context, "user");
        let cluster = cluster.and_then(|name| self.named(root, "clusters", "cluster", &name))?;
        let user = user.and_then(|name| self.named(root, "users", "user", &name));
        let mut tls = ClientTls {
            ca: self.pem(&cluster, "certificate-authority"),
            server_name: self.text(&cluster, "tls-server-name"),
            insecure_skip_verify: self.flag(&cluster, "insecure-skip-tls-verify"),
            ..ClientTls::default()
        };
        let base = match self.text(&cluster, "server").as_deref().map(server) {
            Some(Some(base)) => Some(base),
            Some(None) => {
                self.refuse(REFUSED, cluster.place, "server is no http or https URL", "");
                None
            }
            None => {
                self.refuse(MISSING, cluster.place, "the cluster has no server", "");
                None
            }
        };
        if let Some(proxy) = cluster.get("proxy-url") {
            let help = "reach the API server directly";
            self.refuse(UNSUPPORTED, proxy.place, "proxy-url is not supported", help);
        }
        let authorization = match &user {
            Some(user) => self.user(user, &mut tls),
            None => Authorization::None,
        };
        let namespace = self.text(&context, "namespace").unwrap_or_else(|| "default".to_owned());
        Some(Connection { base: base?, namespace, authorization, tls })
    }

    /// The body of a named entry of one of the three lists.
    fn named(&mut self, root: &Node, list: &str, word: &str, name: &str) -> Option<Arc<Node>> {
        let items = match root.get(list).map(|node| &node.kind) {
            Some(Kind::Sequence(items)) => items.as_slice(),
            _ => &[],
        };
        let called = |item: &&Arc<Node>| item.get("name").and_then(|n| n.text()) == Some(name);
        match items.iter().find(called).and_then(|item| item.get(word)) {
            Some(body) => Some(Arc::clone(body)),
            None => {
                let place = root.get(list).map_or(root.place, |node| node.place);
                let known: Vec<&str> =
                    items.iter().filter_map(|item| item.get("name")?.text()).take(20).collect();
                let help = match known.as_slice() {
                    [] => format!("{list} is empty"),
                    known => format!("known are {}", known.join(", ")),
                };
                self.refuse(MISSING, place, format!("there is no {word} {name:?}"), &help);
                None
            }
        }
    }

    fn user(&mut self, user: &Node, tls: &mut ClientTls) -> Authorization {
        for (key, help) in [
            ("exec", "give a token: kubectl create token ACCOUNT, or run inside the cluster"),
            ("auth-provider", "give a token or a client certificate"),
        ] {
            if let Some(node) = user.get(key) {
                let message = format!("credentials from {key} are not supported");
                self.refuse(UNSUPPORTED, node.place, message, help);
            }
        }
        tls.cert = self.pem(user, "client-certificate");
        tls.key = self.pem(user, "client-key");
        if tls.cert.is_some() != tls.key.is_some() {
            let message = "client-certificate and client-key belong together";
            self.refuse(MISSING, user.place, message, "");
        }
        let file =
            self.text(user, "tokenFile").and_then(|path| self.path(user, "tokenFile", &path));
        if let Some(path) = file {
            return bearer(SecretSource::File(path));
        }
        if let Some(token) = self.text(user, "token") {
            return bearer(SecretSource::Inline(Secret::new(token)));
        }
        match self.text(user, "username") {
            Some(username) => Authorization::Basic {
                username: SecretSource::Inline(Secret::new(username)),
                password: self.text(user, "password").map(|p| SecretSource::Inline(Secret::new(p))),
            },
            None => Authorization::None,
        }
    }

    /// `KEY-data` as PEM text, else the file under `KEY`.
    fn pem(&mut self, node: &Node, key: &str) -> Option<Pem> {
        let data = format!("{key}-data");
        if let Some(text) = self.text(node, &data) {
            let bytes = STANDARD.decode(text.split_whitespace().collect::<String>()).ok();
            let pem = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            if pem.is_none() {
                let place = node.get(&data).map_or(node.place, |n| n.place);
                self.refuse(REFUSED, place, format!("{data} is not base64 of PEM text"), "");
            }
            return pem.map(|pem| Pem::Inline(Secret::new(pem)));
        }
        let path = self.text(node, key)?;
        self.path(node, key, &path).map(Pem::File)
    }

    fn path(&mut self, node: &Node, key: &str, path: &str) -> Option<PathBuf> {
        if self.folder.is_none() {
            let place = node.get(key).map_or(node.place, |n| n.place);
            let help = "embed it: kubectl config view --flatten --raw";
            self.refuse(UNSUPPORTED, place, format!("{key} names a file"), help);
        }
        Some(self.folder?.join(path))
    }

    fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let value = node.get(key)?;
        match value.text() {
            Some(text) => (!value.is_null() && !text.is_empty()).then(|| text.to_owned()),
            None => {
                let message = format!("{key} is a {}, not text", value.describe());
                self.refuse(SHAPE, value.place, message, "");
                None
            }
        }
    }

    fn flag(&mut self, node: &Node, key: &str) -> bool {
        self.text(node, key).as_deref() == Some("true")
    }
}
