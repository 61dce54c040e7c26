//! One statement to PostgreSQL, in the extended protocol with text in both directions.

mod login;
mod value;

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;
use tokio::time::Instant;

use super::table::Table;
use super::{Access, MAX_WIRE_BYTES, ServerSettings, SqlAnswer, SqlRequest, milliseconds_left};
use crate::egress::{EgressPolicy, connect};
use crate::error::{TransportError, TransportErrorKind};
use crate::wire::Wire;

/// The format code of text.
const TEXT: i16 = 0;

pub(super) async fn run(
    server: &ServerSettings,
    request: &SqlRequest,
    policy: &EgressPolicy,
    deadline: Instant,
) -> Result<SqlAnswer, TransportError> {
    let stream = connect(policy, &server.host, server.port, deadline).await?;
    let peer = format!("postgresql {}:{}", server.host, server.port);
    let mut wire = Wire::new(Box::new(stream), &peer, deadline, MAX_WIRE_BYTES);
    if let Some(tls) = &server.tls {
        let mut ask = BytesMut::new();
        frontend::ssl_request(&mut ask);
        wire.write(&ask).await?;
        if wire.array::<1>().await? != *b"S" {
            let text = format!("TLS is required but {peer} does not offer it");
            return Err(TransportError::new(TransportErrorKind::Tls, text));
        }
        wire = wire.secure(tls, &server.host).await?;
    }
    let mut session = Session { wire };
    login::login(&mut session, server).await?;
    session.prepare_session(request.access, deadline).await?;
    let answer = session.statement(request).await?;
    let mut farewell = BytesMut::new();
    frontend::terminate(&mut farewell);
    // A courtesy; the answer is there.
    session.wire.write(&farewell).await.ok();
    Ok(answer)
}

/// A message of the server: its letter and its body.
struct Message {
    tag: u8,
    body: Vec<u8>,
}

struct Session {
    wire: Wire,
}

impl Session {
    async fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
    ) -> Result<(), TransportError> {
        let mut bytes = BytesMut::new();
        write(&mut bytes).map_err(|error| {
            // A NUL in a text is the one thing that cannot be written.
            TransportError::new(TransportErrorKind::Request, error.to_string())
        })?;
        self.wire.write(&bytes).await
    }

    /// The next message, without the ones that may come at any time: parameters (`S`), notices
    /// (`N`), notifications (`A`).
    async fn receive(&mut self) -> Result<Message, TransportError> {
        loop {
            let [tag, length @ ..] = self.wire.array::<5>().await?;
            let length = u32::from_be_bytes(length);
            let length = length.checked_sub(4).and_then(|length| usize::try_from(length).ok());
            let length = length.ok_or_else(|| self.wire.broken("a message has no length"))?;
            let body = self.wire.read(length).await?;
            if !matches!(tag, b'S' | b'N' | b'A') {
                return Ok(Message { tag, body });
            }
        }
    }

    /// Messages up to the one that says "ready", each given to `each`; afterwards the server's
    /// refusal if there was one.
    async fn until_ready(
        &mut self,
        mut each: impl FnMut(&Message) -> Result<(), &'static str>,
    ) -> Result<(), TransportError> {
        let mut refusal = None;
        loop {
            let message = match self.receive().await {
                Ok(message) => message,
                // Some refusals end the connection.
                Err(error) => return Err(refusal.unwrap_or(error)),
            };
            match message.tag {
                b'Z' => return refusal.map_or(Ok(()), Err),
                b'E' => refusal = Some(self.wire.refused(&error_text(&message.body).1)),
                b'G' | b'H' | b'W' => {
                    let text = "COPY cannot be used here";
                    return Err(TransportError::new(TransportErrorKind::Request, text));
                }
                _ => each(&message).map_err(|text| self.wire.broken(text))?,
            }
        }
    }

    async fn prepare_session(
        &mut self,
        access: Access,
        deadline: Instant,
    ) -> Result<(), TransportError> {
        let mut settings = format!(
            "SET statement_timeout = {}; SET bytea_output = hex",
            milliseconds_left(deadline)
        );
        if access == Access::Read {
            settings.push_str("; SET default_transaction_read_only = on");
        }
        self.send(|bytes| frontend::query(&settings, bytes)).await?;
        self.until_ready(|_| Ok(())).await
    }

    async fn statement(&mut self, request: &SqlRequest) -> Result<SqlAnswer, TransportError> {
        self.send(|bytes| {
            frontend::parse("", &request.statement, [], bytes)?;
            frontend::describe(b'S', "", bytes)?;
            frontend::sync(bytes);
            Ok(())
        })
        .await?;
        let (mut wanted, mut columns) = (Vec::new(), None);
        self.until_ready(|message| {
            match message.tag {
                b't' => {
                    wanted = parameter_types(&message.body).ok_or("parameters are unreadable")?;
                }
                b'T' => {
                    columns = Some(self::columns(&message.body).ok_or("columns are unreadable")?);
                }
                _ => {}
            }
            Ok(())
        })
        .await?;
        if wanted.len() != request.parameters.len() {
            let text = format!(
                "the statement has {} parameters, {} are given",
                wanted.len(),
                request.parameters.len()
            );
            return Err(TransportError::new(TransportErrorKind::Request, text));
        }
        let values: Vec<Option<String>> =
            request.parameters.iter().zip(&wanted).map(|(v, t)| value::parameter(v, *t)).collect();
        self.send(|bytes| {
            let write = |value: &Option<String>, bytes: &mut BytesMut| match value {
                None => Ok(IsNull::Yes),
                Some(text) => {
                    bytes.extend_from_slice(text.as_bytes());
                    Ok(IsNull::No)
                }
            };
            frontend::bind("", "", [TEXT], &values, write, [TEXT], bytes)
                .map_err(|_| std::io::Error::other("the parameters are too large"))?;
            frontend::execute("", 0, bytes)?;
            frontend::sync(bytes);
            Ok(())
        })
        .await?;
        let types: Vec<u32> = columns.iter().flatten().map(|column| column.kind).collect();
        let mut table = columns
            .map(|columns| Table::new(columns.into_iter().map(|column| column.name).collect()));
        let mut affected = 0;
        self.until_ready(|message| {
            match (message.tag, &mut table) {
                // Rows that do not fit are passed over rather than broken off: closing the
                // connection now would undo what the statement changes.
                (b'D', Some(table)) if table.is_open() => {
                    table.push(row(&message.body, &types).ok_or("a row is unreadable")?);
                }
                (b'C', _) => affected = affected_rows(&message.body),
                _ => {}
            }
            Ok(())
        })
        .await?;
        Ok(table.map_or(SqlAnswer::Affected(affected), Table::answer))
    }
}

struct Column {
    name: String,
    kind: u32,
}

fn take<'a>(body: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = body.split_at_checked(length)?;
    *body = tail;
    Some(head)
}

fn take_u16(body: &mut &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(take(body, 2)?.try_into().ok()?))
}

fn take_u32(body: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(take(body, 4)?.try_into().ok()?))
}

fn take_text(body: &mut &[u8]) -> Option<String> {
    let end = body.iter().position(|byte| *byte == 0)?;
    let text = String::from_utf8_lossy(take(body, end)?).into_owned();
    take(body, 1)?;
    Some(text)
}

fn parameter_types(mut body: &[u8]) -> Option<Vec<u32>> {
    let count = take_u16(&mut body)?;
    (0..count).map(|_| take_u32(&mut body)).collect()
}

fn columns(mut body: &[u8]) -> Option<Vec<Column>> {
    let count = take_u16(&mut body)?;
    (0..count)
        .map(|_| {
            let name = take_text(&mut body)?;
            take(&mut body, 6)?; // table and number in it
            let kind = take_u32(&mut body)?;
            take(&mut body, 8)?; // width, modifier, format
            Some(Column { name, kind })
        })
        .collect()
}

fn row(mut body: &[u8], types: &[u32]) -> Option<Vec<serde_json::Value>> {
    const NULL: u32 = u32::MAX;
    let count = usize::from(take_u16(&mut body)?);
    if count != types.len() {
        return None;
    }
    types
        .iter()
        .map(|kind| {
            let length = take_u32(&mut body)?;
            if length == NULL {
                return Some(serde_json::Value::Null);
            }
            let text = take(&mut body, usize::try_from(length).ok()?)?;
            Some(value::column(&String::from_utf8_lossy(text), *kind))
        })
        .collect()
}

/// `INSERT 0 3`, `UPDATE 3`, `CREATE TABLE`.
fn affected_rows(body: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(body.strip_suffix(b"\0").unwrap_or(body)).into_owned();
    text.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The code (`42P01`) and what the server says, with detail and hint where there are any.
fn error_text(mut body: &[u8]) -> (String, String) {
    let (mut code, mut text) = (String::new(), String::new());
    while let Some([field]) = take(&mut body, 1).filter(|field| *field != [0]) {
        let Some(value) = take_text(&mut body) else { break };
        match field {
            b'C' => code = value,
            b'M' => text = value,
            b'D' | b'H' => text = format!("{text} ({value})"),
            _ => {}
        }
    }
    (code.clone(), format!("{text} [{code}]"))
}
