//! A proxy that records where it was asked to go: HTTP (absolute form and `CONNECT`) and SOCKS 5.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::background::{Log, listen, runtime};

/// One request to the proxy.
#[derive(Clone, Debug)]
pub struct Proxied {
    /// `CONNECT`, `SOCKS5`, or the method of a forwarded request.
    pub method: String,
    /// `host:port` asked for.
    pub target: String,
    /// The lines of the request head, first line included; empty for SOCKS.
    pub head: Vec<String>,
}

struct Shared {
    log: Log<Proxied>,
    places: Mutex<HashMap<String, SocketAddr>>,
    refusal: Mutex<Option<u16>>,
}

/// The proxy; it stops when dropped.
pub struct ProxyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl ProxyServer {
    /// Starts a proxy.
    pub fn start() -> Self {
        let (address, listener) = listen();
        let shared = Arc::new(Shared {
            log: Log::new(),
            places: Mutex::default(),
            refusal: Mutex::default(),
        });
        let serving = shared.clone();
        let accepting = runtime().spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = serving.clone();
                connections.spawn(async move { drop(serve(stream, &shared).await) });
            }
        });
        Self { address, shared, accepting: accepting.abort_handle() }
    }

    /// The URL to configure as `proxy_url`, for a scheme (`http`, `socks5`).
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends whoever asks for `host:port` to this address, so that tests can use made-up names.
    pub fn place(&self, target: &str, address: SocketAddr) {
        self.shared.places.lock().insert(target.to_owned(), address);
    }

    /// Refuses everything with this status from now on.
    pub fn refuse(&self, status: u16) {
        *self.shared.refusal.lock() = Some(status);
    }

    /// What was asked for so far.
    pub fn requests(&self) -> Vec<Proxied> {
        self.shared.log.all()
    }

    /// Waits until `count` requests were made; after `within` returns what is there.
    pub async fn wait_for(&self, count: usize, within: Duration) -> Vec<Proxied> {
        self.shared.log.wait_for(count, within).await
    }
}

impl Drop for ProxyServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut first = [0];
    client.peek(&mut first).await?;
    if first[0] == 5 {
        serve_socks(client, shared).await
    } else {
        serve_http(&mut client, shared).await
    }
}

async fn serve_http(client: &mut TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let lines: Vec<String> = text.lines().filter(|l| !l.is_empty()).map(Into::into).collect();
    let mut words = lines[0].split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let uri = words.next().unwrap_or_default().to_owned();
    let tunnel = method == "CONNECT";
    let place = uri.strip_prefix("http://").unwrap_or(&uri);
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let target =
        if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    shared.log.push(Proxied {
        method: method.clone(),
        target: target.clone(),
        head: lines.clone(),
    });
    if let Some(status) = *shared.refusal.lock() {
        let answer = format!("HTTP/1.1 {status} Refused\r\ncontent-length: 0\r\n\r\n");
        return client.try_write(answer.as_bytes()).map(drop);
    }
    let mut upstream = dial(&target, shared).await?;
    if tunnel {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        // One request per connection keeps the forwarding simple.
        let kept = lines[1..].iter().filter(|l| !l.to_ascii_lowercase().starts_with("proxy-"));
        let fields: String = kept.map(|line| format!("{line}\r\n")).collect();
        let head = format!("{method} {path} HTTP/1.1\r\n{fields}connection: close\r\n\r\n");
        upstream.write_all(head.as_bytes()).await?;
    }
    tokio::io::copy_bidirectional(client, &mut upstream).await.map(drop)
}

async fn serve_socks(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting).await?;
    let mut methods = vec![0; usize::from(greeting[1])];
    client.read_exact(&mut methods).await?;
    client.write_all(&[5, 0]).await?;
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    let host = match request[3] {
        1 => {
            let mut octets = [0; 4];
            client.read_exact(&mut octets).await?;
            std::net::Ipv4Addr::from(octets).to_string()
        }
        _ => {
            let length = client.read_u8().await?;
            let mut name = vec![0; usize::from(length)];
            client.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
    };
    let target = format!("{host}:{}", client.read_u16().await?);
    shared.log.push(Proxied { method: "SOCKS5".into(), target: target.clone(), head: Vec::new() });
    let refused = shared.refusal.lock().is_some();
    let code = u8::from(refused) * 5;
    client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    if refused {
        return Ok(());
    }
    let mut upstream = dial(&target, shared).await?;
    tokio::io::copy_bidirectional(&mut client, &mut upstream).await.map(drop)
}

async fn dial(target: &str, shared: &Shared) -> std::io::Result<TcpStream> {
    let placed = shared.places.lock().get(target).copied();
    match placed {
        Some(address) => TcpStream::connect(address).await,
        None => TcpStream::connect(target).await,
    }
}
