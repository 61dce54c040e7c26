//! One prepared statement to MySQL or MariaDB.

mod login;
mod packet;
mod value;

use tokio::time::Instant;

use super::table::Table;
use super::{Access, MAX_WIRE_BYTES, ServerSettings, SqlAnswer, SqlRequest, milliseconds_left};
use crate::egress::{EgressPolicy, connect};
use crate::error::{TransportError, TransportErrorKind};
use crate::wire::Wire;
use packet::{Column, Fields, Session};

const COM_QUIT: u8 = 0x01;
const COM_QUERY: u8 = 0x03;
const COM_STMT_PREPARE: u8 = 0x16;
const COM_STMT_EXECUTE: u8 = 0x17;

/// The status flag that says another result follows (of a procedure).
const MORE_RESULTS: u16 = 0x0008;

pub(super) async fn run(
    server: &ServerSettings,
    request: &SqlRequest,
    policy: &EgressPolicy,
    deadline: Instant,
) -> Result<SqlAnswer, TransportError> {
    let stream = connect(policy, &server.host, server.port, deadline).await?;
    let peer = format!("mysql {}:{}", server.host, server.port);
    let wire = Wire::new(Box::new(stream), &peer, deadline, MAX_WIRE_BYTES);
    let (mut session, version) = login::login(wire, server).await?;

    // What a server does not know of these (an old version, a proxy in between) is no reason to
    // fail, except that reading must not become writing.
    let limit = milliseconds_left(deadline);
    let limit = if version.contains("MariaDB") {
        format!("SET SESSION max_statement_time = {}.{:03}", limit / 1000, limit % 1000)
    } else {
        format!("SET SESSION max_execution_time = {limit}")
    };
    for text in [limit.as_str(), "SET SESSION time_zone = '+00:00'"] {
        match session.query(text).await {
            Err(error) if error.kind != TransportErrorKind::Refused => return Err(error),
            _ => {}
        }
    }
    if request.access == Access::Read {
        session.query("SET SESSION TRANSACTION READ ONLY").await?;
    }
    let answer = session.statement(request).await?;
    // A courtesy; the answer is there.
    session.command(COM_QUIT, &[]).await.ok();
    Ok(answer)
}

impl Session {
    /// A statement of our own that gives no rows.
    async fn query(&mut self, text: &str) -> Result<(), TransportError> {
        self.command(COM_QUERY, text.as_bytes()).await?;
        self.receive().await.map(drop)
    }

    async fn statement(&mut self, request: &SqlRequest) -> Result<SqlAnswer, TransportError> {
        self.command(COM_STMT_PREPARE, request.statement.as_bytes()).await?;
        let prepared = self.receive().await?;
        let mut fields = Fields(&prepared);
        let head = (|| {
            fields.take(1)?;
            let id = fields.u32()?;
            Some((id, fields.u16()?, fields.u16()?))
        })();
        let (id, columns, parameters) = head.ok_or_else(|| self.unreadable())?;
        self.definitions(usize::from(parameters)).await?;
        self.definitions(usize::from(columns)).await?;
        if usize::from(parameters) != request.parameters.len() {
            let given = request.parameters.len();
            let text = format!("the statement has {parameters} parameters, {given} are given");
            return Err(TransportError::new(TransportErrorKind::Request, text));
        }
        let mut body = id.to_le_bytes().to_vec();
        body.extend([0, 1, 0, 0, 0]); // no cursor, one iteration
        value::parameters(&request.parameters, &mut body);
        self.command(COM_STMT_EXECUTE, &body).await?;

        let (answer, mut status) = self.result().await?;
        while status & MORE_RESULTS != 0 {
            status = self.result().await?.1;
        }
        Ok(answer)
    }

    /// One result and the status after it.
    async fn result(&mut self) -> Result<(SqlAnswer, u16), TransportError> {
        let first = self.receive().await?;
        let mut fields = Fields(&first);
        if first.first() == Some(&0) {
            let head = (|| {
                fields.take(1)?;
                let affected = fields.length()?;
                fields.length()?; // the last key
                Some((affected, fields.u16()?))
            })();
            let (affected, status) = head.ok_or_else(|| self.unreadable())?;
            return Ok((SqlAnswer::Affected(affected), status));
        }
        // A length of 0xfb asks for a local file, which was not offered.
        let count = fields.length().and_then(|count| u16::try_from(count).ok());
        let count = count.ok_or_else(|| self.unreadable())?;
        let columns = self.definitions(usize::from(count)).await?;
        let mut table = Table::new(columns.iter().map(|column| column.name.clone()).collect());
        loop {
            let packet = self.receive().await?;
            if packet::is_end(&packet) {
                let mut fields = Fields(&packet);
                let status = fields.take(3).and_then(|_| fields.u16());
                return Ok((table.answer(), status.unwrap_or_default()));
            }
            // Rows that do not fit are passed over rather than broken off, so that the statement
            // comes to its end.
            if table.is_open() {
                table.push(value::row(&packet, &columns).ok_or_else(|| self.unreadable())?);
            }
        }
    }

    /// Definitions of columns or parameters, and the end packet after them.
    async fn definitions(&mut self, count: usize) -> Result<Vec<Column>, TransportError> {
        let mut found = Vec::new();
        if count == 0 {
            return Ok(found);
        }
        for _ in 0..count {
            let packet = self.receive().await?;
            found.push(Column::read(&packet).ok_or_else(|| self.unreadable())?);
        }
        let end = self.receive().await?;
        if packet::is_end(&end) { Ok(found) } else { Err(self.unreadable()) }
    }
}
