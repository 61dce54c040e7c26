//! What this program calls itself.

/// Version of Bongsu.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The Alertmanager release whose behaviour is implemented; clients compare it with their own.
pub(crate) const ALERTMANAGER: &str = "0.34.0";

/// The lines of `--version` for a program of the Alertmanager family.
pub(crate) fn lines(program: &str) -> String {
    format!(
        "{program}, version {ALERTMANAGER} (branch: bongsu, revision: {VERSION})\n  \
         platform:         {}/{}\n",
        std::env::consts::OS,
        match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    )
}
