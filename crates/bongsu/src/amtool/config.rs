//! `amtool config show`.

use super::{Call, Format, format};
use crate::output;

/// Prints the configuration in force.
pub(super) fn show(call: &Call) -> Result<(), String> {
    let status = call.client()?.status().map_err(|e| e.to_string())?;
    let original = &status.item.config.original;
    match call.format() {
        Format::Json => format::json(&status.json),
        Format::Simple => output::print(&format!("{original}\n")),
        Format::Extended => {
            let version = &status.item.version_info;
            output::print(&format!(
                "{original}\nbuildUser {}\ngoVersion {}\nrevision {}\nversion {}\nbranch {}\n\
                 buildDate {}\nuptime {}\n",
                version.build_user,
                version.go_version,
                version.revision,
                version.version,
                version.branch,
                version.build_date,
                status.item.uptime,
            ));
        }
    }
    Ok(())
}
