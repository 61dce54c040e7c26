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
const READY_WITHIN: Duration = Duration::from_secs(60);

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
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body as text.
    pub body: String,
}

impl Reply {
    /// A header field; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Which command line the server is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// `bongsu alertmanager`, with Alertmanager's flags and behaviour.
    Compatible,
    /// `bongsu serve`, with Bongsu's own.
    Own,
    /// A program that is itself an Alertmanager or takes its flags.
    Foreign,
}

/// How a server is started; [`Launch::start`] does it.
#[derive(Clone, Debug)]
pub struct Launch {
    program: PathBuf,
    manner: Manner,
    config: String,
    data: Option<PathBuf>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    files: Vec<(String, String)>,
}

impl Launch {
    /// The binary under test with this Alertmanager configuration.
    ///
    /// # Panics
    /// When there is no binary.
    pub fn new(manner: Manner, config: &str) -> Self {
        let program = binary().expect("no bongsu binary: build it or set BONGSU_BIN");
        Self::program(&program, manner, config)
    }

    /// Another program.
    pub fn program(program: &Path, manner: Manner, config: &str) -> Self {
        Self {
            program: program.to_owned(),
            manner,
            config: config.to_owned(),
            data: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            files: Vec::new(),
        }
    }

    /// With a further file beside `alertmanager.yml`; the server is given the whole directory.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// With further arguments. Those that say where configuration and state are and where to
    /// listen are added by themselves.
    #[must_use]
    pub fn arguments<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the state in this directory rather than in a fresh one.
    #[must_use]
    pub fn data(mut self, data: &Path) -> Self {
        self.data = Some(data.to_owned());
        self
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// When it does not come up; the text holds what it wrote.
    pub fn start(self) -> Server {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("alertmanager.yml"), &self.config).unwrap();
        for (name, text) in &self.files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let log = Arc::default();
        let (child, ready) = self.spawn(dir.path(), &[], &log);
        let mut server = Server { launch: self, dir, child, ready, address: None, log };
        server.await_ready();
        server
    }

    fn spawn(
        &self,
        dir: &Path,
        more: &[String],
        log: &Arc<Mutex<Vec<String>>>,
    ) -> (Child, mpsc::Receiver<SocketAddr>) {
        let config = match self.files.is_empty() {
            true => dir.join("alertmanager.yml"),
            false => dir.to_owned(),
        };
        let data = self.data.clone().unwrap_or_else(|| dir.join("data"));
        let (config, data) = (config.display(), data.display());
        let mut command = Command::new(&self.program);
        let flags = match self.manner {
            Manner::Own => vec![
                "--listen=127.0.0.1:0".to_owned(),
                format!("--config={config}"),
                format!("--data={data}"),
            ],
            Manner::Compatible | Manner::Foreign => vec![
                "--web.listen-address=127.0.0.1:0".to_owned(),
                "--cluster.listen-address=".to_owned(),
                format!("--config.file={config}"),
                format!("--storage.path={data}"),
            ],
        };
        command.args(match self.manner {
            Manner::Own => Some("serve"),
            Manner::Compatible => Some("alertmanager"),
            Manner::Foreign => None,
        });
        let mut child = command
            .args(&self.arguments)
            .args(flags)
            .args(more)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
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
        (child, listening)
    }
}

/// A running server; it is killed when dropped, its directory is removed.
pub struct Server {
    launch: Launch,
    dir: tempfile::TempDir,
    child: Child,
    ready: mpsc::Receiver<SocketAddr>,
    /// `None`: spawned, not known to listen yet.
    address: Option<SocketAddr>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts `bongsu serve` with this configuration and further arguments in a fresh
    /// directory and waits until it listens.
    ///
    /// # Panics
    /// As [`Launch::start`].
    pub fn start(config: &str, arguments: &[&str]) -> Self {
        Launch::new(Manner::Own, config).arguments(arguments.iter().copied()).start()
    }

    /// [`Server::start`] for another program that understands Alertmanager's flags.
    pub fn start_program(program: &Path, config: &str, arguments: &[&str]) -> Self {
        let launch = Launch::program(program, Manner::Foreign, config);
        launch.arguments(arguments.iter().copied()).start()
    }

    /// The address it listens on.
    ///
    /// # Panics
    /// When it was spawned and nobody waited for it since.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("not known to listen yet")
    }

    /// Its directory: `alertmanager.yml` and, unless it was put elsewhere, `data/`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The directory of its state.
    pub fn data(&self) -> PathBuf {
        self.launch.data.clone().unwrap_or_else(|| self.dir.path().join("data"))
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
    ///
    /// # Panics
    /// As [`Launch::start`].
    pub fn restart(&mut self) {
        self.respawn(&[]);
        self.await_ready();
    }

    /// Like [`Server::restart`] with more arguments for this start only, and without waiting: it
    /// can be killed at any instant of its start.
    pub fn respawn(&mut self, more: &[String]) {
        self.kill();
        self.address = None;
        (self.child, self.ready) = self.launch.spawn(self.dir.path(), more, &self.log);
    }

    /// Waits until it listens.
    ///
    /// # Panics
    /// As [`Launch::start`].
    pub fn await_ready(&mut self) {
        match self.ready.recv_timeout(READY_WITHIN) {
            Ok(address) => self.address = Some(address),
            Err(_) => {
                self.kill();
                let program = self.launch.program.display();
                let wrote = self.log.lock();
                let start = wrote.len().saturating_sub(50);
                panic!("{program} is not listening; it wrote:\n{}", wrote[start..].join("\n"));
            }
        }
    }

    /// Memory in use now and at most so far, in bytes; `None` where there is no `/proc`.
    pub fn memory(&self) -> Option<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let figure = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
        };
        Some((figure("VmRSS:")?, figure("VmHWM:")?))
    }

    /// Starts another program in its place, with `arguments` before the same flags.
    pub fn restart_as(&mut self, program: &Path, arguments: &[&str]) {
        program.clone_into(&mut self.launch.program);
        self.launch.manner = Manner::Foreign;
        self.launch.arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
        self.restart();
    }

    /// Replaces the configuration file; it takes effect with a reload or restart.
    pub fn write_config(&self, config: &str) {
        std::fs::write(self.dir.path().join("alertmanager.yml"), config).unwrap();
    }

    /// One request, with a JSON body when one is given.
    pub fn request(&self, method: &str, path: &str, body: Option<&str>) -> std::io::Result<Reply> {
        call(self.address(), method, path, body)
    }

    /// Posts alerts (a JSON list as for `POST /api/v2/alerts`).
    pub fn post_alerts(&self, alerts: &serde_json::Value) -> std::io::Result<Reply> {
        self.request("POST", "/api/v2/alerts", Some(&alerts.to_string()))
    }

    /// Waits until what the server has shown is on its disk. A state is seen before it is durable;
    /// what is answered, here a silence that nothing matches, is durable and written after it.
    pub fn await_durable(&self) {
        let silence = serde_json::json!({
            "matchers": [{"name": "no_such_label", "value": "x", "isRegex": false}],
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "test", "comment": "after what was seen",
        });
        let kept = self.request("POST", "/api/v2/silences", Some(&silence.to_string())).unwrap();
        assert_eq!(kept.status, 200, "{}", kept.body);
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

/// One HTTP request with a JSON body over a fresh connection.
pub fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> std::io::Result<Reply> {
    call_bytes(address, method, path, body.unwrap_or_default().as_bytes())
}

/// [`call`] with a body that need not be text.
pub fn call_bytes(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &[u8],
) -> std::io::Result<Reply> {
    Client::connect(address)?.send(method, path, body)
}

/// One HTTP/1.1 connection that is used for one request after the other.
pub struct Client {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects; an answer that takes longer than 30 s fails.
    pub fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// Sends a request with a JSON body and reads its answer. A server that answers before it has
    /// read the whole body is heard, too.
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> std::io::Result<Reply> {
        self.send_with(method, path, &[("Content-Type", "application/json")], body)
    }

    /// The same with other header fields.
    pub fn send_with(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Reply> {
        let fields: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{fields}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        let sent = self.stream.get_mut().write_all(&request);
        match self.receive() {
            Ok(reply) => Ok(reply),
            Err(error) => Err(sent.err().unwrap_or(error)),
        }
    }

    fn receive(&mut self) -> std::io::Result<Reply> {
        let broken = |what: &str| std::io::Error::other(format!("{what} in the answer"));
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| broken("no status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut reply = Reply { status, headers, body: String::new() };
        let mut body = Vec::new();
        if reply.header("transfer-encoding") == "chunked" {
            loop {
                let size = usize::from_str_radix(self.line()?.trim(), 16);
                let size = size.map_err(|_| broken("a broken chunk"))?;
                let start = body.len();
                body.resize(start + size, 0);
                self.stream.read_exact(&mut body[start..])?;
                self.line()?;
                if size == 0 {
                    break;
                }
            }
        } else {
            body.resize(reply.header("content-length").parse().unwrap_or(0), 0);
            self.stream.read_exact(&mut body)?;
        }
        reply.body = String::from_utf8_lossy(&body).into_owned();
        Ok(reply)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
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
