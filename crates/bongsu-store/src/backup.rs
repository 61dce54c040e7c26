//! Backups: one file that is a whole store, and what it should hold.

use serde::{Deserialize, Serialize};

/// What a backup holds, kept beside it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Schema version of the copy.
    pub schema_version: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Rows per table.
    pub rows: std::collections::BTreeMap<String, u64>,
}
