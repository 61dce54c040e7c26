//! A program of this machine.
//!
//! In: [`ProcessSettings`] of the operator, a program with its arguments, a deadline. Out: its
//! outputs and return code. Programs run only where the operator said so.
//!
//! No shell reads the request: arguments arrive as they are. The program sees none of the server's
//! environment and starts in an empty folder of its own, which is deleted afterwards. Whatever it
//! started that is still in its process group when it ends, or when time is up, is killed.
//!
//! This is not a sandbox: the program has the server's user, files and network. One belongs around
//! the words that `launch` puts together.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bongsu_model::Secret;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use crate::command::{CommandAnswer, Kept};
use crate::error::{TransportError, TransportErrorKind};

/// Where programs are looked for unless the request has a `PATH`.
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long outputs are still read after the program has ended, when something that left its
/// process group keeps them open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Sets the limits of a program that takes this shell's place. Everything that varies is an
/// argument.
const LIMITED: &str = r#"ulimit -c 0; ulimit -t "$1" && ulimit -v "$2" && shift 2 && exec "$@""#;

/// What the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSettings {
    /// Whether programs may run at all; off by default.
    pub enabled: bool,
    /// Processor time of each process, in seconds.
    pub cpu_seconds: Option<u64>,
    /// Address space of each process, in bytes.
    pub memory_bytes: Option<u64>,
}

impl Default for ProcessSettings {
    fn default() -> Self {
        const GIB: u64 = 1024 * 1024 * 1024;
        Self { enabled: false, cpu_seconds: Some(60), memory_bytes: Some(4 * GIB) }
    }
}

/// One run of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessRequest {
    /// A path, or a name that is looked for in `PATH`.
    pub program: String,
    /// Arguments, without the program itself.
    pub arguments: Vec<String>,
    /// Variables besides `PATH`, `HOME`, `LANG`, which these may replace.
    pub environment: Vec<(String, Secret)>,
    /// What the program reads; nothing when empty.
    pub stdin: Vec<u8>,
}

/// Runs a program to its end.
///
/// # Errors
/// `Disabled` unless allowed, `Request` when there is no such program, `Timeout` when it was killed
/// at the deadline.
pub async fn run(
    settings: &ProcessSettings,
    request: &ProcessRequest,
    deadline: Instant,
) -> Result<CommandAnswer, TransportError> {
    if !settings.enabled {
        let text = "running programs of this machine is not enabled";
        return Err(TransportError::new(TransportErrorKind::Disabled, text));
    }
    let failed = |what: &str, error: std::io::Error| {
        TransportError::new(TransportErrorKind::Request, format!("{what}: {error}"))
    };
    check(request)?;
    let program = find(request).ok_or_else(|| {
        let text = format!("no program {:?} on this machine", request.program);
        TransportError::new(TransportErrorKind::Request, text)
    })?;
    let folder = tempfile::tempdir().map_err(|error| failed("a folder for the program", error))?;
    let mut child = launch(settings, request, &program, folder.path())
        .map_err(|error| failed(&request.program, error))?;
    let group = Group::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());

    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program need not read what it is given.
            stdin.write_all(&request.stdin).await.ok();
        }
    };
    let (mut out, mut err) = (Kept::default(), Kept::default());
    let mut reading = Box::pin(async {
        tokio::join!(feed, keep(stdout, &mut out), keep(stderr, &mut err));
    });
    let mut all_read = false;
    // Both, because a program with full pipes does not end.
    let ended = timeout_at(deadline, async {
        loop {
            tokio::select! {
                status = child.wait() => return status,
                () = &mut reading, if !all_read => all_read = true,
            }
        }
    })
    .await;
    drop(group);
    let status = match ended {
        Err(_) => return Err(TransportError::timeout(format!("run {}", request.program))),
        Ok(status) => status.map_err(|error| failed(&request.program, error))?,
    };
    if !all_read {
        timeout_at(deadline.min(Instant::now() + LAST_WORDS), &mut reading).await.ok();
    }
    drop(reading);
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(CommandAnswer::new(&out, &err, code.unwrap_or(-1)))
}

fn check(request: &ProcessRequest) -> Result<(), TransportError> {
    let invalid = |text: String| Err(TransportError::new(TransportErrorKind::Request, text));
    if request.program.is_empty() || request.program.contains('\0') {
        return invalid("the name of a program is not usable".to_owned());
    }
    if request.arguments.iter().any(|argument| argument.contains('\0')) {
        return invalid("an argument of a program contains a NUL".to_owned());
    }
    for (name, value) in &request.environment {
        if name.is_empty() || name.contains(['=', '\0']) || value.expose().contains('\0') {
            return invalid(format!("the variable {name:?} cannot be set"));
        }
    }
    Ok(())
}

fn find(request: &ProcessRequest) -> Option<PathBuf> {
    if request.program.contains('/') {
        let path = PathBuf::from(&request.program);
        return path.is_file().then_some(path);
    }
    let own = request.environment.iter().rev().find(|(name, _)| name == "PATH");
    let search = own.map_or(SEARCH, |(_, value)| value.expose());
    search.split(':').map(|folder| Path::new(folder).join(&request.program)).find(|p| p.is_file())
}

fn launch(
    settings: &ProcessSettings,
    request: &ProcessRequest,
    program: &Path,
    folder: &Path,
) -> std::io::Result<Child> {
    let mut words: Vec<OsString> = Vec::new();
    if settings.cpu_seconds.is_some() || settings.memory_bytes.is_some() {
        let limit = |value: Option<u64>| value.map_or("unlimited".to_owned(), |v| v.to_string());
        let kib = settings.memory_bytes.map(|bytes| bytes / 1024);
        words.extend(["/bin/sh", "-c", LIMITED, "sh"].map(OsString::from));
        words.extend([limit(settings.cpu_seconds), limit(kib)].map(OsString::from));
    }
    words.push(program.into());
    words.extend(request.arguments.iter().map(OsString::from));
    let (first, rest) = words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    Command::new(first)
        .args(rest)
        .env_clear()
        .envs([("PATH", SEARCH), ("LANG", "C.UTF-8")])
        .env("HOME", folder)
        .envs(request.environment.iter().map(|(name, value)| (name, value.expose())))
        .current_dir(folder)
        .stdin(if request.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Reads to the end and keeps the beginning.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Kept) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        kept.push(&chunk[..length]);
    }
}

/// The processes a program started; killed when this is dropped, also with the future that waits.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let number = child.id().and_then(|number| i32::try_from(number).ok());
        Self(number.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody may be left.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}
