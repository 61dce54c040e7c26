//! Commands and replies (RFC 5321).

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Duration, Instant, timeout_at};

use super::{DELIVERY_LIMIT, STEP_LIMIT, SmtpError, SmtpStep};
use crate::error::TransportErrorKind;
use crate::stream::Link;

/// Longest reply, all its lines together, in bytes.
const MAX_REPLY: u64 = 64 * 1024;

/// A server's reply.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The text of its lines, joined by line feeds.
    pub(super) text: String,
}

/// A connection to a server and what it said about itself.
pub(super) struct Conversation {
    stream: BufReader<Link>,
    hello: String,
    /// Keyword and parameters of each extension offered.
    extensions: Vec<(String, String)>,
    pub(super) encrypted: bool,
    deadline: Instant,
}

impl Conversation {
    pub(super) fn new(stream: Link, encrypted: bool, hello: &str, deadline: Instant) -> Self {
        let hello = if hello.is_empty() { "localhost" } else { hello }.to_owned();
        let stream = BufReader::new(stream);
        Self { stream, hello, extensions: Vec::new(), encrypted, deadline }
    }

    /// The stream under the conversation.
    pub(super) fn into_stream(self) -> Result<Link, SmtpError> {
        if self.stream.buffer().is_empty() {
            return Ok(self.stream.into_inner());
        }
        let text = "the server went on talking in plain text";
        Err(SmtpError::local(SmtpStep::StartTls, TransportErrorKind::Protocol, text))
    }

    /// The parameters of an extension, when it is offered.
    pub(super) fn offers(&self, keyword: &str) -> Option<&str> {
        let mut known = self.extensions.iter();
        known.find(|(name, _)| name == keyword).map(|(_, parameters)| parameters.as_str())
    }

    pub(super) async fn greeting(&mut self) -> Result<(), SmtpError> {
        let reply = self.reply(SmtpStep::Greeting, STEP_LIMIT).await?;
        expect(SmtpStep::Greeting, reply, 220).map(drop)
    }

    /// `EHLO`; a server that does not know it is greeted with `HELO` and offers nothing.
    pub(super) async fn hello(&mut self) -> Result<(), SmtpError> {
        let extended = format!("EHLO {}", self.hello);
        let reply = self.ask(SmtpStep::Hello, &extended).await?;
        if reply.code != 250 {
            self.extensions.clear();
            let plain = format!("HELO {}", self.hello);
            return self.command(SmtpStep::Hello, &plain, 250).await.map(drop);
        }
        let offers = reply.text.lines().skip(1).map(|line| {
            let (keyword, parameters) = line.split_once(' ').unwrap_or((line, ""));
            (keyword.to_ascii_uppercase(), parameters.to_owned())
        });
        self.extensions = offers.collect();
        Ok(())
    }

    /// Sends a command and checks the code of the reply.
    pub(super) async fn command(
        &mut self,
        step: SmtpStep,
        line: &str,
        code: u16,
    ) -> Result<Reply, SmtpError> {
        let reply = self.ask(step, line).await?;
        expect(step, reply, code)
    }

    /// Sends a command and gives whatever is replied.
    pub(super) async fn ask(&mut self, step: SmtpStep, line: &str) -> Result<Reply, SmtpError> {
        let mut bytes = Vec::with_capacity(line.len() + 2);
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        self.write(step, &bytes, STEP_LIMIT).await?;
        self.reply(step, STEP_LIMIT).await
    }

    /// `MAIL FROM` and `RCPT TO`.
    pub(super) async fn envelope(&mut self, from: &str, to: &[String]) -> Result<(), SmtpError> {
        let mut line = format!("MAIL FROM:<{from}>");
        if self.offers("8BITMIME").is_some() {
            line.push_str(" BODY=8BITMIME");
        }
        if self.offers("SMTPUTF8").is_some() {
            line.push_str(" SMTPUTF8");
        }
        self.command(SmtpStep::Mail, &line, 250).await?;
        for recipient in to {
            let reply = self.ask(SmtpStep::Recipient, &format!("RCPT TO:<{recipient}>")).await?;
            // 251: the server will pass it on to another address.
            if !matches!(reply.code, 250 | 251) {
                return expect(SmtpStep::Recipient, reply, 250).map(drop);
            }
        }
        Ok(())
    }

    /// `DATA` and the message.
    pub(super) async fn data(&mut self, message: &[u8]) -> Result<(), SmtpError> {
        self.command(SmtpStep::Data, "DATA", 354).await?;
        self.write(SmtpStep::Delivery, &stuffed(message), DELIVERY_LIMIT).await?;
        let reply = self.reply(SmtpStep::Delivery, DELIVERY_LIMIT).await?;
        expect(SmtpStep::Delivery, reply, 250).map(drop)
    }

    /// Says goodbye. The message has been accepted, so whatever happens here is of no interest.
    pub(super) async fn quit(&mut self) {
        self.deadline = self.deadline.min(Instant::now() + Duration::from_secs(5));
        if let Err(error) = self.ask(SmtpStep::Delivery, "QUIT").await {
            tracing::debug!(error = %error.message, "mail server did not answer QUIT");
        }
    }

    async fn write(
        &mut self,
        step: SmtpStep,
        bytes: &[u8],
        limit: Duration,
    ) -> Result<(), SmtpError> {
        let until = self.deadline.min(Instant::now() + limit);
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        settle(step, timeout_at(until, writing).await)
    }

    async fn reply(&mut self, step: SmtpStep, limit: Duration) -> Result<Reply, SmtpError> {
        let until = self.deadline.min(Instant::now() + limit);
        settle(step, timeout_at(until, read_reply(&mut self.stream)).await)
    }
}

fn settle<T>(
    step: SmtpStep,
    done: Result<std::io::Result<T>, tokio::time::error::Elapsed>,
) -> Result<T, SmtpError> {
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            Err(SmtpError::local(step, TransportErrorKind::Protocol, error.to_string()))
        }
        Err(_) => Err(SmtpError::local(step, TransportErrorKind::Timeout, "time limit reached")),
    }
}

/// A reply of one or more lines (`250-…`, `250 …`).
async fn read_reply(stream: &mut BufReader<Link>) -> std::io::Result<Reply> {
    let broken = |text: &str| std::io::Error::other(text.to_owned());
    let mut limited = stream.take(MAX_REPLY);
    let mut text = String::new();
    loop {
        let mut line = Vec::new();
        limited.read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            let long = limited.limit() == 0;
            return Err(broken(if long { "the reply is too long" } else { "connection closed" }));
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
        let Some(code) = code.filter(|code| (100..600).contains(code)) else {
            return Err(broken(&format!("not an SMTP reply: {line:?}")));
        };
        text.push_str(line.get(4..).unwrap_or_default());
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(Reply { code, text });
        }
        text.push('\n');
    }
}

/// The reply when it has the code awaited, else the server's words as error.
pub(super) fn expect(step: SmtpStep, reply: Reply, code: u16) -> Result<Reply, SmtpError> {
    if reply.code == code {
        return Ok(reply);
    }
    let kind = match step {
        SmtpStep::Auth => TransportErrorKind::Credentials,
        _ => TransportErrorKind::Protocol,
    };
    let message = format!("{} {}", reply.code, reply.text);
    Err(SmtpError { step, code: Some(reply.code), kind, message, retry: true })
}

/// A message as `DATA` wants it: lines end with CRLF, a dot at the start of a line is doubled, a
/// line with one dot ends it.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 32 + 5);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_framed() {
        for (message, expected) in [
            ("", ".\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\nb\n", "a\r\nb\r\n.\r\n"),
            (".\n..x\n a.\n", "..\r\n...x\r\n a.\r\n.\r\n"),
            ("\n.\r\n", "\r\n..\r\n.\r\n"),
        ] {
            let framed = stuffed(message.as_bytes());
            assert_eq!(std::str::from_utf8(&framed).unwrap(), expected, "{message:?}");
        }
    }

    proptest::proptest! {
        /// No message can end itself early or change on the way.
        #[test]
        fn what_is_framed_can_be_unframed(message in "(\\.|a|é|\r?\n){0,40}") {
            let framed = String::from_utf8(stuffed(message.as_bytes())).unwrap();
            let body = framed.strip_suffix(".\r\n").unwrap();
            proptest::prop_assert!(!framed[..framed.len() - 3].split("\r\n").any(|line| line == "."));
            let mut plain = String::new();
            for line in body.split_inclusive("\r\n") {
                plain.push_str(line.strip_prefix('.').unwrap_or(line));
            }
            let mut expected = message.replace("\r\n", "\n");
            if !expected.is_empty() && !expected.ends_with('\n') {
                expected.push('\n');
            }
            proptest::prop_assert_eq!(plain.replace("\r\n", "\n"), expected);
        }
    }

    #[tokio::test]
    async fn replies() {
        for (sent, expected) in [
            ("250 ok\r\n", Ok((250, "ok"))),
            ("250\r\n", Ok((250, ""))),
            ("250-a\r\n250-B c\n250 d\r\n", Ok((250, "a\nB c\nd"))),
            ("554 5.7.1 no\r\nrest", Ok((554, "5.7.1 no"))),
            ("25", Err("connection closed")),
            ("", Err("connection closed")),
            ("HTTP/1.1 200 OK\r\n", Err("not an SMTP reply: \"HTTP/1.1 200 OK\"")),
            ("999 x\r\n", Err("not an SMTP reply: \"999 x\"")),
        ] {
            let stream: Link = Box::new(std::io::Cursor::new(sent.as_bytes().to_vec()));
            let reply = read_reply(&mut BufReader::new(stream)).await;
            let seen = reply.map(|r| (r.code, r.text)).map_err(|e| e.to_string());
            let expected = expected.map(|(c, t)| (c, t.to_owned())).map_err(str::to_owned);
            assert_eq!(seen, expected, "{sent:?}");
        }
        let endless = "250-x\r\n".repeat(20_000);
        let stream: Link = Box::new(std::io::Cursor::new(endless.into_bytes()));
        let error = read_reply(&mut BufReader::new(stream)).await.unwrap_err();
        assert_eq!(error.to_string(), "the reply is too long");
    }
}
