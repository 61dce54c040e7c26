//! Values in files: the whole content, or one key of it.
//!
//! In: a path, a key. Out: the value. Files are read at every use, so a changed one needs no reload.

use std::path::Path;

use bongsu_lang::yaml::{self, Kind, Limits, Node};
use bongsu_model::Secret;

use super::SecretErrorKind;
use crate::secret_file::{MAX_SECRET_BYTES, SecretFileError, read_secret};

const LIMITS: Limits = Limits { bytes: MAX_SECRET_BYTES as usize, depth: 30, nodes: 100_000 };

type Problem = (SecretErrorKind, String);

/// Reads the value.
pub(super) async fn value(path: &Path, key: Option<&str>) -> Result<Secret, Problem> {
    let text = read_secret(path).await.map_err(|error| (kind(&error), error.to_string()))?;
    let Some(key) = key else {
        return match text.is_empty() {
            true => Err((SecretErrorKind::Missing, format!("{} is empty", path.display()))),
            false => Ok(text),
        };
    };
    let found = match tree(path, text.expose()) {
        Some(root) => lookup(&root, key),
        None => property(text.expose(), key),
    };
    found
        .map(Secret::new)
        .ok_or_else(|| (SecretErrorKind::Missing, format!("{} has no key {key:?}", path.display())))
}

fn kind(error: &SecretFileError) -> SecretErrorKind {
    match error {
        SecretFileError::Read { source, .. } => match source.kind() {
            std::io::ErrorKind::NotFound => SecretErrorKind::Missing,
            std::io::ErrorKind::PermissionDenied => SecretErrorKind::Denied,
            _ => SecretErrorKind::Unavailable,
        },
        _ => SecretErrorKind::Malformed,
    }
}

/// YAML or JSON, unless the name says otherwise or the content is no map.
fn tree(path: &Path, text: &str) -> Option<std::sync::Arc<Node>> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if matches!(extension, "properties" | "env") {
        return None;
    }
    let root = yaml::parse(text, &LIMITS).ok()??;
    matches!(root.kind, Kind::Mapping(_)).then_some(root)
}

/// The value under a key, or under a path of keys with dots.
fn lookup(node: &Node, key: &str) -> Option<String> {
    if let Some(value) = node.get(key) {
        return match value.text() {
            Some(text) if !value.is_null() => Some(text.to_owned()),
            Some(_) => None,
            None => Some(value.to_value().to_json().to_string()),
        };
    }
    let mut dots = key.match_indices('.').map(|(at, _)| at);
    dots.find_map(|at| lookup(node.get(&key[..at])?, &key[at + 1..]))
}

/// `key=value` or `key: value`, one a line; `#` and `!` start comments, quotes around a value and
/// `export` in front of a key are dropped.
fn property(text: &str, key: &str) -> Option<String> {
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', '!']) {
            continue;
        }
        let Some((name, value)) = line.split_once(['=', ':']) else { continue };
        let name = name.trim();
        if name.strip_prefix("export ").map_or(name, str::trim) != key {
            continue;
        }
        let value = value.trim();
        let bare =
            ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        found = Some(bare.unwrap_or(value).to_owned());
    }
    found.filter(|value| !value.is_empty())
}
