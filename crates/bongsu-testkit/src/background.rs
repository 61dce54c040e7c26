//! The threads all fakes share.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// The runtime of the fakes; it lives as long as the test process.
pub(crate) fn runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
        .handle()
}

/// A listener on a free loopback port, usable from any thread.
pub(crate) fn listen() -> (std::net::SocketAddr, tokio::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let _guard = runtime().enter();
    (listener.local_addr().unwrap(), tokio::net::TcpListener::from_std(listener).unwrap())
}

/// A list that can be waited on.
#[derive(Debug)]
pub(crate) struct Log<T> {
    entries: parking_lot::Mutex<Vec<T>>,
    grown: tokio::sync::watch::Sender<usize>,
}

impl<T: Clone> Log<T> {
    pub(crate) fn new() -> Self {
        Self { entries: parking_lot::Mutex::default(), grown: tokio::sync::watch::Sender::new(0) }
    }

    pub(crate) fn push(&self, entry: T) {
        let mut entries = self.entries.lock();
        entries.push(entry);
        self.grown.send_replace(entries.len());
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.entries.lock().clone()
    }

    /// All entries once there are `count`; whatever is there when the time is over.
    pub(crate) async fn wait_for(&self, count: usize, within: Duration) -> Vec<T> {
        let mut grown = self.grown.subscribe();
        let enough = grown.wait_for(|seen| *seen >= count);
        drop(tokio::time::timeout(within, enough).await);
        self.all()
    }
}
