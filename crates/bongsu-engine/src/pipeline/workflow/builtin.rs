//! Steps that need nobody else: messages for the log, made-up results, scripts.

use std::time::Duration;

use bongsu_provider::call::Redactor;
use bongsu_runner::Job;
use bongsu_workflow::script::{Language, Ready};
use bongsu_workflow::{Call, CallError};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::call::refused;
use crate::scripts::Scripts;
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
    tracing::info!(workflow, run = &*live.id, step = call.step, said = shown, "console");
    Value::from(message)
}

/// `mock`: what it is given.
pub(super) fn mock(mut params: Map<String, Value>) -> Value {
    match params.shift_remove("command_output") {
        Some(output) => output,
        None => Value::Object(params),
    }
}

/// `bash` and `python`, apart from this process. What Python prints comes back beside its result, for
/// the log of the run.
pub(super) async fn script(
    scripts: &Scripts,
    call: &Call,
    params: &Map<String, Value>,
    deadline: Instant,
) -> Result<(Result<Value, String>, String), CallError> {
    let (language, parameter) = match call.provider.as_str() {
        "python" => (Language::Python, "code"),
        _ => (Language::Bash, "command"),
    };
    let wanted = |name: &str| params.get(name).filter(|value| !value.is_null());
    let code = wanted(parameter).ok_or_else(|| refused(format!("{parameter} is missing")))?;
    let ready =
        Ready::of(language, code).map_err(|error| refused(format!("{parameter}: {error}")))?;
    let mut job = Job::new(ready);
    job.stdin = wanted("stdin").map(text).unwrap_or_default().into_bytes();
    job.imports = match wanted("imports") {
        Some(Value::Array(names)) => names.iter().map(text).collect(),
        Some(names) => text(names).split(',').map(|name| name.trim().to_owned()).collect(),
        None => Vec::new(),
    };
    job.imports.retain(|name| !name.is_empty());
    let given = match wanted("timeout").map(text).map(|seconds| seconds.parse::<f64>()) {
        None => None,
        Some(Ok(seconds)) if seconds.is_finite() && seconds > 0.0 => {
            Some(Duration::from_secs_f64(seconds.min(LONGEST)))
        }
        Some(_) => return Err(refused("timeout is a number of seconds")),
    };
    let left = deadline.saturating_duration_since(Instant::now());
    job.timeout = Some(given.map_or(left, |given| given.min(left)));
    let outcome = scripts.runner().await.run(&job).await;
    let outcome = outcome.map_err(|error| refused(error.to_string()))?;
    let printed = match language {
        // It is the result.
        Language::Bash => String::new(),
        Language::Python => [outcome.stdout.text.trim_end(), outcome.stderr.text.trim_end()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("\n"),
    };
    Ok((outcome.result(), printed))
}

/// A day; the operator's limit is what counts.
const LONGEST: f64 = 86_400.0;

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
