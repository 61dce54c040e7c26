//! References to secrets: where a value is kept, written in its place.
//!
//! In: the text of a setting. Out: a [`Reference`], or what is malformed about it. A text that is
//! no reference is the value itself.
//!
//! | text | the value is |
//! |---|---|
//! | `env:NAME`, `{{ env.NAME }}`, `$(NAME)` | an environment variable |
//! | `file:PATH`, `file:PATH#key` | a file, or one key of a YAML, JSON or properties file |
//! | `vault:MOUNT/PATH#field` | a field of a secret in Vault's key-value engine |
//! | `k8s:NAMESPACE/NAME#key` | a key of a Kubernetes Secret |
//! | `{{ secrets.NAME }}` | what `secrets` of the same file says under that name |
//! | `sealed:…` | the encrypted value, see `bongsu secret seal` |

use std::fmt;

use bongsu_model::Secret;

/// Longest reference, in bytes, except a sealed one, which holds its value.
const MAX_REFERENCE: usize = 2048;

/// Where a value is kept. `Display` writes it as a configuration does, without any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The value itself.
    Literal(Secret),
    /// An environment variable.
    Env(String),
    /// A file, or one key of it.
    File {
        /// As written; a relative one starts at the directory of the configuration.
        path: String,
        /// Key of a YAML, JSON or properties file; dots go into nested maps.
        key: Option<String>,
    },
    /// A field of a secret in Vault.
    Vault {
        /// Mount and path together, without slashes at the ends.
        path: String,
        /// The field.
        field: String,
    },
    /// A key of a Kubernetes Secret.
    Kubernetes {
        /// Namespace.
        namespace: String,
        /// Name of the Secret.
        name: String,
        /// Key in its data.
        key: String,
    },
    /// A name in `secrets` of the same file.
    Named(String),
    /// An encrypted value, with its `sealed:`.
    Sealed(String),
}

/// Why a text that looks like a reference is none. Neither text repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    /// What is wrong.
    pub message: String,
    /// How it is written.
    pub help: &'static str,
}

/// Reads what follows the kind.
type Read = fn(&str) -> Result<Reference, Malformed>;

const ENV: &str = "write env:NAME; names have letters, digits and _ and start with no digit";
const FILE: &str = "write file:PATH or file:PATH#key";
const VAULT: &str = "write vault:MOUNT/PATH#field, for example vault:secret/bongsu/slack#token";
const KUBERNETES: &str = "write k8s:NAMESPACE/NAME#key, for example k8s:monitoring/slack#token";
const NAMED: &str = "write {{ secrets.NAME }}, with NAME from the block secrets of this file";
const SEALED: &str = "take the whole output of `bongsu secret seal`";

impl Reference {
    /// Reads the text of a setting.
    ///
    /// # Errors
    /// When it begins like a reference and is malformed.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let trimmed = text.trim();
        if let Some(inner) = trimmed.strip_prefix("{{").and_then(|t| t.strip_suffix("}}"))
            && !inner.contains("{{")
        {
            let inner = inner.trim();
            if let Some(name) = inner.strip_prefix("env.") {
                return env(name);
            }
            if let Some(name) = inner.strip_prefix("secrets.") {
                return named(name);
            }
            return Ok(Self::Literal(Secret::new(text)));
        }
        if let Some(name) = trimmed.strip_prefix("$(").and_then(|t| t.strip_suffix(')'))
            && is_variable(name)
        {
            return Ok(Self::Env(name.to_owned()));
        }
        let Some((kind, rest)) = trimmed.split_once(':') else {
            return Ok(Self::Literal(Secret::new(text)));
        };
        let (read, help): (Read, _) = match kind {
            "env" => (env, ENV),
            "file" => (file, FILE),
            "vault" => (vault, VAULT),
            "k8s" => (kubernetes, KUBERNETES),
            "sealed" => {
                return match rest.is_empty() || rest.contains(char::is_whitespace) {
                    true => Err(malformed("a sealed value is cut or broken over lines", SEALED)),
                    false => Ok(Self::Sealed(trimmed.to_owned())),
                };
            }
            _ => return Ok(Self::Literal(Secret::new(text))),
        };
        if rest.len() > MAX_REFERENCE || rest.contains(char::is_control) {
            return Err(malformed("the reference is too long or has control characters", help));
        }
        read(rest)
    }

    /// Whether the value itself is written down.
    pub fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// Whether a literal text holds a reference that would only count as the whole value.
    pub fn embeds_reference(text: &str) -> bool {
        let braced = text.split("{{").skip(1).any(|part| {
            part.split_once("}}").is_some_and(|(inner, _)| {
                let inner = inner.trim();
                inner.starts_with("env.") || inner.starts_with("secrets.")
            })
        });
        braced
            || text
                .split("$(")
                .skip(1)
                .any(|part| part.split_once(')').is_some_and(|(name, _)| is_variable(name)))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("a literal value"),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File { path, key: None } => write!(f, "file:{path}"),
            Self::File { path, key: Some(key) } => write!(f, "file:{path}#{key}"),
            Self::Vault { path, field } => write!(f, "vault:{path}#{field}"),
            Self::Kubernetes { namespace, name, key } => write!(f, "k8s:{namespace}/{name}#{key}"),
            Self::Named(name) => write!(f, "{{{{ secrets.{name} }}}}"),
            Self::Sealed(_) => f.write_str("a sealed value"),
        }
    }
}

fn malformed(message: impl Into<String>, help: &'static str) -> Malformed {
    Malformed { message: message.into(), help }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn env(name: &str) -> Result<Reference, Malformed> {
    match is_variable(name) {
        true => Ok(Reference::Env(name.to_owned())),
        false => Err(malformed("this is no name of an environment variable", ENV)),
    }
}

fn named(name: &str) -> Result<Reference, Malformed> {
    let may = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    match !name.is_empty() && name.chars().all(may) {
        true => Ok(Reference::Named(name.to_owned())),
        false => Err(malformed("this is no name of a secret", NAMED)),
    }
}

fn file(rest: &str) -> Result<Reference, Malformed> {
    let (path, key) = match rest.rsplit_once('#') {
        Some((path, key)) => (path, Some(key)),
        None => (rest, None),
    };
    if path.is_empty() {
        return Err(malformed("the path is missing", FILE));
    }
    if key.is_some_and(str::is_empty) {
        return Err(malformed("there is no key after #", FILE));
    }
    Ok(Reference::File { path: path.to_owned(), key: key.map(ToOwned::to_owned) })
}

fn vault(rest: &str) -> Result<Reference, Malformed> {
    let Some((path, field)) = rest.rsplit_once('#').filter(|(_, field)| !field.is_empty()) else {
        return Err(malformed("the field after # is missing", VAULT));
    };
    let path = path.trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    if segments.len() < 2 || segments.contains(&"") {
        return Err(malformed("a mount and a path below it are wanted", VAULT));
    }
    if segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return Err(malformed("a path has no . or .. in it", VAULT));
    }
    Ok(Reference::Vault { path: path.to_owned(), field: field.to_owned() })
}

fn kubernetes(rest: &str) -> Result<Reference, Malformed> {
    let parts = rest.split_once('#').and_then(|(object, key)| {
        let (namespace, name) = object.split_once('/')?;
        Some((namespace, name, key))
    });
    let Some((namespace, name, key)) = parts else {
        return Err(malformed("namespace, name and key are wanted", KUBERNETES));
    };
    // The rules of the API server: what does not fit cannot exist.
    let dns = |text: &str, more: &[char], longest: usize| {
        let may = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(&c);
        let ends = |c: char| c.is_ascii_alphanumeric();
        text.len() <= longest
            && text.starts_with(ends)
            && text.ends_with(ends)
            && text.chars().all(may)
    };
    if !dns(namespace, &['-'], 63) || !dns(name, &['-', '.'], 253) {
        return Err(malformed("this is no name of a namespace or Secret", KUBERNETES));
    }
    let may = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if key.is_empty() || key.len() > 253 || !key.chars().all(may) {
        return Err(malformed("this is no key of a Secret", KUBERNETES));
    }
    let [namespace, name, key] = [namespace, name, key].map(ToOwned::to_owned);
    Ok(Reference::Kubernetes { namespace, name, key })
}
