//! Steps that need nobody else: messages for the log, made-up results, scripts.

use bongsu_provider::call::Redactor;
use bongsu_workflow::{Call, CallError};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::call::refused;
use crate::workflows::Live;

/// `console`: a line of this program's log.
pub(super) fn console(
    live: &Live,
    call: &Call,
    redactor: &Redactor,
    params: &Map<String, Value>,
) -> Value {
    let message = match params.get("message") {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let shown = redactor.redact(&message);
    let workflow = &live.definition.workflow.id;
    tracing::info!(workflow, run = &*live.id, step = call.step, message = shown, "console");
    Value::from(message)
}

/// `mock`: what it is given.
pub(super) fn mock(mut params: Map<String, Value>) -> Value {
    match params.shift_remove("command_output") {
        Some(output) => output,
        None => Value::Object(params),
    }
}

/// `bash` and `python`. The place for whatever runs scripts apart from this process: it is given the
/// rendered parameters and has until the deadline.
pub(super) async fn script(
    call: &Call,
    _params: Map<String, Value>,
    _deadline: Instant,
) -> Result<Value, CallError> {
    Err(refused(format!("scripts are not enabled: {} steps cannot run here", call.provider)))
}
