//! What of the system a script sees, and the words for `bwrap` that show it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::plan::Plan;

/// Programs, libraries and what they read. Not `/var`, `/home`, `/run`, and of `/etc` only what says
/// nothing about this installation.
pub(crate) const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/debian_version",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/timezone",
];

/// Where the parts of a run's folder are inside `bwrap`.
pub(crate) const INSIDE: &str = "/tmp/bongsu";

/// The same for this program.
pub(crate) const SELF: &str = "/tmp/bongsu-runner";

/// Arguments of `bwrap` up to the command.
pub(crate) fn words(plan: &Plan, program: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut say = |all: &[&dyn AsRef<std::ffi::OsStr>]| {
        words.extend(all.iter().map(|word| word.as_ref().to_owned()));
    };
    say(&[&"--unshare-user", &"--unshare-pid", &"--unshare-ipc", &"--unshare-uts"]);
    say(&[&"--unshare-cgroup-try", &"--hostname", &"script"]);
    if !plan.network {
        say(&[&"--unshare-net"]);
    }
    say(&[&"--die-with-parent", &"--cap-drop", &"ALL"]);
    for path in SYSTEM {
        match std::fs::read_link(path) {
            // `/bin` and the like point into `/usr`; links elsewhere are followed.
            Ok(target) if !path.starts_with("/etc") => say(&[&"--symlink", &target, path]),
            _ => say(&[&"--ro-bind-try", path, path]),
        }
    }
    say(&[&"--dev", &"/dev", &"--proc", &"/proc"]);
    say(&[&"--size", &plan.file.to_string(), &"--tmpfs", &"/tmp"]);
    // After `/tmp`: what is allowed may lie in it.
    for path in &plan.readable {
        say(&[&"--ro-bind", path, path]);
    }
    for path in &plan.writable {
        say(&[&"--bind", path, path]);
    }
    let inside = Path::new(INSIDE);
    for (part, bind) in [("script", "--ro-bind"), ("home", "--bind"), ("result", "--bind")] {
        say(&[&bind, &plan.folder.join(part), &inside.join(part)]);
    }
    say(&[&"--ro-bind", &program, &SELF, &"--remount-ro", &"/"]);
    say(&[&"--chdir", &inside.join("home"), &"--"]);
    words
}

/// The plan as it reads inside `bwrap`.
pub(crate) fn moved(plan: &Plan) -> Plan {
    Plan { folder: PathBuf::from(INSIDE), ..plan.clone() }
}
