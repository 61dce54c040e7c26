//! Logins at Vault: made, renewed before their end, made anew.

use std::time::Duration;

use bongsu_config::providers::VaultAuth;
use bongsu_config::secret::Reference;
use bongsu_model::Secret;
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Vault, refused, words};
use crate::secret::{Problem, SecretErrorKind};

/// A token and how long it is good for.
#[derive(Clone)]
pub(super) struct Login {
    token: Secret,
    /// The configured token it is, so that a replaced one is noticed.
    made_with: Option<Secret>,
    /// When to renew it.
    pub(super) renew: Option<Instant>,
    end: Option<Instant>,
    renewable: bool,
}

impl Login {
    /// A login that lasts as long as Vault says; 0 seconds are for ever. It is renewed when two
    /// thirds of its time are over.
    fn new(token: Secret, made_with: Option<Secret>, lasts: &Value, now: Instant) -> Self {
        let seconds = lasts["lease_duration"].as_u64().unwrap_or_default();
        // A century is for ever too, and stays within what a clock can say.
        let length = Duration::from_secs(seconds.min(100 * 365 * 86400));
        let at = |length: Duration| (seconds > 0).then(|| now + length);
        Self {
            token,
            made_with,
            renew: at(length * 2 / 3),
            end: at(length),
            renewable: lasts["renewable"] == true,
        }
    }
}

impl Vault {
    /// A token with time left.
    pub(super) async fn token(&self) -> Result<Secret, Problem> {
        let mut login = self.login.lock().await;
        self.log_in(&mut login).await
    }

    /// Sees to it that there is a login with time left, and gives its token.
    pub(super) async fn log_in(&self, login: &mut Option<Login>) -> Result<Secret, Problem> {
        let now = (self.now)();
        let configured = match &self.config.auth {
            VaultAuth::Token(reference) => Some(self.plain("vault.token", reference).await?),
            VaultAuth::Kubernetes { .. } => None,
        };
        let over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        login.take_if(|login| over(login.end) || login.made_with != configured);
        if let Some(current) = login {
            if !over(current.renew) {
                return Ok(current.token.clone());
            }
            if current.renewable {
                let renewed = self.renew(current, now).await;
                match renewed {
                    Ok(()) => return Ok(current.token.clone()),
                    Err((_, message)) => {
                        tracing::warn!(error = message, "the token of Vault was not renewed");
                    }
                }
            }
            if configured.is_some() {
                // Nothing better to be had; look again when two thirds of the rest are over.
                current.renew = current.end.map(|end| now + (end - now) * 2 / 3);
                return Ok(current.token.clone());
            }
        }
        let fresh = match (&self.config.auth, configured) {
            (VaultAuth::Kubernetes { role, mount, token }, _) => {
                self.log_in_with_account(role, mount, token, now).await?
            }
            (VaultAuth::Token(_), Some(token)) => self.look_up(token, now).await?,
            (VaultAuth::Token(_), None) => {
                return Err((SecretErrorKind::NotConfigured, "there is no token".to_owned()));
            }
        };
        Ok(login.insert(fresh).token.clone())
    }

    async fn log_in_with_account(
        &self,
        role: &str,
        mount: &str,
        token: &Reference,
        now: Instant,
    ) -> Result<Login, Problem> {
        let jwt = self.plain("vault.token", token).await?;
        let body = json!({"role": role, "jwt": jwt.expose()});
        let place = format!("auth/{}/login", mount.trim_matches('/'));
        let answer = self.call(Method::POST, &place, None, Some(&body)).await?;
        let auth = &answer.body["auth"];
        match (answer.status, auth["client_token"].as_str()) {
            (200, Some(token)) => Ok(Login::new(Secret::new(token), None, auth, now)),
            (400 | 403, _) => Err((
                SecretErrorKind::Denied,
                format!("Vault refused the login with role {role}: {}", words(&answer)),
            )),
            _ => Err(refused(&answer)),
        }
    }

    /// How long a given token lasts. One that may not ask is used as it is.
    async fn look_up(&self, token: Secret, now: Instant) -> Result<Login, Problem> {
        let answer = self.call(Method::GET, "auth/token/lookup-self", Some(&token), None).await?;
        let lasts = match answer.status {
            200 => json!({
                "lease_duration": answer.body["data"]["ttl"],
                "renewable": answer.body["data"]["renewable"],
            }),
            400..500 => Value::Null,
            _ => return Err(refused(&answer)),
        };
        Ok(Login::new(token.clone(), Some(token), &lasts, now))
    }

    async fn renew(&self, login: &mut Login, now: Instant) -> Result<(), Problem> {
        let place = "auth/token/renew-self";
        let answer = self.call(Method::POST, place, Some(&login.token), Some(&json!({}))).await?;
        if answer.status != 200 {
            return Err(refused(&answer));
        }
        let (token, made_with) = (login.token.clone(), login.made_with.clone());
        *login = Login::new(token, made_with, &answer.body["auth"], now);
        Ok(())
    }
}
