//! One process per data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Held while the store is open; the operating system releases it when the process ends, however
/// it ends.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Locks the directory or says who holds it.
    pub(crate) fn acquire(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join("bongsu.lock");
        let failed = |error: std::io::Error| open_error(&path, &error);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Without its text the message is merely less precise.
                let _ = file.take(64).read_to_string(&mut holder);
                return Err(StoreError::Locked { path, holder: holder.trim().into() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "pid {}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// An I/O error while opening `path`.
pub(crate) fn open_error(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Open { path: PathBuf::from(path), reason: error.to_string() }
}
