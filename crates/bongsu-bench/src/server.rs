//! The two servers under test, each in a directory of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::http::{self, Connection};

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Contender {
    /// Debian's alertmanager.
    Alertmanager,
    /// Debian's prometheus.
    Prometheus,
    /// The release binary of this workspace.
    Bongsu,
}

/// A running server.
pub(crate) struct Server {
    contender: Contender,
    child: Child,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU seconds, user and system.
    pub(crate) cpu: f64,
    /// Resident MiB.
    pub(crate) resident: f64,
}

impl Server {
    /// Starts a contender with a configuration and waits until it is ready.
    pub(crate) fn start(contender: Contender, config: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bongsu-bench").tempdir()?;
        std::fs::write(folder.path().join("alertmanager.yml"), config)?;
        let address = free_address()?;
        let child = launch(contender, folder.path(), address)?;
        let server = Self { contender, child, address, folder };
        server.wait_ready()?;
        Ok(server)
    }

    /// Starts bongsu with all that takes payloads.
    pub(crate) fn serve(config: &str) -> Result<Self> {
        Self::serve_with(config, &[] as &[(&str, String)])
    }

    /// The same with more files in its configuration directory.
    pub(crate) fn serve_with(config: &str, files: &[(impl AsRef<Path>, String)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bongsu-bench").tempdir()?;
        std::fs::write(folder.path().join("alertmanager.yml"), config)?;
        for (name, text) in files {
            write(folder.path(), name.as_ref(), text)?;
        }
        let address = free_address()?;
        let mut command = Command::new(binary()?);
        command
            .args(["serve", "--log-level", "warn", "--config"])
            .arg(folder.path())
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg("--listen")
            .arg(address.to_string());
        let child = spawn(command, folder.path())?;
        let server = Self { contender: Contender::Bongsu, child, address, folder };
        server.wait_ready()?;
        Ok(server)
    }

    /// Starts prometheus with a configuration and the files beside it; series may be written to it.
    pub(crate) fn prometheus(config: &str, files: &[(&str, String)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bongsu-bench").tempdir()?;
        std::fs::write(folder.path().join("prometheus.yml"), config)?;
        for (name, text) in files {
            write(folder.path(), Path::new(name), text)?;
        }
        let address = free_address()?;
        let mut command = Command::new("prometheus");
        command
            .arg("--config.file")
            .arg(folder.path().join("prometheus.yml"))
            .arg("--storage.tsdb.path")
            .arg(folder.path().join("data"))
            .arg("--web.listen-address")
            .arg(address.to_string())
            .arg("--web.enable-remote-write-receiver")
            .arg("--log.level=warn");
        let child = spawn(command, folder.path())?;
        let server = Self { contender: Contender::Prometheus, child, address, folder };
        server.wait_ready()?;
        Ok(server)
    }

    /// Bytes of its data on disk.
    pub(crate) fn stored(&self) -> u64 {
        size(&self.folder.path().join("data"))
    }

    /// Ends it with SIGKILL, starts it on the same directory, and returns the seconds until it
    /// was ready.
    pub(crate) fn kill_and_restart(&mut self) -> Result<f64> {
        self.child.kill()?;
        self.child.wait()?;
        let begun = Instant::now();
        self.child = launch(self.contender, self.folder.path(), self.address)?;
        self.wait_ready()?;
        Ok(begun.elapsed().as_secs_f64())
    }

    fn wait_ready(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if let Ok(mut connection) = Connection::open(self.address)
                && let Ok((200, _)) = connection.call(&http::get("/-/ready"))
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("{:?} did not get ready", self.contender)
    }

    /// Resources used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let stat = std::fs::read_to_string(process.join("stat"))?;
        let fields: Vec<&str> =
            stat.rsplit_once(')').context("odd stat")?.1.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        let status = std::fs::read_to_string(process.join("status"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|v| v.trim().trim_end_matches(" kB").parse::<f64>().ok())
            .context("no VmRSS")?;
        Ok(Usage { cpu: ticks / 100.0, resident: resident / 1024.0 })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a file, and the folders it lies in.
fn write(folder: &Path, name: &Path, text: &str) -> Result<()> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    Ok(std::fs::write(path, text)?)
}

/// Bytes of all files below a folder; what vanishes meanwhile is not counted.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        Ok(found) => std::os::unix::fs::MetadataExt::blocks(&found) * 512,
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn launch(contender: Contender, folder: &Path, address: SocketAddr) -> Result<Child> {
    let mut command = match contender {
        Contender::Alertmanager | Contender::Prometheus => Command::new("prometheus-alertmanager"),
        Contender::Bongsu => {
            let mut command = Command::new(binary()?);
            command.arg("alertmanager");
            command
        }
    };
    command
        .arg("--config.file")
        .arg(folder.join("alertmanager.yml"))
        .arg("--storage.path")
        .arg(folder.join("data"))
        .arg("--web.listen-address")
        .arg(address.to_string())
        .arg("--cluster.listen-address=")
        .arg("--log.level=warn");
    spawn(command, folder)
}

fn binary() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here.parent().context("no folder")?.join("bongsu"))
}

fn spawn(mut command: Command, folder: &Path) -> Result<Child> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().with_context(|| format!("start {command:?}"))
}
