//! A machine one logs in to: it records who asked for what, and answers as scripted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use tokio::task::AbortHandle;

use crate::background::{Log, listen, runtime};

/// One command that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who logged in.
    pub user: String,
    /// What the login shell would be given.
    pub command: String,
}

/// What a command gives.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Its output.
    pub stdout: String,
    /// Its return code.
    pub code: u32,
}

type Respond = dyn Fn(&Asked) -> Reply + Send + Sync;

struct Shared {
    log: Log<Asked>,
    key: PrivateKey,
    respond: Box<Respond>,
}

/// The machine; it stops when dropped. One key opens it, whoever shows it.
pub struct SshServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl SshServer {
    /// A machine that answers every command with what the function returns.
    pub fn responding(respond: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let (address, listener) = listen();
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let shared = Arc::new(Shared { log: Log::new(), key, respond: Box::new(respond) });
        let config = Arc::new(Config {
            keys: vec![PrivateKey::from(Ed25519Keypair::from_seed(&[1; 32]))],
            auth_rejection_time: Duration::ZERO,
            ..Config::default()
        });
        let serving = shared.clone();
        let accepting = runtime().spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let login = Login { shared: serving.clone(), user: String::new() };
                let config = config.clone();
                connections.spawn(async move {
                    let Ok(session) = russh::server::run_stream(config, stream, login).await else {
                        return;
                    };
                    drop(session.await);
                });
            }
        });
        Self { address, shared, accepting: accepting.abort_handle() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The private key that opens it, as OpenSSH writes it.
    pub fn key(&self) -> String {
        self.shared.key.to_openssh(LineEnding::LF).unwrap().to_string()
    }

    /// What was asked so far, oldest first.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.log.all()
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Login {
    shared: Arc<Shared>,
    user: String,
}

impl Handler for Login {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        if key.public_key.key_data() != self.shared.key.public_key().key_data() {
            return Ok(Auth::reject());
        }
        user.clone_into(&mut self.user);
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let command = String::from_utf8_lossy(data).into_owned();
        let asked = Asked { user: self.user.clone(), command };
        let reply = (self.shared.respond)(&asked);
        self.shared.log.push(asked);
        session.channel_success(channel)?;
        session.data(channel, reply.stdout.into_bytes())?;
        session.exit_status_request(channel, reply.code)?;
        session.eof(channel)?;
        session.close(channel)
    }
}
