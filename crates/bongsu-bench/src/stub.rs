//! The other side of the calls workflows make: one thread that answers every request with `{}`.
//!
//! In: requests whose body holds `"about":"FINGERPRINT"`. Out: how many came for each path, and when
//! the first one about each fingerprint did.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::http;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// Its listener.
const DOOR: Token = Token(usize::MAX);

/// What it saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requests for `/second`.
    second: AtomicUsize,
    /// When `/first` was asked about each fingerprint, if that is wanted.
    first: Option<Mutex<HashMap<String, Instant>>>,
}

impl Seen {
    /// Runs whose last call came.
    pub(crate) fn second(&self) -> usize {
        self.second.load(Ordering::Relaxed)
    }

    /// When the first call about a fingerprint came.
    pub(crate) fn first_at(&self, fingerprint: &str) -> Option<Instant> {
        let first = self.first.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        first.get(fingerprint).copied()
    }

    fn note(&self, request: &[u8]) {
        let text = String::from_utf8_lossy(request);
        if text.starts_with("POST /second ") {
            self.second.fetch_add(1, Ordering::Relaxed);
        } else if let Some(first) = &self.first
            && let Some((_, rest)) = text.split_once(r#""about":""#)
            && let Some((fingerprint, _)) = rest.split_once('"')
        {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            first.entry(fingerprint.to_owned()).or_insert_with(Instant::now);
        }
    }
}

/// Begins to answer; `timed` notes when calls came. It ends with the process.
pub(crate) fn start(timed: bool) -> Result<(SocketAddr, Arc<Seen>)> {
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    let address = listener.local_addr()?;
    let seen = Arc::new(Seen { first: timed.then(Mutex::default), ..Seen::default() });
    let noted = Arc::clone(&seen);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, DOOR, Interest::READABLE)?;
    std::thread::spawn(move || {
        if let Err(error) = serve(&mut poll, &listener, &noted) {
            crate::scenario::note(&format!("the stub ended: {error:#}"));
        }
    });
    Ok((address, seen))
}

/// A connection and what of a request has come.
struct Guest {
    stream: TcpStream,
    buffer: Vec<u8>,
}

fn serve(poll: &mut Poll, listener: &TcpListener, seen: &Seen) -> Result<()> {
    let mut events = Events::with_capacity(256);
    let mut guests: HashMap<usize, Guest> = HashMap::new();
    let mut next = 0;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == DOOR {
                loop {
                    let mut stream = match listener.accept() {
                        Ok((stream, _)) => stream,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error.into()),
                    };
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(next), Interest::READABLE)?;
                    guests.insert(next, Guest { stream, buffer: Vec::new() });
                    next += 1;
                }
                continue;
            }
            let number = event.token().0;
            if guests.get_mut(&number).is_some_and(|guest| !guest.serve(seen)) {
                guests.remove(&number);
            }
        }
    }
}

impl Guest {
    /// Reads and answers as far as it goes; false when the connection is over.
    fn serve(&mut self, seen: &Seen) -> bool {
        let mut piece = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return false,
                Ok(read) => self.buffer.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
            while let Some(length) = whole(&self.buffer) {
                seen.note(&self.buffer[..length]);
                self.buffer.drain(..length);
                // Two bytes always fit into the socket of somebody who waits for them.
                if self.stream.write_all(ANSWER).is_err() {
                    return false;
                }
            }
        }
    }
}

/// The length of the first request, if all of it is there.
fn whole(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let body = http::field(text, "content-length").and_then(|length| length.parse().ok());
    let length = head + body.unwrap_or(0);
    (buffer.len() >= length).then_some(length)
}
