//! Tests with real peers: Debian's prometheus, alertmanager and amtool, the databases and the SSH
//! server that providers talk to, the sandbox of scripts, and a clock that its libfaketime sets.

use anyhow::{Result, bail};

use crate::process;

/// Debian packages and one program of each; a path where not everybody has it on theirs.
const PEERS: &[(&str, &str)] = &[
    ("prometheus", "prometheus"),
    ("prometheus-alertmanager", "amtool"),
    ("victoria-metrics", "victoria-metrics"),
    ("faketime", "faketime"),
    ("postgresql", "pg_ctlcluster"),
    ("mariadb-server", "/usr/sbin/mariadbd"),
    ("redis-server", "redis-server"),
    ("openssh-server", "/usr/sbin/sshd"),
    ("bubblewrap", "bwrap"),
];

/// Installs what is missing where that is possible.
pub(crate) fn install() -> Result<()> {
    let missing: Vec<&str> = PEERS
        .iter()
        .filter(|(_, program)| !process::is_installed(program))
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !process::is_installed("apt-get") {
        bail!("install {} (Debian package names) and try again", missing.join(", "));
    }
    process::say(&format!("installing {} …", missing.join(", ")));
    process::run("apt-get", &["update", "-qq"])?;
    let mut words = vec!["install", "-y", "-qq", "--no-install-recommends"];
    words.extend(missing);
    process::run("apt-get", &words)
}

/// Runs the peer tests.
pub(crate) fn run() -> Result<()> {
    install()?;
    process::build()?;
    let tests = ["test", "--workspace", "--test"];
    process::cargo(&[&tests[..], &["peers", "--", "--ignored", "--test-threads", "1"]].concat())?;
    // Skipped by the tests of the workspace where the library is not installed.
    process::cargo(&[&tests[..], &["promises", "clock"]].concat())?;
    // Run again: now with bubblewrap.
    process::cargo(&[&tests[..], &["it", "scripts::"]].concat())
}
