//! What the process that watches over a script has to know: its only argument, as JSON. Values of the
//! script are not in it: everybody on a machine can read the arguments of a process.

use std::path::PathBuf;

use bongsu_workflow::script::Language;
use serde::{Deserialize, Serialize};

/// Where programs are looked for.
pub(crate) const SEARCH: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];
/// The same for scripts.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Exit code of a watcher that could not start the script.
pub(crate) const FAILED: u8 = 125;
/// Begins its message.
pub(crate) const SAYS: &str = "bongsu __script: ";
/// The user and the group scripts have where the server is root.
pub(crate) const NOBODY: u32 = 65534;

/// What confines a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    /// `bwrap`: a system of its own, and seccomp.
    Bubblewrap,
    /// Landlock and seccomp: the system, with most of it out of reach.
    Landlock,
    /// Nothing but limits.
    None,
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) sandbox: Sandbox,
    pub(crate) bwrap: Option<PathBuf>,
    pub(crate) language: Language,
    /// Absolute.
    pub(crate) interpreter: PathBuf,
    /// Modules that Python imports first.
    pub(crate) imports: Vec<String>,
    /// Folder with `home`, `script` and `result`.
    pub(crate) folder: PathBuf,
    pub(crate) network: bool,
    pub(crate) readable: Vec<PathBuf>,
    pub(crate) writable: Vec<PathBuf>,
    /// Become `NOBODY`.
    pub(crate) drop_root: bool,
    /// Milliseconds after which the watcher itself ends it.
    pub(crate) time: u64,
    /// Seconds.
    pub(crate) cpu: u64,
    /// Bytes of address space of each process.
    pub(crate) memory: u64,
    pub(crate) processes: u64,
    /// Bytes of each file.
    pub(crate) file: u64,
}
