//! What runs the scripts of workflows, if the operator allows any.
//!
//! In: settings of the configuration. Out: a runner that has looked for a sandbox.

use std::path::PathBuf;
use std::sync::Arc;

use bongsu_runner::{Runner, ScriptSettings};
use tokio::sync::OnceCell;

use crate::engine::Shared;

/// Scripts as a configuration allows them.
#[derive(Debug, Default)]
pub struct Scripts {
    settings: ScriptSettings,
    program: PathBuf,
    runner: OnceCell<Arc<Runner>>,
}

impl Scripts {
    /// `program` is the binary that runs a script when it is called as `__script`.
    pub fn new(settings: ScriptSettings, program: PathBuf) -> Self {
        Self { settings, program, runner: OnceCell::new() }
    }

    /// Whether any may run.
    pub(crate) fn are_enabled(&self) -> bool {
        self.settings.enabled
    }

    pub(crate) async fn runner(&self) -> Arc<Runner> {
        let found = async || {
            let runner = Runner::new(self.settings.clone(), self.program.clone()).await;
            if self.settings.enabled {
                match runner.sandbox() {
                    Ok(sandbox) => tracing::info!(?sandbox, "scripts of workflows may run"),
                    Err(reason) => tracing::warn!(reason, "scripts of workflows cannot run"),
                }
            }
            Arc::new(runner)
        };
        Arc::clone(self.runner.get_or_init(found).await)
    }
}

impl Shared {
    /// Looks for a sandbox if scripts are enabled, so that what is wrong with it is known early.
    pub(crate) fn prepare_scripts(&self) {
        let scripts = Arc::clone(self.core.lock().loaded.scripts());
        if scripts.are_enabled() {
            self.tasks.spawn(async move { drop(scripts.runner().await) });
        }
    }
}
