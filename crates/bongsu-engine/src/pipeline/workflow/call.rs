//! Calls of a run.
//!
//! In: a call whose run is durable. Out: its outcome, handed back to the run. Secrets are filled in here
//! and nowhere else; results and errors come back without them.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Secret, Timestamp};
use bongsu_provider::call::CallErrorKind;
use bongsu_provider::furnished;
use bongsu_provider::manifest::Manifest;
use bongsu_workflow::{Call, CallError, Filled, Input, Outcome, Reference, Role};
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::advance::Aside;
use super::{builtin, keep};
use crate::engine::Shared;
use crate::intake::Intake;
use crate::workflows::Live;

/// The longest a call may take whatever the workflow says.
const LONGEST: Duration = Duration::from_secs(3600);

/// A failure no repetition mends.
pub(super) fn refused(message: impl Into<String>) -> CallError {
    CallError { message: message.into(), retryable: false }
}

impl Shared {
    /// Makes a call; its run hears of the outcome.
    pub(super) fn make_call(self: &Arc<Self>, live: &Arc<Live>, call: Call) {
        let stop = CancellationToken::new();
        live.calls.lock().insert(call.key.clone(), stop.clone());
        let (shared, live) = (Arc::clone(self), Arc::clone(live));
        self.flowing.spawn(async move {
            let begun = std::time::Instant::now();
            let outcome = tokio::select! {
                outcome = shared.outcome(&live, &call) => outcome,
                () = stop.cancelled() => return,
                // It is made again, with its key, at the next start.
                () = shared.closing.cancelled() => return,
            };
            live.calls.lock().remove(&call.key);
            let Made { outcome, printed } = outcome;
            let outcome = match outcome {
                Ok(result) => Outcome::Result(result),
                Err(error) => Outcome::Error(error),
            };
            let (key, attempt) = (call.key, call.attempt);
            let input = Input::Ended { key, attempt, outcome };
            let aside = Aside { took: begun.elapsed(), printed };
            shared.advance(live, input, Some(aside)).await;
        });
    }

    async fn outcome(self: &Arc<Self>, live: &Live, call: &Call) -> Made {
        let mut printed = String::new();
        let outcome = self.perform(live, call, &mut printed).await;
        Made { outcome, printed }
    }

    async fn perform(
        self: &Arc<Self>,
        live: &Live,
        call: &Call,
        printed: &mut String,
    ) -> Result<Value, CallError> {
        let gone = |_| refused("the server ends");
        let of_workflow = self.flow.lock().permits(&live.definition.workflow.id);
        let _one = of_workflow.acquire().await.map_err(gone)?;
        let _all = self.calling.acquire().await.map_err(gone)?;
        let now = self.clock.now();
        let left = call.until.map_or(LONGEST, |until| {
            Duration::try_from(until.duration_since(now)).unwrap_or_default().min(LONGEST)
        });
        let deadline = Instant::now() + left;
        let (intake, scripts) = {
            let core = self.core.lock();
            (core.loaded.intake(), Arc::clone(core.loaded.scripts()))
        };
        let mut secrets = Secrets {
            intake: &intake,
            // Who may save workflows may not read the surroundings of the server.
            variables: live.definition.is_provisioned(),
            used: Vec::new(),
        };
        let params = secrets.map(&call.with)?;
        let settings = call.settings.as_ref().map(|settings| secrets.map(settings)).transpose()?;
        let mut redactor = bongsu_provider::call::Redactor::default();
        secrets.used.iter().for_each(|secret| redactor.add(secret.expose()));
        let done = match call.provider.as_str() {
            "keep" => keep::call(self, live, call, params).await,
            "console" => Ok(builtin::console(live, call, &redactor, &params)),
            "mock" => Ok(builtin::mock(params)),
            "bash" | "python" => {
                let (result, said) = builtin::script(&scripts, call, &params, deadline).await?;
                *printed = redactor.redact(&said);
                result.map_err(refused)
            }
            _ => self.provider(&intake, call, params, settings, (now, deadline)).await,
        };
        match done {
            Ok(result) if secrets.used.is_empty() => Ok(result),
            Ok(result) => Ok(redactor.redact_value(&result)),
            Err(error) => Err(CallError { message: redactor.redact(&error.message), ..error }),
        }
    }

    async fn provider(
        &self,
        intake: &Intake,
        call: &Call,
        params: Map<String, Value>,
        settings: Option<Map<String, Value>>,
        (now, deadline): (Timestamp, Instant),
    ) -> Result<Value, CallError> {
        let connector =
            intake.connector().ok_or_else(|| refused("nothing is called by this server"))?;
        let instance = call.instance.as_deref();
        let callee = intake.callee(&call.provider, instance, settings.as_ref()).map_err(refused)?;
        let manifest: &Manifest = &callee.manifest;
        let auth = &callee.auth;
        let asks = match call.role {
            Role::Query => !manifest.queries.is_empty(),
            // One that can only ask is asked.
            Role::Notify => manifest.actions.is_empty(),
        };
        let operation = match (&callee.operation, asks) {
            (Some(name), _) => manifest.operation(name, auth, &params, now),
            (None, true) => manifest.default_query(auth, &params, now),
            (None, false) => manifest.default_action(auth, &params, now),
        };
        let answer = async {
            let operation = operation?;
            let params = furnished(operation, &params)?;
            let mut prepared = operation.prepare(auth, &params, now)?;
            prepared.name(&call.key);
            let outcome = connector.run(&mut prepared, now, deadline).await?;
            // What a peer tells back of its own credentials is not kept.
            Ok(auth.redactor().redact_value(&outcome.result))
        };
        answer.await.map_err(|error: bongsu_provider::call::CallError| CallError {
            retryable: error.retry && !matches!(error.kind, CallErrorKind::Params),
            message: error.message,
        })
    }
}

/// How a call ended, and what it said beside that.
struct Made {
    outcome: Result<Value, CallError>,
    printed: String,
}

/// Fills in what texts only name.
struct Secrets<'i> {
    intake: &'i Intake,
    variables: bool,
    used: Vec<Secret>,
}

impl Secrets<'_> {
    fn map(&mut self, filled: &Filled) -> Result<Map<String, Value>, CallError> {
        let (intake, variables) = (self.intake, self.variables);
        let used = &mut self.used;
        let value = filled.resolve(&mut |reference| {
            let secret = match reference {
                Reference::Secret(name) => intake.secret(name),
                Reference::Env(name) if variables => intake.variable(name),
                Reference::Env(name) => {
                    Err(format!("env.{name}: only workflows of files may name variables"))
                }
            };
            let secret = secret.map_err(refused)?;
            let text = secret.expose().to_owned();
            used.push(secret);
            Ok(text)
        })?;
        match value {
            Value::Object(map) => Ok(map),
            Value::Null => Ok(Map::new()),
            _ => Err(refused("parameters and settings are maps")),
        }
    }
}
