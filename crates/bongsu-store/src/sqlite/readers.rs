//! A few read-only connections, so that lists and loading never wait for the writer.

use std::path::{Path, PathBuf};

use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, OpenFlags};

use crate::StoreError;

/// Connections handed out one at a time; a caller waits when all are in use.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    back: Condvar,
    path: PathBuf,
}

impl Readers {
    pub(super) fn open(path: &Path, count: usize) -> rusqlite::Result<Self> {
        let idle = (0..count.max(1)).map(|_| open_reader(path)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), back: Condvar::new(), path: path.into() })
    }

    /// Runs `work` on a connection.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = {
            let mut idle = self.idle.lock();
            loop {
                match idle.pop() {
                    Some(connection) => break connection,
                    None => self.back.wait(&mut idle),
                }
            }
        };
        let lent = Lent { readers: self, connection: Some(connection) };
        let connection = lent.connection.as_ref().ok_or(StoreError::Closed)?;
        work(connection).map_err(|error| StoreError::Read(error.to_string().into()))
    }

    /// A connection outside the pool, for long work such as a backup.
    pub(super) fn fresh(&self) -> rusqlite::Result<Connection> {
        open_reader(&self.path)
    }
}

/// Gives the connection back even if the work panics.
struct Lent<'r> {
    readers: &'r Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.readers.idle.lock().extend(self.connection.take());
        self.readers.back.notify_one();
    }
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "cache_size", -4096)?;
    Ok(connection)
}
