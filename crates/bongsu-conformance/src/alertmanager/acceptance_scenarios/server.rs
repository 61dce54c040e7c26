//! The binary under test and the endpoints it notifies.
//!
//! In: a configuration. Out: a running process reached over HTTP, and what its webhooks carried.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// One webhook call.
#[derive(Clone)]
pub(super) struct Received {
    /// Seconds after the start of the scenario.
    pub(super) at: f64,
    body: Value,
}

impl Received {
    /// Its alerts.
    pub(super) fn alerts(&self) -> Vec<Value> {
        self.body["alerts"].as_array().cloned().unwrap_or_default()
    }
}

/// A capturing endpoint.
pub(super) struct Hook {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    begun: Arc<OnceLock<Instant>>,
    received: Arc<Mutex<Vec<Received>>>,
}

#[derive(Clone, Copy)]
struct Behaviour {
    ignore_before: f64,
    status: u64,
    delay: f64,
}

impl Hook {
    pub(super) fn start(name: &str, behaviour: &Value) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let begun = Arc::new(OnceLock::new());
        let received = Arc::new(Mutex::new(Vec::new()));
        let behaviour = Behaviour {
            ignore_before: behaviour["ignore_before"].as_f64().unwrap_or(0.0),
            status: behaviour["status"].as_u64().unwrap_or(200),
            delay: behaviour["delay"].as_f64().unwrap_or(0.0),
        };
        let hook = Self { name: name.to_owned(), address, begun, received };
        let (begun, received) = (Arc::clone(&hook.begun), Arc::clone(&hook.received));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (begun, received) = (Arc::clone(&begun), Arc::clone(&received));
                std::thread::spawn(move || serve(stream, behaviour, &begun, &received));
            }
        });
        Ok(hook)
    }

    pub(super) fn begin(&self, begun: Instant) {
        let _ = self.begun.set(begun);
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().map(|all| all.clone()).unwrap_or_default()
    }
}

fn serve(
    stream: TcpStream,
    behaviour: Behaviour,
    begun: &OnceLock<Instant>,
    received: &Mutex<Vec<Received>>,
) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (_, body) = read_message(&mut reader)?;
        let at = begun.get().map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        let mut status = 200;
        if at < behaviour.ignore_before {
            status = behaviour.status;
            std::thread::sleep(Duration::from_secs_f64(behaviour.delay));
        } else if let Ok(body) = serde_json::from_slice(&body) {
            received.lock().ok()?.push(Received { at, body });
        }
        write!(writer, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").ok()?;
    }
}

/// Reads one HTTP message: its first line and body.
fn read_message(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    while chunked {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut piece = vec![0; size + 2];
        reader.read_exact(&mut piece).ok()?;
        piece.truncate(size);
        body.extend_from_slice(&piece);
        chunked = size > 0;
    }
    Some((first, body))
}

/// A running server.
pub(super) struct Server {
    child: Mutex<Child>,
    address: SocketAddr,
    prefix: String,
    folder: tempfile::TempDir,
    /// Instant 0 of the scenario.
    pub(super) epoch: Timestamp,
}

/// The binary: `BONGSU_BIN`, or the one built beside this program.
fn binary() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("BONGSU_BIN") {
        return Ok(path.into());
    }
    let here = std::env::current_exe().map_err(|e| e.to_string())?;
    let path = here.with_file_name("bongsu");
    if path.is_file() { Ok(path) } else { Err(format!("no binary at {}", path.display())) }
}

impl Server {
    pub(super) fn start(
        config: &str,
        flags: &[String],
        features: &[String],
    ) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).map_err(|e| e.to_string())?;
        let mut command = Command::new(binary()?);
        command.arg("alertmanager").arg("--config.file").arg(&file);
        command.args(["--log.level", "debug", "--web.listen-address", "127.0.0.1:0"]);
        command.arg("--storage.path").arg(folder.path());
        command.args(["--cluster.listen-address", "127.0.0.1:0", "--cluster.settle-timeout", "0s"]);
        if !features.is_empty() {
            command.arg("--enable-feature").arg(features.join(","));
        }
        command.args(flags).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| e.to_string())?;
        let stderr = child.stderr.take().ok_or("no standard error")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // The rest is drained so that the server never blocks on it.
                let _ = sender.send(line);
            }
        });
        let prefix = flags
            .iter()
            .position(|flag| flag == "--web.route-prefix")
            .and_then(|at| flags.get(at + 1))
            .cloned()
            .unwrap_or_default();
        let address = match ready(&lines) {
            Ok(address) => address,
            Err(why) => {
                let _ = child.kill();
                return Err(why);
            }
        };
        let mut server =
            Self { child: Mutex::new(child), address, prefix, folder, epoch: Timestamp::now() };
        let status = server.expect("GET", "/api/v2/status", None, 200)?;
        if status["cluster"]["peers"].as_array().is_none_or(Vec::is_empty) {
            return Err(format!("no peers in {status}"));
        }
        server.epoch = Timestamp::now();
        Ok(server)
    }

    /// `base` with relative times made absolute; a missing one becomes the zero time if `zero`.
    pub(super) fn with_times(&self, base: &Value, zero: bool) -> Value {
        let mut value = base.clone();
        for key in ["startsAt", "endsAt"] {
            match base[key].as_f64() {
                Some(seconds) => value[key] = json!(self.instant(seconds)),
                None if zero => value[key] = json!("0001-01-01T00:00:00.000Z"),
                None => {}
            }
        }
        value
    }

    fn instant(&self, seconds: f64) -> String {
        let offset = SignedDuration::from_millis((seconds * 1e3) as i64);
        self.epoch.checked_add(offset).unwrap_or(self.epoch).to_string()
    }

    /// Replaces `$t+N` by an instant.
    pub(super) fn fill_in(&self, word: &str) -> String {
        match word.split_once("$t+") {
            Some((before, seconds)) => {
                format!("{before}{}", self.instant(seconds.parse().unwrap_or(0.0)))
            }
            None => word.to_owned(),
        }
    }

    pub(super) fn write_file(&self, name: &str, content: &str) -> Result<(), String> {
        std::fs::write(self.folder.path().join(name), content).map_err(|e| e.to_string())
    }

    /// Runs amtool against the server; exit code and both outputs together.
    pub(super) fn amtool(&self, words: &[String]) -> Result<(i32, String), String> {
        let output = Command::new(binary()?)
            .arg("amtool")
            .arg(format!("--alertmanager.url=http://{}{}", self.address, self.prefix))
            .args(words)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("USER", "test")
            .output()
            .map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Ok((output.status.code().unwrap_or(-1), text))
    }

    pub(super) fn reload(&self) -> Result<(), String> {
        let id = self.child.lock().map_err(|e| e.to_string())?.id().to_string();
        let status =
            Command::new("kill").args(["-HUP", &id]).status().map_err(|e| e.to_string())?;
        status.success().then_some(()).ok_or_else(|| "SIGHUP failed".to_owned())
    }

    pub(super) fn still_running(&mut self) -> Result<(), String> {
        match self.child.lock().map_err(|e| e.to_string())?.try_wait() {
            Ok(None) => Ok(()),
            other => Err(format!("the server ended: {other:?}")),
        }
    }

    /// One request; status and body.
    pub(super) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, String), String> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(self.address).map_err(|e| e.to_string())?;
        write!(
            stream,
            "{method} {}{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.prefix,
            body.len()
        )
        .map_err(|e| e.to_string())?;
        let mut reader = BufReader::new(stream);
        let (first, body) = read_message(&mut reader).ok_or("no answer")?;
        let status = first.get(9..12).and_then(|s| s.parse().ok()).ok_or("no status")?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// One request that must have this status; its body as JSON.
    pub(super) fn expect(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        status: u16,
    ) -> Result<Value, String> {
        let (got, text) = self.call(method, path, body)?;
        if got != status {
            return Err(format!("{method} {path}: status {got}: {text}"));
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

/// The address from the line that says the server listens.
fn ready(lines: &mpsc::Receiver<String>) -> Result<SocketAddr, String> {
    let until = Instant::now() + Duration::from_secs(5);
    let mut seen = Vec::new();
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if line.contains("Listening on")
            && let Some(address) = line.split("address=").nth(1)
        {
            let address = address.split_whitespace().next().unwrap_or_default().trim_matches('"');
            return address.parse().map_err(|_| format!("odd address in {line}"));
        }
        seen.push(line);
    }
    Err(format!("no line says it listens within 5 s: {}", seen.join("\n")))
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Percent-encodes a query value.
pub(super) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                (byte as char).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
