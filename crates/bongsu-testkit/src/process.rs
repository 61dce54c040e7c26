//! The real `bongsu` binary on a free port with its own directory: start, stop, kill, start again.
//!
//! The binary is `$BONGSU_BIN`, or `bongsu` in the target directory the test runs from (build it
//! first: `cargo build -p bongsu`).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long the binary may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// The binary under test, or `None` when it has not been built.
pub fn binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("BONGSU_BIN") {
        return Some(path.into());
    }
    // Tests run from target/<profile>/deps/.
    let test = std::env::current_exe().ok()?;
    test.ancestors().skip(1).map(|dir| dir.join("bongsu")).find(|path| path.is_file())
}

/// An answer of the server.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Body as text.
    pub body: String,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A running server; it is killed when dropped, its directory is removed.
pub struct Server {
    program: PathBuf,
    dir: tempfile::TempDir,
    arguments: Vec<String>,
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts the binary with this Alertmanager configuration in a fresh directory and waits until
    /// it listens. `arguments` follow `serve` and precede `--config.file`, `--storage.path`,
    /// `--web.listen-address` and `--cluster.listen-address=`.
    ///
    /// # Panics
    /// When there is no binary or it does not come up; the text holds what it wrote.
    pub fn start(config: &str, arguments: &[&str]) -> Self {
        let program = binary().expect("no bongsu binary: build it or set BONGSU_BIN");
        let arguments: Vec<&str> = ["serve"].iter().chain(arguments).copied().collect();
        Self::start_program(&program, config, &arguments)
    }

    /// [`Server::start`] for another program that understands the same flags; without `serve`.
    pub fn start_program(program: &Path, config: &str, arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("alertmanager.yml"), config).unwrap();
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let log = Arc::default();
        let (child, address) = launch(program, dir.path(), &arguments, &log);
        Self { program: program.to_owned(), dir, arguments, child, address, log }
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its directory: `alertmanager.yml` and `data/`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The lines it wrote to standard error, of all starts.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once (SIGKILL), as a crash would.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Sends a signal by name (`TERM`, `HUP` …).
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.unwrap().success(), "cannot send {name}");
    }

    /// Asks it to stop (SIGTERM) and waits; `None` when it is still there after `within`.
    pub fn stop(&mut self, within: Duration) -> Option<ExitStatus> {
        self.signal("TERM");
        poll_until(within, || self.child.try_wait().ok().flatten())
    }

    /// Starts it again on the same directory, on a new port.
    pub fn restart(&mut self) {
        self.kill();
        (self.child, self.address) =
            launch(&self.program, self.dir.path(), &self.arguments, &self.log);
    }

    /// Starts another program in its place, with `arguments` before the same flags.
    pub fn restart_as(&mut self, program: &Path, arguments: &[&str]) {
        program.clone_into(&mut self.program);
        self.arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
        self.restart();
    }

    /// Replaces the configuration file; it takes effect with a reload or restart.
    pub fn write_config(&self, config: &str) {
        std::fs::write(self.dir.path().join("alertmanager.yml"), config).unwrap();
    }

    /// One request, with a JSON body when one is given.
    pub fn request(&self, method: &str, path: &str, body: Option<&str>) -> std::io::Result<Reply> {
        call(self.address, method, path, body)
    }

    /// Posts alerts (a JSON list as for `POST /api/v2/alerts`).
    pub fn post_alerts(&self, alerts: &serde_json::Value) -> std::io::Result<Reply> {
        self.request("POST", "/api/v2/alerts", Some(&alerts.to_string()))
    }

    /// The alerts the server shows.
    pub fn alerts(&self) -> serde_json::Value {
        self.request("GET", "/api/v2/alerts", None).unwrap().json()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Calls `probe` until it gives something; `None` when the time is over.
pub fn poll_until<T>(within: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One HTTP request over a fresh connection. HTTP/1.0, so that the answer ends with the connection.
pub fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let body = body.unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other("no status line in the answer"))?;
    Ok(Reply { status, body: body.to_owned() })
}

fn launch(
    program: &Path,
    dir: &Path,
    arguments: &[String],
    log: &Arc<Mutex<Vec<String>>>,
) -> (Child, SocketAddr) {
    let mut child = Command::new(program)
        .args(arguments)
        .arg(format!("--config.file={}", dir.join("alertmanager.yml").display()))
        .arg(format!("--storage.path={}", dir.join("data").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    let (ready, listening) = mpsc::channel();
    let lines = log.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(address) = listening_address(&line) {
                ready.send(address).ok();
            }
            lines.lock().push(line);
        }
    });
    let Ok(address) = listening.recv_timeout(READY_WITHIN) else {
        drop(child.kill());
        drop(child.wait());
        panic!("{} is not listening; it wrote:\n{}", program.display(), log.lock().join("\n"));
    };
    (child, address)
}

/// The address in a readiness line (`… msg="Listening on" address=127.0.0.1:39041`).
fn listening_address(line: &str) -> Option<SocketAddr> {
    let rest = &line[line.find("Listening on")?..];
    let value = &rest[rest.find("address")? + "address".len()..];
    let value = value.trim_start_matches(['"', ':', '=']);
    let end = value.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(value.len());
    value[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_line() {
        let found = |line| listening_address(line).map(|address| address.to_string());
        for line in [
            "ts=2026-01-01T00:00:00Z level=info msg=\"Listening on\" address=127.0.0.1:39041",
            "INFO Listening on address=127.0.0.1:39041 tls=false",
            "{\"msg\":\"Listening on\",\"address\":\"127.0.0.1:39041\"}",
        ] {
            assert_eq!(found(line).as_deref(), Some("127.0.0.1:39041"), "{line}");
        }
        assert_eq!(found("msg=\"Listening on\" address=[::1]:9093").as_deref(), Some("[::1]:9093"));
        for line in ["msg=\"Listening on\"", "address=127.0.0.1:1", "Listening on address=x"] {
            assert_eq!(found(line), None, "{line}");
        }
    }

    /// A stand-in for the binary: a shell script that prints a readiness line and sleeps.
    fn stand_in(dir: &Path, body: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.join("stand-in");
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn starts_stops_and_starts_again() {
        let dir = tempfile::tempdir().unwrap();
        let script = "echo 'msg=\"Listening on\" address=127.0.0.1:1' >&2\nexec sleep 600";
        let program = stand_in(dir.path(), script);
        let mut server = Server::start_program(&program, "route: {}", &[]);
        assert_eq!(server.address().port(), 1);
        let first = server.pid();
        assert!(!server.stop(Duration::from_secs(10)).unwrap().success());
        server.restart();
        assert_ne!(server.pid(), first);
        assert_eq!(
            std::fs::read_to_string(server.dir().join("alertmanager.yml")).unwrap(),
            "route: {}"
        );
    }
}
