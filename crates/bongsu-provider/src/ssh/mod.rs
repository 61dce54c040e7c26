//! One command on another machine.
//!
//! In: [`SshSettings`], a command and what it reads, a deadline. Out: its outputs and return code.
//! Nothing is sent before the machine's key is known: see [`KnownHost`]. Of the machine's agents,
//! forwardings and terminals nothing is asked.

mod host_key;
mod login;

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use russh::{ChannelMsg, Disconnect, Sig, client};
use tokio::time::{Instant, timeout, timeout_at};

use crate::command::{CommandAnswer, Kept};
use crate::egress::{EgressPolicy, connect};
use crate::error::{TransportError, TransportErrorKind};
use host_key::Guard;

pub use host_key::KnownHost;

/// The largest command, in bytes.
pub const MAX_COMMAND_BYTES: usize = 256 * 1024;

/// How long the last messages of a connection may take to be handed over.
const FAREWELL: Duration = Duration::from_millis(500);

/// A machine and how to log in.
#[derive(Clone, Debug)]
pub struct SshSettings {
    /// Machine name or address.
    pub host: String,
    /// Port; 22 by convention.
    pub port: u16,
    /// User.
    pub username: String,
    /// Password, also for keyboard-interactive logins; tried after the key.
    pub password: Option<Secret>,
    /// Private key: OpenSSH, PEM or PuTTY text.
    pub key: Option<Secret>,
    /// What the key is encrypted with.
    pub passphrase: Option<Secret>,
    /// How the machine is recognised.
    pub known_host: KnownHost,
}

/// One command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshRequest {
    /// What the user's login shell over there is given.
    pub command: String,
    /// What the command reads; nothing when empty.
    pub stdin: Vec<u8>,
}

/// Runs a command to its end.
///
/// # Errors
/// `HostKey` when the machine is not the one known, with its fingerprint; `Credentials` when the
/// login is refused; `Timeout` at the deadline, after which the connection is closed.
pub async fn run(
    settings: &SshSettings,
    request: &SshRequest,
    policy: &EgressPolicy,
    deadline: Instant,
) -> Result<CommandAnswer, TransportError> {
    let invalid = |text: &str| TransportError::new(TransportErrorKind::Request, text);
    if request.command.is_empty() {
        return Err(invalid("the SSH command is empty"));
    }
    if request.command.len() > MAX_COMMAND_BYTES {
        return Err(invalid("the SSH command is larger than 256 KiB"));
    }
    let peer = format!("ssh {}:{}", settings.host, settings.port);
    let key = login::key(settings)?;
    let (guard, algorithms) = Guard::new(&settings.known_host, &peer)?;
    let stream = connect(policy, &settings.host, settings.port, deadline).await?;
    let mut preferred = russh::Preferred::DEFAULT;
    if let Some(algorithms) = algorithms {
        preferred.key = algorithms.into();
    }
    let config = Arc::new(client::Config { preferred, nodelay: true, ..client::Config::default() });
    let late = |_| TransportError::timeout(&peer);
    let mut session = timeout_at(deadline, client::connect_stream(config, stream, guard))
        .await
        .map_err(late)??;
    let answer = async {
        let login = login::login(&mut session, settings, key, &peer);
        timeout_at(deadline, login).await.map_err(late)??;
        command(&session, request, &peer, deadline).await
    }
    .await;
    // A courtesy; the connection closes with the session.
    let farewell = session.disconnect(Disconnect::ByApplication, "", "en");
    timeout(FAREWELL, farewell).await.ok();
    answer
}

async fn command(
    session: &client::Handle<Guard>,
    request: &SshRequest,
    peer: &str,
    deadline: Instant,
) -> Result<CommandAnswer, TransportError> {
    let failed = |error: russh::Error| broken(peer, &error);
    let late = |_| TransportError::timeout(peer);
    let opening = session.channel_open_session();
    let channel = timeout_at(deadline, opening).await.map_err(late)?.map_err(failed)?;
    let (mut incoming, outgoing) = channel.split();
    let asking = outgoing.exec(true, request.command.as_bytes());
    timeout_at(deadline, asking).await.map_err(late)?.map_err(failed)?;
    let feed = async {
        // A command need not read what it is given.
        if !request.stdin.is_empty() {
            outgoing.data(request.stdin.as_slice()).await.ok();
        }
        outgoing.eof().await.ok();
    };
    let receive = async {
        let (mut out, mut err, mut code) = (Kept::default(), Kept::default(), None);
        while let Some(message) = incoming.wait().await {
            match message {
                ChannelMsg::Data { data } => out.push(&data),
                // 1 is the only kind of extended data there is.
                ChannelMsg::ExtendedData { data, ext: 1 } => err.push(&data),
                ChannelMsg::ExitStatus { exit_status } => code = Some(exit_status.cast_signed()),
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    code = Some(128 + number(&signal_name));
                }
                ChannelMsg::Failure => {
                    let text = format!("{peer}: the command is refused");
                    return Err(TransportError::new(TransportErrorKind::Refused, text));
                }
                _ => {}
            }
        }
        let code = code.ok_or_else(|| {
            let text = format!("{peer}: the connection closed before the command ended");
            TransportError::new(TransportErrorKind::Protocol, text)
        })?;
        Ok(CommandAnswer::new(&out, &err, code))
    };
    let answer = timeout_at(deadline, async {
        // The answer counts, whether or not everything was read over there.
        let mut receive = std::pin::pin!(receive);
        tokio::select! {
            answer = &mut receive => answer,
            () = feed => receive.await,
        }
    });
    let answer = answer.await;
    if answer.is_err() {
        // A command that ignores the end of its connection would live on.
        let kill = async {
            outgoing.signal(Sig::KILL).await.ok();
            outgoing.close().await.ok();
        };
        timeout(FAREWELL, kill).await.ok();
    }
    answer.map_err(late)?
}

fn number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 0,
    }
}

fn broken(peer: &str, error: &russh::Error) -> TransportError {
    TransportError::new(TransportErrorKind::Protocol, format!("{peer}: {error}"))
}
