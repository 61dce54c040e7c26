//! A keep-alive HTTP/1.1 client that costs next to nothing.
//!
//! In: a request's bytes. Out: the status and the body's length (or the body).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(600)))?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a whole request and reads the answer; the body is counted, not kept.
    pub(crate) fn call(&mut self, request: &[u8]) -> Result<(u16, usize)> {
        let mut body = 0;
        let status = self.exchange(request, |piece| body += piece.len())?;
        Ok((status, body))
    }

    /// The same, keeping the body.
    pub(crate) fn fetch(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>)> {
        let mut body = Vec::new();
        let status = self.exchange(request, |piece| body.extend_from_slice(piece))?;
        Ok((status, body))
    }

    fn exchange(&mut self, request: &[u8], mut take: impl FnMut(&[u8])) -> Result<u16> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let head = loop {
            self.fill()?;
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?.to_ascii_lowercase();
        let status: u16 = text.get(9..12).context("no status")?.parse()?;
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name).map(|v| v.trim().to_owned()))
        };
        let rest = self.buffer.split_off(head);
        self.buffer = rest;
        if let Some(length) = field("content-length:") {
            let mut left: usize = length.parse()?;
            while left > 0 {
                if self.buffer.is_empty() {
                    self.fill()?;
                }
                let piece = left.min(self.buffer.len());
                take(&self.buffer[..piece]);
                self.buffer.drain(..piece);
                left -= piece;
            }
        } else if field("transfer-encoding:").is_some_and(|v| v.contains("chunked")) {
            while self.chunk(&mut take)? {}
        }
        Ok(status)
    }

    fn chunk(&mut self, take: &mut impl FnMut(&[u8])) -> Result<bool> {
        let end = loop {
            if let Some(at) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                break at;
            }
            self.fill()?;
        };
        let size = std::str::from_utf8(&self.buffer[..end])?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or(size).trim(), 16)?;
        self.buffer.drain(..end + 2);
        let mut left = size + 2;
        while left > 0 {
            if self.buffer.is_empty() {
                self.fill()?;
            }
            let piece = left.min(self.buffer.len());
            let data = piece.min(left.saturating_sub(2));
            take(&self.buffer[..data]);
            self.buffer.drain(..piece);
            left -= piece;
        }
        Ok(size > 0)
    }

    fn fill(&mut self) -> Result<()> {
        let mut piece = [0; 64 * 1024];
        let read = self.stream.read(&mut piece)?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(())
    }
}

/// A GET request.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

/// A POST request with a JSON body.
pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
