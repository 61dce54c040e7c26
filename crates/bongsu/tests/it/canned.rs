//! A server that answers each request from a fixed table and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// `METHOD PATH` (without the query) with status and body.
pub(crate) type Answers = &'static [(&'static str, u16, &'static str)];

/// A running canned server; its thread ends with the test process.
pub(crate) struct Canned {
    /// Base URL.
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Canned {
    /// Starts on a free loopback port. What the table lacks is answered with 404.
    pub(crate) fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(stream, answers, &log));
            }
        });
        Self { url, asked }
    }

    /// What was asked: `METHOD PATH?QUERY BODY`, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Serves one connection until the client closes it.
fn serve(stream: TcpStream, answers: Answers, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let target = first.trim().trim_end_matches(" HTTP/1.1");
        let asked = format!("{target} {}", String::from_utf8_lossy(&body));
        log.lock().ok()?.push(asked.trim_end().to_owned());
        let key = target.split('?').next()?;
        let (status, body) =
            answers.iter().find(|(k, ..)| *k == key).map_or((404, ""), |(_, s, b)| (*s, *b));
        write!(
            writer,
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
    }
}
