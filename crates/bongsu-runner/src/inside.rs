//! The other side: this binary as `__script`.
//!
//! In: `watch PLAN` or `begin PLAN`. Out: the exit code of the script. `watch` leads a session, stops being
//! root, starts `begin`, in `bwrap` if that is the sandbox, and ends everything when the server is gone
//! or time is up. `begin` gives up what a script may not have and becomes the interpreter.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use bongsu_workflow::script::Language;
use rustix::process::{Pid, Resource, Rlimit, Signal};

use crate::place;
use crate::plan::{FAILED, NOBODY, Plan, SAYS, Sandbox};

/// How often the watcher looks whether the server is there.
const LOOK: Duration = Duration::from_millis(250);
/// Files a script may have open.
const OPEN_FILES: u64 = 512;
/// Processes of `bwrap` itself that count among the script's.
const OF_BWRAP: u64 = 2;

/// Runs `__script`, given the words after it.
pub fn main(words: &[String]) -> ExitCode {
    let done = match words {
        [stage, plan] => serde_json::from_str::<Plan>(plan)
            .map_err(|error| error.to_string())
            .and_then(|plan| match stage.as_str() {
                "watch" => watch(&plan),
                "begin" => begin(&plan),
                other => Err(format!("there is no stage {other}")),
            }),
        _ => Err("the server starts this, not a person".to_owned()),
    };
    done.unwrap_or_else(|message| {
        // The one thing it may say: the server reads it.
        let text = format!("{SAYS}{message}\n");
        std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
        ExitCode::from(FAILED)
    })
}

fn failed(what: &str) -> impl Fn(std::io::Error) -> String {
    let what = what.to_owned();
    move |error| format!("{what}: {error}")
}

fn watch(plan: &Plan) -> Result<ExitCode, String> {
    let server = rustix::process::getppid();
    let group = rustix::process::setsid().map_err(|e| failed("lead a session")(e.into()))?;
    close_files();
    if plan.drop_root {
        drop_root()?;
    }
    let program = std::env::current_exe().map_err(failed("find this program"))?;
    let mut plan = plan.clone();
    let mut command = match (plan.sandbox, &plan.bwrap) {
        (Sandbox::Bubblewrap, Some(bwrap)) => {
            plan.processes += OF_BWRAP;
            let mut command = Command::new(bwrap);
            command.args(place::words(&plan, &program)).arg(place::SELF);
            command.env("HOME", format!("{}/home", place::INSIDE)).env("TMPDIR", "/tmp");
            plan = place::moved(&plan);
            command
        }
        (Sandbox::Bubblewrap, None) => return Err("bubblewrap is not installed".to_owned()),
        _ => {
            // The limit counts every process of the user, those that were there too.
            plan.processes += processes_of_user();
            let mut command = Command::new(&program);
            let home = plan.folder.join("home");
            command.env("HOME", &home).env("TMPDIR", &home).current_dir(&home);
            command
        }
    };
    let text = serde_json::to_string(&plan).map_err(|error| error.to_string())?;
    let mut child = command
        .args(["__script", "begin"])
        .arg(text)
        .spawn()
        .map_err(failed("start the script"))?;
    let until = Instant::now() + Duration::from_millis(plan.time);
    std::thread::spawn(move || {
        while rustix::process::getppid() == server && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        end(group);
    });
    let status = child.wait().map_err(failed("wait for the script"))?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(u8::try_from(code.unwrap_or(255)).unwrap_or(255)))
}

/// Ends the group, this process too.
fn end(group: Pid) {
    rustix::process::kill_process_group(group, Signal::KILL).ok();
}

/// Everything above standard error, whoever left it open.
fn close_files() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers: Vec<i32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // The folder itself was among them and is closed already.
        nix::unistd::close(number).ok();
    }
}

fn drop_root() -> Result<(), String> {
    use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
    let group = Gid::from_raw(NOBODY);
    setgroups(&[])
        .and_then(|()| setgid(group))
        .and_then(|()| setuid(Uid::from_raw(NOBODY)))
        .map_err(|error| format!("stop being root: {error}"))
}

/// Threads of all processes of this user.
fn processes_of_user() -> u64 {
    let user = rustix::process::getuid().as_raw();
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    let own = entries.flatten().filter(|entry| {
        let number = entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
        number
            && entry
                .metadata()
                .is_ok_and(|about| std::os::unix::fs::MetadataExt::uid(&about) == user)
    });
    own.map(|entry| std::fs::read_dir(entry.path().join("task")).map_or(1, |t| t.count() as u64))
        .sum()
}

fn begin(plan: &Plan) -> Result<ExitCode, String> {
    close_files();
    let script = plan.folder.join("script");
    let mut command = Command::new(&plan.interpreter);
    match plan.language {
        Language::Bash => command.args(["--noprofile", "--norc"]).arg(script.join("main")),
        Language::Python => command
            .args(["-I", "-B"])
            .args([script.join("run.py"), script.join("main"), plan.folder.join("result/value")])
            .arg(serde_json::to_string(&plan.imports).map_err(|error| error.to_string())?),
    };
    confine(plan)?;
    let home = plan.folder.join("home");
    Err(failed("become the interpreter")(in_home(&mut command, &home).exec()))
}

fn in_home<'c>(command: &'c mut Command, home: &Path) -> &'c mut Command {
    command.current_dir(home)
}

#[cfg(target_os = "linux")]
fn confine(plan: &Plan) -> Result<(), String> {
    if plan.sandbox == Sandbox::Landlock {
        crate::kernel::restrict_files(plan)?;
    }
    limit(plan)?;
    if plan.sandbox == Sandbox::None {
        rustix::thread::set_no_new_privs(true)
            .map_err(|error| format!("give up new privileges: {error}"))
    } else {
        crate::kernel::restrict_calls(plan)
    }
}

#[cfg(not(target_os = "linux"))]
fn confine(plan: &Plan) -> Result<(), String> {
    if plan.sandbox == Sandbox::None { limit(plan) } else { Err("it needs Linux".to_owned()) }
}

fn limit(plan: &Plan) -> Result<(), String> {
    let limits = [
        ("core files", Resource::Core, 0, 0),
        // At the first it is told, at the second killed.
        ("processor time", Resource::Cpu, plan.cpu, plan.cpu + 1),
        ("memory", Resource::As, plan.memory, plan.memory),
        ("processes", Resource::Nproc, plan.processes, plan.processes),
        ("the size of files", Resource::Fsize, plan.file, plan.file),
        ("open files", Resource::Nofile, OPEN_FILES, OPEN_FILES),
    ];
    for (what, resource, soft, hard) in limits {
        // A limit the server has itself stays.
        let known = rustix::process::getrlimit(resource).maximum;
        let within = |wanted: u64| Some(known.map_or(wanted, |known| known.min(wanted)));
        let limit = Rlimit { current: within(soft), maximum: within(hard) };
        rustix::process::setrlimit(resource, limit)
            .map_err(|error| format!("limit {what}: {error}"))?;
    }
    Ok(())
}
