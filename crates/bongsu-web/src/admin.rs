//! `/-/healthy`, `/-/ready`, `/-/reload` and `/metrics`.

use std::sync::Arc;

use bongsu_model::Diagnostic;
use http::StatusCode;

use crate::answer::{self, Answered};
use crate::service::{App, Call};

/// The process answers.
pub(crate) async fn healthy(_app: Arc<App>, _call: Call) -> Answered {
    answer::text(StatusCode::OK, "OK")
}

/// Work can be taken.
pub(crate) async fn ready(app: Arc<App>, _call: Call) -> Answered {
    match app.backend.ready() {
        Ok(()) => answer::text(StatusCode::OK, "OK"),
        Err(reason) => {
            answer::text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n"))
        }
    }
}

/// Reads the configuration again.
pub(crate) async fn reload(app: Arc<App>, _call: Call) -> Answered {
    match app.backend.reload().await {
        Ok(()) => answer::empty(StatusCode::OK),
        Err(refused) => {
            let errors = refused.0.iter().filter(|finding| finding.is_error());
            let errors: Vec<String> = match app.options.compatible {
                // Alertmanager stops at the first mistake.
                true => errors.take(1).map(|finding| finding.message.clone()).collect(),
                false => errors.map(Diagnostic::on_one_line).collect(),
            };
            let text = format!("failed to reload config: {}\n", errors.join("\n"));
            answer::text(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}

/// Everything counted, in the text format.
pub(crate) async fn metrics(app: Arc<App>, _call: Call) -> Answered {
    let mut out = String::with_capacity(16 << 10);
    app.metrics.write(&app.options.build, &mut out);
    app.backend.write_metrics(&mut out);
    answer::typed("text/plain; version=0.0.4; charset=utf-8", out)
}
