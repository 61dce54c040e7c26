//! A keep-alive HTTP/1.1 client that costs next to nothing.
//!
//! In: a request's bytes. Out: the status and the body's length (or the body).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    unread: Range<usize>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(600)))?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024].into(), unread: 0..0 })
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
        self.unread = 0..0;
        let head = loop {
            self.fill()?;
            if let Some(at) = self.rest().windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = std::str::from_utf8(&self.rest()[..head])?;
        let status: u16 = text.get(9..12).context("no status")?.parse()?;
        let length: Option<usize> = field(text, "content-length").map(str::parse).transpose()?;
        let chunked = field(text, "transfer-encoding").is_some_and(|v| v.contains("chunked"));
        self.unread.start += head;
        if let Some(mut left) = length {
            while left > 0 {
                if self.unread.is_empty() {
                    self.fill()?;
                }
                let piece = left.min(self.unread.len());
                take(&self.rest()[..piece]);
                self.unread.start += piece;
                left -= piece;
            }
        } else if chunked {
            while self.chunk(&mut take)? {}
        }
        Ok(status)
    }

    fn chunk(&mut self, take: &mut impl FnMut(&[u8])) -> Result<bool> {
        let end = loop {
            if let Some(at) = self.rest().windows(2).position(|w| w == b"\r\n") {
                break at;
            }
            self.fill()?;
        };
        let size = std::str::from_utf8(&self.rest()[..end])?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or(size).trim(), 16)?;
        self.unread.start += end + 2;
        let mut left = size + 2;
        while left > 0 {
            if self.unread.is_empty() {
                self.fill()?;
            }
            let piece = left.min(self.unread.len());
            let data = piece.min(left.saturating_sub(2));
            take(&self.rest()[..data]);
            self.unread.start += piece;
            left -= piece;
        }
        Ok(size > 0)
    }

    /// What was read and not yet looked at.
    fn rest(&self) -> &[u8] {
        &self.buffer[self.unread.clone()]
    }

    /// Reads more, behind what is unread.
    fn fill(&mut self) -> Result<()> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.end == self.buffer.len() {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        let read = self.stream.read(&mut self.buffer[self.unread.end..])?;
        if read == 0 {
            bail!("the server closed the connection, or a head is too long");
        }
        self.unread.end += read;
        Ok(())
    }
}

/// The value of a header field, whose name is given in lower case.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.split("\r\n").find_map(|line| {
        let (given, value) = line.split_once(':')?;
        given.eq_ignore_ascii_case(name).then_some(value.trim())
    })
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
