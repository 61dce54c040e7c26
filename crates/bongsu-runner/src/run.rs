//! Starts a script, reads what it prints, ends it in time.

use std::io::Read as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bongsu_config::scripts::{SandboxChoice, ScriptSettings};
use bongsu_model::Secret;
use bongsu_workflow::script::{Language, Ready};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::outcome::{End, Error, Outcome, Output};
use crate::plan::{FAILED, NOBODY, PATH, Plan, SAYS, SEARCH, Sandbox};

/// What runs Python code.
const WRAPPER: &str = include_str!("script.py");
/// Bytes of a value Python returns.
const MAX_RETURNED: u64 = 4 << 20;
/// How long outputs are read after the script has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much later than this the watcher ends a script itself.
const GRACE: Duration = Duration::from_secs(5);

/// A script to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// It, with its values.
    pub script: Ready,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// Modules Python imports first.
    pub imports: Vec<String>,
    /// How long it may take; the operator's limit at most.
    pub timeout: Option<Duration>,
}

impl Job {
    /// A script that reads nothing and may take as long as the operator allows.
    pub fn new(script: Ready) -> Self {
        Self { script, stdin: Vec::new(), imports: Vec::new(), timeout: None }
    }
}

/// Runs scripts.
#[derive(Debug)]
pub struct Runner {
    settings: ScriptSettings,
    /// This binary.
    program: PathBuf,
    bwrap: Option<PathBuf>,
    sandbox: Result<Sandbox, String>,
    at_once: Semaphore,
}

impl Runner {
    /// Looks for a sandbox that works here, by running a script that does nothing. `program` is the
    /// binary that answers to `__script` with [`crate::inside::main`].
    pub async fn new(settings: ScriptSettings, program: PathBuf) -> Self {
        let bwrap = find("bwrap");
        let at_once = Semaphore::new(settings.parallel.max(1));
        let mut runner = Self { settings, program, bwrap, sandbox: Ok(Sandbox::None), at_once };
        if runner.settings.enabled {
            runner.sandbox = runner.choose().await;
        }
        runner
    }

    /// What confines scripts here; the reason if nothing does and they are refused.
    pub fn sandbox(&self) -> Result<Sandbox, &str> {
        self.sandbox.as_ref().copied().map_err(String::as_str)
    }

    async fn choose(&self) -> Result<Sandbox, String> {
        let wanted: &[Sandbox] = match self.settings.sandbox {
            SandboxChoice::Auto => &[Sandbox::Bubblewrap, Sandbox::Landlock],
            SandboxChoice::Bubblewrap => &[Sandbox::Bubblewrap],
            SandboxChoice::Landlock => &[Sandbox::Landlock],
            SandboxChoice::None => return Ok(Sandbox::None),
        };
        let mut reasons = Vec::new();
        for sandbox in wanted {
            match self.probe(*sandbox).await {
                Ok(()) => return Ok(*sandbox),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.join("; "))
    }

    async fn probe(&self, sandbox: Sandbox) -> Result<(), String> {
        if sandbox == Sandbox::Bubblewrap && self.bwrap.is_none() {
            return Err("bubblewrap is not installed".to_owned());
        }
        let code = Secret::new("exit 0");
        let script = Ready { language: Language::Bash, code, variables: Vec::new() };
        match self.run_in(&Job::new(script), sandbox).await {
            Ok(outcome) if outcome.is_success() => Ok(()),
            Ok(outcome) => Err(outcome.stderr.text.trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Runs a script to its end. Dropping the future ends the script with everything it started.
    ///
    /// # Errors
    /// It was not run. That it failed is an [`Outcome`].
    pub async fn run(&self, job: &Job) -> Result<Outcome, Error> {
        if !self.settings.enabled {
            return Err(Error::Disabled);
        }
        let sandbox = match &self.sandbox {
            Ok(sandbox) => *sandbox,
            Err(reason) => return Err(Error::NoSandbox(reason.clone())),
        };
        let _place = self.at_once.acquire().await.ok();
        self.run_in(job, sandbox).await
    }

    async fn run_in(&self, job: &Job, sandbox: Sandbox) -> Result<Outcome, Error> {
        check(job)?;
        let limits = &self.settings.limits;
        let time = job.timeout.unwrap_or(limits.time).min(limits.time);
        let system = |what| move |source| Error::System { what, source };
        let root = rustix::process::geteuid().is_root();
        let folder = folder(job, root).map_err(system("make a folder for the script"))?;
        let plan = self.plan(job, sandbox, folder.path(), root, time)?;
        let started = Instant::now();
        let deadline = started + time;
        let mut child = self.launch(job, &plan).map_err(system("start the runner"))?;
        let group = Group::of(&child);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A script need not read what it is given.
                stdin.write_all(&job.stdin).await.ok();
            }
        };
        let most = usize::try_from(limits.output).unwrap_or(usize::MAX);
        let (mut out, mut err) = (Kept::new(most), Kept::new(most));
        let mut reading = Box::pin(async {
            tokio::join!(feed, keep(stdout, &mut out), keep(stderr, &mut err));
        });
        let mut all_read = false;
        // Both, because a script with full pipes does not end.
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
        let took = started.elapsed();
        if !all_read {
            timeout_at(Instant::now() + LAST_WORDS, &mut reading).await.ok();
        }
        drop(reading);
        let (stdout, stderr) = (out.finish(), err.finish());
        let end = match ended {
            Err(_) => End::TimedOut,
            Ok(status) => {
                let status = status.map_err(system("wait for the runner"))?;
                let signal = || status.signal().map(|signal| 128 + signal);
                End::Exited(status.code().or_else(signal).unwrap_or(-1))
            }
        };
        if end == End::Exited(FAILED.into())
            && let Some(message) = stderr.text.strip_prefix(SAYS)
        {
            return Err(Error::Setup(message.trim().to_owned()));
        }
        let returned = (end == End::Exited(0)).then(|| returned(folder.path())).flatten();
        let language = job.script.language;
        Ok(Outcome { language, stdout, stderr, end, returned, took })
    }

    fn plan(
        &self,
        job: &Job,
        sandbox: Sandbox,
        folder: &Path,
        drop_root: bool,
        time: Duration,
    ) -> Result<Plan, Error> {
        let name = match job.script.language {
            Language::Bash => "bash",
            Language::Python => "python3",
        };
        let limits = &self.settings.limits;
        Ok(Plan {
            sandbox,
            bwrap: self.bwrap.clone(),
            language: job.script.language,
            interpreter: find(name).ok_or(Error::Interpreter(name))?,
            imports: job.imports.clone(),
            folder: folder.to_owned(),
            network: self.settings.network,
            readable: self.settings.readable.clone(),
            writable: self.settings.writable.clone(),
            drop_root,
            time: u64::try_from((time + GRACE).as_millis()).unwrap_or(u64::MAX),
            cpu: limits.cpu.as_secs().max(1),
            memory: limits.memory,
            processes: limits.processes,
            file: limits.file,
        })
    }

    fn launch(&self, job: &Job, plan: &Plan) -> std::io::Result<Child> {
        let variables = job.script.variables.iter();
        Command::new(&self.program)
            .args(["__script", "watch"])
            .arg(serde_json::to_string(plan)?)
            .env_clear()
            .envs([("PATH", PATH), ("LANG", "C.UTF-8")])
            .envs(variables.map(|(name, value)| (name, value.expose())))
            .current_dir("/")
            .stdin(if job.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

fn find(name: &str) -> Option<PathBuf> {
    SEARCH.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

fn check(job: &Job) -> Result<(), Error> {
    for (name, value) in &job.script.variables {
        // What the watcher and the loader of programs go by is not for scripts to say.
        let own = name.strip_prefix("BONGSU_V").is_some_and(|number| number.parse::<u32>().is_ok());
        if !own || value.expose().contains('\0') {
            return Err(Error::Variable(name.clone()));
        }
    }
    Ok(())
}

/// The folder of a run: the script, an empty home, a place for what is returned. Only the script's
/// user gets in.
fn folder(job: &Job, root: bool) -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("bongsu-script-").tempdir()?;
    let mut own = vec![];
    for part in ["script", "home", "result"] {
        let path = folder.path().join(part);
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        own.push(path);
    }
    let code = job.script.code.expose();
    let texts = match job.script.language {
        Language::Bash => vec![("main", code)],
        Language::Python => vec![("main", code), ("run.py", WRAPPER)],
    };
    for (name, text) in texts {
        let path = folder.path().join("script").join(name);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        own.push(path);
    }
    if root {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
        for path in own {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))?;
        }
    }
    Ok(folder)
}

/// What Python code returned. The script could have put anything there: only a file of its own
/// counts.
fn returned(folder: &Path) -> Option<Value> {
    use rustix::fs::OFlags;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut options = std::fs::OpenOptions::new();
    let path = folder.join("result/value");
    let file = options.read(true).custom_flags(flags.bits().cast_signed()).open(path).ok()?;
    let about = file.metadata().ok()?;
    if !about.is_file() || about.nlink() != 1 || about.len() > MAX_RETURNED {
        return None;
    }
    let mut text = String::new();
    file.take(MAX_RETURNED).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Reads to the end and keeps the beginning.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Kept) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        let room = kept.most - kept.bytes.len();
        kept.bytes.extend(&chunk[..length.min(room)]);
        kept.cut |= length > room;
    }
}

struct Kept {
    bytes: Vec<u8>,
    most: usize,
    cut: bool,
}

impl Kept {
    fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most, cut: false }
    }

    fn finish(self) -> Output {
        Output { text: String::from_utf8_lossy(&self.bytes).into_owned(), cut: self.cut }
    }
}

/// The processes of a script; killed when this is dropped, also with the future that waits.
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
            // Nobody may be left. Before the watcher leads a group it has started nothing, and is
            // killed with its `Child`.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}
