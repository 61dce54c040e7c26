//! A mail server that records the conversation and keeps the messages.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::background::{Log, listen, runtime};

/// One message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The envelope sender.
    pub from: String,
    /// The envelope recipients.
    pub to: Vec<String>,
    /// The message with its dots unstuffed, lines ended by CRLF.
    pub data: String,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// The mechanism and what it proved, for example `PLAIN identity user password`.
    pub authenticated: Option<String>,
}

/// How the server behaves.
#[derive(Clone, Default)]
pub struct Behaviour {
    /// Certificates for TLS; needed by the two settings below.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// TLS from the first byte.
    pub implicit_tls: bool,
    /// Offer STARTTLS.
    pub starttls: bool,
    /// Mechanisms offered, for example `["PLAIN", "LOGIN"]`.
    pub auth: Vec<&'static str>,
    /// Further extensions offered, for example `8BITMIME`.
    pub extensions: Vec<&'static str>,
    /// Replies instead of the usual ones, by verb (`MAIL`, `RCPT`, `DATA`, `.` for the end of the
    /// message, `GREETING`, `AUTH`, `EHLO`, `QUIT` …). An empty reply is silence for good.
    pub replies: HashMap<&'static str, &'static str>,
}

struct Shared {
    behaviour: Behaviour,
    dialogue: Mutex<Vec<String>>,
    messages: Log<Message>,
}

/// The server; it stops when dropped.
pub struct SmtpSink {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl SmtpSink {
    /// Starts a server.
    pub fn start(behaviour: Behaviour) -> Self {
        let (address, listener) = listen();
        let shared =
            Arc::new(Shared { behaviour, dialogue: Mutex::default(), messages: Log::new() });
        let serving = shared.clone();
        let accepting = runtime().spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = serving.clone();
                connections.spawn(async move {
                    let tls = shared.behaviour.tls.clone().map(TlsAcceptor::from);
                    match tls.filter(|_| shared.behaviour.implicit_tls) {
                        Some(tls) => {
                            let stream = tls.accept(stream).await?;
                            converse(stream, true, &shared, true).await
                        }
                        None => plain(stream, &shared).await,
                    }
                });
            }
        });
        Self { address, shared, accepting: accepting.abort_handle() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was said: `C: ` a command, `D: ` a line of a message as sent (dots still stuffed). The
    /// final dot and `QUIT` are not listed.
    pub fn dialogue(&self) -> Vec<String> {
        self.shared.dialogue.lock().clone()
    }

    /// The messages taken so far.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.messages.all()
    }

    /// Waits until `count` messages were taken; after `within` returns what is there.
    pub async fn wait_for(&self, count: usize, within: Duration) -> Vec<Message> {
        self.shared.messages.wait_for(count, within).await
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn plain(stream: tokio::net::TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut session = Session::new(stream, false, shared);
    session.greet().await?;
    if session.run().await? == Next::Upgrade {
        let acceptor = TlsAcceptor::from(shared.behaviour.tls.clone().unwrap());
        let stream = acceptor.accept(session.stream.into_inner()).await?;
        return converse(stream, true, shared, false).await;
    }
    Ok(())
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    encrypted: bool,
    shared: &Shared,
    greet: bool,
) -> std::io::Result<()> {
    let mut session = Session::new(stream, encrypted, shared);
    if greet {
        session.greet().await?;
    }
    session.run().await.map(drop)
}

#[derive(PartialEq, Eq)]
enum Next {
    Upgrade,
    Closed,
}

struct Session<'a, S> {
    stream: BufReader<S>,
    encrypted: bool,
    shared: &'a Shared,
    from: String,
    to: Vec<String>,
    authenticated: Option<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    fn new(stream: S, encrypted: bool, shared: &'a Shared) -> Self {
        let stream = BufReader::new(stream);
        Self { stream, encrypted, shared, from: String::new(), to: Vec::new(), authenticated: None }
    }

    async fn greet(&mut self) -> std::io::Result<()> {
        self.reply("GREETING", "220 sink.test ESMTP").await.map(drop)
    }

    /// Sends the scripted reply of a step, or the usual one; whether the usual one was sent.
    async fn reply(&mut self, step: &str, usual: &str) -> std::io::Result<bool> {
        let scripted = self.shared.behaviour.replies.get(step).copied();
        if scripted == Some("") {
            std::future::pending::<()>().await;
        }
        self.say(scripted.unwrap_or(usual)).await?;
        Ok(scripted.is_none())
    }

    async fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    async fn hear(&mut self) -> std::io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        Ok(Some(text.strip_suffix("\r\n").unwrap_or(&text).to_owned()))
    }

    async fn run(&mut self) -> std::io::Result<Next> {
        while let Some(line) = self.hear().await? {
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            if verb != "QUIT" {
                self.shared.dialogue.lock().push(format!("C: {line}"));
            }
            let argument = line.split_once(' ').map_or("", |(_, rest)| rest);
            match verb.as_str() {
                "EHLO" => self.hello().await?,
                "STARTTLS" if self.shared.behaviour.starttls => {
                    if self.reply("STARTTLS", "220 go ahead").await? {
                        return Ok(Next::Upgrade);
                    }
                }
                "AUTH" => self.authenticate(argument).await?,
                "MAIL" => {
                    if self.reply("MAIL", "250 sender ok").await? {
                        self.from = path_of(argument);
                        self.to.clear();
                    }
                }
                "RCPT" => {
                    if self.reply("RCPT", "250 recipient ok").await? {
                        self.to.push(path_of(argument));
                    }
                }
                "DATA" => {
                    if self.reply("DATA", "354 end with a dot").await? {
                        self.take_message().await?;
                    }
                }
                "QUIT" => {
                    self.reply("QUIT", "221 bye").await?;
                    return Ok(Next::Closed);
                }
                "HELO" | "RSET" | "NOOP" => drop(self.reply(&verb, "250 ok").await?),
                _ => self.say("502 not known").await?,
            }
        }
        Ok(Next::Closed)
    }

    async fn hello(&mut self) -> std::io::Result<()> {
        let behaviour = &self.shared.behaviour;
        let mut offers = vec!["sink.test".to_owned()];
        offers.extend(behaviour.extensions.iter().map(|name| (*name).to_owned()));
        if behaviour.starttls && !self.encrypted {
            offers.push("STARTTLS".to_owned());
        }
        if !behaviour.auth.is_empty() {
            offers.push(format!("AUTH {}", behaviour.auth.join(" ")));
        }
        let last = offers.pop().unwrap_or_default();
        let mut text: String = offers.iter().map(|offer| format!("250-{offer}\r\n")).collect();
        text.push_str(&format!("250 {last}"));
        self.reply("EHLO", &text).await.map(drop)
    }

    /// The three mechanisms. What was shown is recorded, not judged: script `AUTH` to refuse.
    async fn authenticate(&mut self, argument: &str) -> std::io::Result<()> {
        let (mechanism, initial) = argument.split_once(' ').unwrap_or((argument, ""));
        let shown = match mechanism {
            "PLAIN" => decoded(initial).replace('\0', " "),
            "LOGIN" => {
                let user = self.challenge("Username:").await?;
                let password = self.challenge("Password:").await?;
                format!("{user} {password}")
            }
            "CRAM-MD5" => self.challenge("<1896.697170952@sink.test>").await?,
            _ => return self.say("504 mechanism not known").await,
        };
        if self.reply("AUTH", "235 welcome").await? {
            self.authenticated = Some(format!("{mechanism} {}", shown.trim_start()));
        }
        Ok(())
    }

    async fn challenge(&mut self, text: &str) -> std::io::Result<String> {
        self.say(&format!("334 {}", STANDARD.encode(text))).await?;
        Ok(decoded(&self.hear().await?.unwrap_or_default()))
    }

    async fn take_message(&mut self) -> std::io::Result<()> {
        let mut data = String::new();
        while let Some(line) = self.hear().await? {
            if line == "." {
                break;
            }
            self.shared.dialogue.lock().push(format!("D: {line}"));
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
        }
        if self.reply(".", "250 taken").await? {
            self.shared.messages.push(Message {
                from: self.from.clone(),
                to: self.to.clone(),
                data,
                encrypted: self.encrypted,
                authenticated: self.authenticated.clone(),
            });
        }
        Ok(())
    }
}

fn decoded(text: &str) -> String {
    STANDARD.decode(text).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
}

/// The address of `FROM:<a@b> BODY=…` or `TO:<a@b>`.
fn path_of(argument: &str) -> String {
    let open = argument.find('<').map_or(0, |at| at + 1);
    let close = argument.find('>').unwrap_or(argument.len());
    argument.get(open..close).unwrap_or_default().to_owned()
}
