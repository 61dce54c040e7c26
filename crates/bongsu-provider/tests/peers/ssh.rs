//! OpenSSH.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::ssh::{KnownHost, SshRequest, SshSettings, run};
use bongsu_provider::{CommandAnswer, MAX_OUTPUT_BYTES, TransportError, TransportErrorKind};
use tokio::time::Instant;

use crate::{Peer, done, free_port, is_root, ready};

/// A key as OpenSSH makes it; its public half is authorized.
fn key(folder: &Path, name: &str, words: &[&str], passphrase: &str) -> Secret {
    let path = folder.join(name);
    done(Command::new("ssh-keygen").args(["-q", "-N", passphrase, "-f"]).arg(&path).args(words));
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    let authorized = folder.join("authorized");
    let known = std::fs::read_to_string(&authorized).unwrap_or_default();
    std::fs::write(&authorized, known + &public).unwrap();
    Secret::new(std::fs::read_to_string(&path).unwrap())
}

async fn ask(
    settings: &SshSettings,
    command: &str,
    stdin: &[u8],
) -> Result<CommandAnswer, TransportError> {
    let request = SshRequest { command: command.to_owned(), stdin: stdin.to_vec() };
    let deadline = Instant::now() + Duration::from_secs(30);
    run(settings, &request, &EgressPolicy::open(), deadline).await
}

#[tokio::test]
#[ignore = "needs openssh-server: run cargo xtask peers"]
async fn openssh_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let port = free_port();
    done(
        Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", "ed25519", "-f"])
            .arg(path.join("host")),
    );
    done(
        Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", "rsa", "-f"])
            .arg(path.join("rsa_host")),
    );
    let ed25519 = key(path, "ed25519", &["-t", "ed25519"], "");
    let keys = [
        (ed25519.clone(), None),
        (key(path, "locked", &["-t", "ed25519"], "pass"), Some(Secret::new("pass"))),
        (key(path, "ecdsa", &["-t", "ecdsa"], ""), None),
        (key(path, "rsa", &["-t", "rsa"], ""), None),
        (key(path, "pem", &["-t", "rsa", "-m", "PEM"], ""), None),
    ];
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {0}/host\nHostKey {0}/rsa_host\n\
         AuthorizedKeysFile {0}/authorized\nStrictModes no\nPermitRootLogin yes\nUsePAM no\n\
         PasswordAuthentication no\nPidFile none\nPrintMotd no\n",
        path.display()
    );
    std::fs::write(path.join("config"), config).unwrap();
    if is_root() {
        // Debian's service makes this folder.
        std::fs::create_dir_all("/run/sshd").unwrap();
    }
    let _peer = Peer::start(
        Command::new("/usr/sbin/sshd").args(["-D", "-q", "-f"]).arg(path.join("config")),
    );
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let settings = SshSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: String::from_utf8(user).unwrap().trim().to_owned(),
        password: None,
        key: Some(ed25519),
        passphrase: None,
        known_host: KnownHost::AcceptAny,
    };
    ready(|| ask(&settings, "true", b"")).await;
    for (key, passphrase) in keys {
        let settings = SshSettings { key: Some(key), passphrase, ..settings.clone() };
        let answer = ask(&settings, "cat; echo \"a b\" >&2; exit 7", b"hello").await.unwrap();
        assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("hello", "a b\n"));
        assert_eq!(answer.return_code, 7);
    }
    for name in ["host.pub", "rsa_host.pub"] {
        let public = std::fs::read_to_string(path.join(name)).unwrap();
        let settings = SshSettings { known_host: KnownHost::Pinned(public), ..settings.clone() };
        assert_eq!(ask(&settings, "kill -9 $$", b"").await.unwrap().return_code, 137, "{name}");
    }
    let input = vec![b'x'; 3 * MAX_OUTPUT_BYTES];
    let answer = ask(&settings, "cat; echo end >&2", &input).await.unwrap();
    assert_eq!((answer.stdout.len(), answer.stderr.as_str()), (MAX_OUTPUT_BYTES, "end\n"));
    assert!(answer.stdout_truncated);
    // Nor does a command have to read.
    assert_eq!(ask(&settings, "true", &input).await.unwrap().return_code, 0);

    let unknown = SshSettings { known_host: KnownHost::Unknown, ..settings.clone() };
    let error = ask(&unknown, "true", b"").await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::HostKey);
    let shown = Command::new("ssh-keygen").arg("-lf").arg(path.join("host.pub")).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let fingerprint = shown.split(' ').nth(1).unwrap();
    assert!(error.message.contains(fingerprint), "{error}");
    let pinned = KnownHost::Pinned(fingerprint.to_owned());
    ask(&SshSettings { known_host: pinned, ..settings }, "true", b"").await.unwrap();
}
