//! Commands on an SSH server of our own.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::ssh::{KnownHost, SshRequest, SshSettings, run};
use bongsu_provider::{CommandAnswer, MAX_OUTPUT_BYTES, TransportError, TransportErrorKind};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{HashAlg, PrivateKey, ssh_key};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// A key of this number, the same in every run.
fn key(seed: u8) -> PrivateKey {
    let pair = ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]);
    PrivateKey::new(pair.into(), "test").unwrap()
}

const HOST: u8 = 1;
const USER: u8 = 2;

fn fingerprint() -> String {
    key(HOST).public_key().fingerprint(HashAlg::Sha256).to_string()
}

/// `ada` may log in with her key, `bob` with a password, `eve` only by answering questions.
#[derive(Default)]
struct Machine {
    input: Vec<u8>,
    command: String,
}

impl Handler for Machine {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        shown: russh::server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        let known = shown.public_key.key_data() == key(USER).public_key().key_data();
        Ok(if user == "ada" && known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(if user == "bob" && password == "secret" { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(mut response) = response else {
            let prompts = Cow::Owned(vec![(Cow::Borrowed("Password: "), false)]);
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts });
        };
        let right = response.next().is_some_and(|answer| &*answer == b"secret");
        Ok(if user == "eve" && right { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.command = String::from_utf8_lossy(data).into_owned();
        if self.command == "forbidden" {
            return session.channel_failure(channel);
        }
        session.channel_success(channel)
    }

    async fn data(
        &mut self,
        _channel: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.input.extend_from_slice(data);
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.command.as_str() {
            "echo" => {
                session.data(channel, std::mem::take(&mut self.input))?;
                session.extended_data(channel, 1, b"said".to_vec())?;
                session.exit_status_request(channel, 3)?;
            }
            "flood" => {
                session.data(channel, vec![b'x'; 3 * MAX_OUTPUT_BYTES / 2])?;
                session.exit_status_request(channel, 0)?;
            }
            "hang" => return Ok(()),
            _ => {}
        }
        session.eof(channel)?;
        session.close(channel)
    }
}

async fn machine() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(Config {
        keys: vec![key(HOST)],
        auth_rejection_time: Duration::ZERO,
        methods: MethodSet::from(
            &[MethodKind::PublicKey, MethodKind::Password, MethodKind::KeyboardInteractive][..],
        ),
        ..Config::default()
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let config = config.clone();
            tokio::spawn(async move {
                let running = russh::server::run_stream(config, stream, Machine::default()).await;
                if let Ok(running) = running {
                    running.await.ok();
                }
            });
        }
    });
    port
}

fn settings(port: u16, user: &str) -> SshSettings {
    SshSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: user.to_owned(),
        password: Some(Secret::new("secret")),
        key: None,
        passphrase: None,
        known_host: KnownHost::Pinned(fingerprint()),
    }
}

async fn ask(settings: &SshSettings, command: &str) -> Result<CommandAnswer, TransportError> {
    let request = SshRequest { command: command.to_owned(), stdin: b"hello".to_vec() };
    let deadline = Instant::now() + Duration::from_secs(30);
    run(settings, &request, &EgressPolicy::open(), deadline).await
}

#[tokio::test]
async fn every_login_runs_a_command() {
    let port = machine().await;
    let plain = key(USER).to_openssh(LineEnding::LF).unwrap().to_string();
    let by_key =
        SshSettings { password: None, key: Some(Secret::new(plain)), ..settings(port, "ada") };
    for settings in [by_key, settings(port, "bob"), settings(port, "eve")] {
        let answer = ask(&settings, "echo").await.unwrap();
        assert_eq!(
            answer,
            CommandAnswer {
                stdout: "hello".to_owned(),
                stderr: "said".to_owned(),
                return_code: 3,
                stdout_truncated: false,
                stderr_truncated: false,
            }
        );
    }
    let answer = ask(&settings(port, "bob"), "flood").await.unwrap();
    assert_eq!(answer.stdout.len(), MAX_OUTPUT_BYTES);
    assert!(answer.stdout_truncated && !answer.stderr_truncated);
}

#[tokio::test]
async fn a_machine_must_be_known() {
    let port = machine().await;
    let with = |known_host| SshSettings { known_host, ..settings(port, "bob") };
    let public = key(HOST).public_key().to_openssh().unwrap();
    for known in [
        fingerprint(),
        public.clone(),
        format!("# comment\n[127.0.0.1]:22 {public}\n"),
        format!("SHA256:{}\n{}", "A".repeat(43), fingerprint()),
    ] {
        ask(&with(KnownHost::Pinned(known.clone())), "echo").await.expect(&known);
    }
    ask(&with(KnownHost::AcceptAny), "echo").await.unwrap();

    let error = ask(&with(KnownHost::Unknown), "echo").await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::HostKey);
    assert!(error.message.contains(&fingerprint()), "a person can pin it: {error}");

    let other = key(9).public_key().to_openssh().unwrap();
    for known in [other, format!("SHA256:{}", "A".repeat(43))] {
        let error = ask(&with(KnownHost::Pinned(known)), "echo").await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::HostKey);
        assert!(error.message.ends_with("not the one that is known"), "{error}");
    }
    for known in ["nonsense", "@cert-authority * ssh-ed25519 AAAA", "MD5:aa:bb"] {
        let error = ask(&with(KnownHost::Pinned(known.to_owned())), "echo").await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Request, "{known}: {error}");
    }
}

#[tokio::test]
async fn logins_that_fail_say_why() {
    let port = machine().await;
    let locked = key(USER).encrypt(&mut rand_core(), "pass").unwrap();
    let locked = locked.to_openssh(LineEnding::LF).unwrap().to_string();
    let with_key = |text: &str, passphrase: Option<&str>| SshSettings {
        password: None,
        key: Some(Secret::new(text)),
        passphrase: passphrase.map(Secret::new),
        ..settings(port, "ada")
    };
    ask(&with_key(&locked, Some("pass")), "echo").await.unwrap();
    let other = key(9).to_openssh(LineEnding::LF).unwrap().to_string();
    let wrong = SshSettings { password: Some(Secret::new("hidden")), ..settings(port, "bob") };
    for (settings, expected) in [
        (with_key(&locked, None), "the private key is encrypted and no passphrase is set"),
        (with_key(&locked, Some("no")), "the private key cannot be read with this passphrase"),
        (with_key("hidden", None), "the private key cannot be read"),
        (with_key(&other, None), "ada may not log in with key"),
        (wrong, "bob may not log in with password"),
        (
            SshSettings { password: None, ..settings(port, "bob") },
            "bob may not log in with nothing",
        ),
    ] {
        let error = ask(&settings, "echo").await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Credentials, "{error}");
        assert!(error.message.ends_with(expected), "{error}");
    }
}

fn rand_core() -> impl ssh_key::rand_core::CryptoRng {
    russh::keys::key::safe_rng()
}

#[tokio::test]
async fn commands_that_fail() {
    let port = machine().await;
    let bob = settings(port, "bob");
    for (command, kind) in [
        ("", TransportErrorKind::Request),
        ("forbidden", TransportErrorKind::Refused),
        ("vanish", TransportErrorKind::Protocol),
    ] {
        assert_eq!(ask(&bob, command).await.unwrap_err().kind, kind, "{command}");
    }
    let request = SshRequest { command: "hang".to_owned(), stdin: Vec::new() };
    let deadline = Instant::now() + Duration::from_millis(1500);
    let error = run(&bob, &request, &EgressPolicy::open(), deadline).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout);
    let error = run(&bob, &request, &EgressPolicy::guarded(), deadline).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Policy);
}
