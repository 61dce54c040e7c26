//! Who may come in, and the headers every answer gets: the web configuration file at work.
//!
//! In: request headers. Out: yes or no. Passwords are checked with bcrypt on another thread, few
//! at a time; a pair that was right is remembered by a keyed hash until the file changes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::web_config::{WebConfig, read};

/// Passwords checked at once.
const CHECKS: usize = 2;
/// Right pairs remembered.
const REMEMBERED: usize = 256;
/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A hash no password is searched for: unknown users must cost as much as known ones.
const NOBODY: &str = "$2b$10$C6UzMDM.H6dfI/f/IKcEeO7ZtKpCJkKZ9n3kJ1uGgnxw8Qe1k7u5W";

/// May the request go on?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Admitted,
    Refused,
}

/// The rules in force.
pub(crate) struct Access {
    file: Option<PathBuf>,
    state: Mutex<State>,
    checks: Semaphore,
    key: [u8; 32],
}

struct State {
    config: Arc<WebConfig>,
    right: HashSet<[u8; 32]>,
    looked: Instant,
    modified: Option<SystemTime>,
}

impl Access {
    /// Everybody may come in.
    pub(crate) fn open() -> Self {
        Self::new(None, WebConfig::default())
    }

    /// The rules of a file that has been read; it is followed from now on.
    pub(crate) fn new(file: Option<PathBuf>, config: WebConfig) -> Self {
        let modified = file.as_ref().and_then(|path| modified(path));
        let state = State {
            config: Arc::new(config),
            right: HashSet::new(),
            looked: Instant::now(),
            modified,
        };
        Self { file, state: Mutex::new(state), checks: Semaphore::new(CHECKS), key: rand::random() }
    }

    /// The file as it is now; while it is broken, as it was.
    pub(crate) fn config(&self) -> Arc<WebConfig> {
        let mut state = self.state.lock();
        if let Some(path) = &self.file
            && state.looked.elapsed() >= LOOK_EVERY
        {
            state.looked = Instant::now();
            let modified = modified(path);
            if modified != state.modified {
                state.modified = modified;
                match read(path) {
                    Ok(config) => {
                        state.config = Arc::new(config);
                        state.right.clear();
                    }
                    Err(mistakes) => {
                        let mistakes = bongsu_model::render_diagnostics(&mistakes);
                        tracing::error!(%mistakes, "web configuration refused, keeping the old one");
                    }
                }
            }
        }
        Arc::clone(&state.config)
    }

    /// Adds the configured headers.
    pub(crate) fn dress(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.config().headers {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Checks the credentials of a request, if any are needed.
    pub(crate) async fn check(&self, headers: &HeaderMap) -> Verdict {
        let config = self.config();
        if config.users.is_empty() {
            return Verdict::Admitted;
        }
        let Some((user, password)) = credentials(headers) else { return Verdict::Refused };
        let known = config.users.get(&user);
        let hash = known.map_or(NOBODY, String::as_str).to_owned();
        let pair = self.digest(&user, &password, &hash);
        if known.is_some() && self.state.lock().right.contains(&pair) {
            return Verdict::Admitted;
        }
        let Ok(_permit) = self.checks.acquire().await else { return Verdict::Refused };
        let verify = move || bcrypt::verify(password, &hash).unwrap_or(false);
        let right = tokio::task::spawn_blocking(verify).await.unwrap_or(false);
        if !right || known.is_none() {
            return Verdict::Refused;
        }
        let mut state = self.state.lock();
        // Only if the file is still the one the hash came from.
        if Arc::ptr_eq(&state.config, &config) {
            if state.right.len() >= REMEMBERED {
                state.right.clear();
            }
            state.right.insert(pair);
        }
        Verdict::Admitted
    }

    /// Keyed, so that memory holds nothing to guess passwords against.
    fn digest(&self, user: &str, password: &[u8], hash: &str) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix(self.key);
        for part in [user.as_bytes(), password, hash.as_bytes()] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }
}

fn modified(path: &std::path::Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

pub(crate) fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> HeaderMap {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        HeaderMap::from_iter([(AUTHORIZATION, format!("Basic {encoded}").parse().unwrap())])
    }

    #[tokio::test]
    async fn passwords() {
        let hash = bcrypt::hash("s3cret", 4).unwrap();
        let mut config = WebConfig::default();
        config.users.insert("ann".to_owned(), hash);
        let access = Access::new(None, config);
        for (headers, verdict) in [
            (HeaderMap::new(), Verdict::Refused),
            (with("ann:wrong"), Verdict::Refused),
            (with("bob:s3cret"), Verdict::Refused),
            (with("ann"), Verdict::Refused),
            (with("ann:s3cret"), Verdict::Admitted),
            (with("ann:s3cret"), Verdict::Admitted),
        ] {
            assert_eq!(access.check(&headers).await, verdict, "{headers:?}");
        }
        assert_eq!(access.state.lock().right.len(), 1);
        assert!(bcrypt::verify("x", NOBODY).is_ok(), "must cost a real check");
        assert_eq!(Access::open().check(&HeaderMap::new()).await, Verdict::Admitted);
    }
}
