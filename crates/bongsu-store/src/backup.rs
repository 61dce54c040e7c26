//! Backups: one file that is a whole store, and beside it what it should hold.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::StoreError;
use crate::sqlite::{DirLock, FILE_NAME, schema};

/// What a backup holds, kept beside it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Schema version of the copy.
    pub schema_version: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Rows per table.
    pub rows: BTreeMap<String, u64>,
}

/// Where the manifest of a backup is: its name with `.manifest.json` added.
pub fn manifest_path(backup: &Path) -> PathBuf {
    with_suffix(backup, ".manifest.json")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn failure(path: &Path, reason: impl std::fmt::Display) -> StoreError {
    StoreError::Backup { path: path.into(), reason: reason.to_string() }
}

/// Copies the database behind `source` to `dest` and writes the manifest. An existing file is
/// replaced only once the copy is complete and durable.
pub(crate) fn create(source: &Connection, dest: &Path) -> Result<Manifest, StoreError> {
    let partial = with_suffix(dest, ".partial");
    let made = copy(source, &partial)
        .and_then(|rows| describe(&partial, rows))
        .and_then(|manifest| publish(&partial, dest, &manifest).map(|()| manifest));
    if made.is_err() {
        // It may not exist; what is wrong is in the error already.
        let _ = fs::remove_file(&partial);
    }
    made.map_err(|reason| failure(dest, reason))
}

/// As [`crate::Store::backup`], for the store of a data directory, whether or not another process
/// has it open.
pub fn create_from(data_dir: &Path, dest: &Path) -> Result<Manifest, StoreError> {
    let path = data_dir.join(FILE_NAME);
    let failed =
        |error: rusqlite::Error| StoreError::Open { path: path.clone(), reason: error.to_string() };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(&path, flags).map_err(failed)?;
    source.busy_timeout(std::time::Duration::from_secs(5)).map_err(failed)?;
    create(&source, dest)
}

type Rows = (u32, BTreeMap<String, u64>);

fn copy(source: &Connection, partial: &Path) -> Result<Rows, String> {
    let text = |error: rusqlite::Error| error.to_string();
    match fs::remove_file(partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.to_string()),
        _ => {}
    }
    let mut target = Connection::open(partial).map_err(text)?;
    {
        // All pages in one step: a single snapshot that commits beside it cannot restart.
        let backup = Backup::new(source, &mut target).map_err(text)?;
        if backup.step(-1).map_err(text)? != StepResult::Done {
            return Err("the store is locked".into());
        }
    }
    // The copy must not need a log of its own.
    target.pragma_update(None, "journal_mode", "DELETE").map_err(text)?;
    let rows = count(&target).map_err(text)?;
    target.close().map_err(|(_, error)| text(error))?;
    Ok(rows)
}

fn count(connection: &Connection) -> rusqlite::Result<Rows> {
    let count = |table: &&str| {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
        Ok(((*table).to_owned(), rows.cast_unsigned()))
    };
    let rows = schema::TABLES.iter().map(count).collect::<rusqlite::Result<_>>()?;
    Ok((schema::version_of(connection)?, rows))
}

fn describe(file: &Path, (schema_version, rows): Rows) -> Result<Manifest, String> {
    let (bytes, sha256) = digest(file).map_err(|error| error.to_string())?;
    Ok(Manifest { schema_version, bytes, sha256, rows })
}

fn publish(partial: &Path, dest: &Path, manifest: &Manifest) -> Result<(), String> {
    let write = || -> io::Result<()> {
        File::open(partial)?.sync_all()?;
        let json = serde_json::to_vec_pretty(manifest)?;
        let beside = manifest_path(dest);
        fs::write(&beside, json)?;
        File::open(&beside)?.sync_all()?;
        fs::rename(partial, dest)?;
        sync_parent(dest)
    };
    write().map_err(|error| error.to_string())
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hex::encode(hash.finalize())));
        }
        bytes += read as u64;
        hash.update(&buffer[..read]);
    }
}

/// SQLite's own check of structure and indexes; its findings.
pub(crate) fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare("PRAGMA integrity_check")?;
    let findings = check.query_map([], |row| row.get::<_, String>(0))?;
    let findings: Vec<String> = findings.collect::<Result<_, _>>()?;
    Ok(findings.into_iter().filter(|finding| finding != "ok").collect())
}

/// Checks that a backup is what its manifest says, structurally sound and readable by this
/// program.
pub fn verify(backup: &Path) -> Result<Manifest, StoreError> {
    let fail = |reason: String| failure(backup, reason);
    let beside = manifest_path(backup);
    let json = fs::read(&beside).map_err(|error| fail(format!("no manifest: {error}")))?;
    let manifest: Manifest =
        serde_json::from_slice(&json).map_err(|error| fail(format!("bad manifest: {error}")))?;
    let (bytes, sha256) = digest(backup).map_err(|error| fail(error.to_string()))?;
    if (bytes, &sha256) != (manifest.bytes, &manifest.sha256) {
        return Err(fail("content differs from its manifest".into()));
    }
    if manifest.schema_version > schema::current_version() {
        return Err(fail(format!("schema {} is newer than this program", manifest.schema_version)));
    }
    let inspect = || -> rusqlite::Result<(Vec<String>, Rows)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let copy = Connection::open_with_flags(backup, flags)?;
        Ok((integrity(&copy)?, count(&copy)?))
    };
    let (findings, rows) = inspect().map_err(|error| fail(error.to_string()))?;
    if !findings.is_empty() {
        return Err(fail(findings.join("; ")));
    }
    if rows != (manifest.schema_version, manifest.rows.clone()) {
        return Err(fail("row counts differ from its manifest".into()));
    }
    Ok(manifest)
}

/// Puts a verified backup in place as the store of `data_dir`. A store that is there already is
/// refused, or with `force` moved aside to `bongsu.db.replaced`. No process may have it open.
pub fn restore(backup: &Path, data_dir: &Path, force: bool) -> Result<Manifest, StoreError> {
    let manifest = verify(backup)?;
    let fail = |error: io::Error| failure(backup, error);
    fs::create_dir_all(data_dir).map_err(fail)?;
    let _lock = DirLock::acquire(data_dir)?;
    let target = data_dir.join(FILE_NAME);
    if !force && target.exists() {
        let place = data_dir.display();
        return Err(failure(backup, format!("{place} already holds a store")));
    }
    let incoming = with_suffix(&target, ".incoming");
    fs::copy(backup, &incoming).map_err(fail)?;
    File::open(&incoming).and_then(|file| file.sync_all()).map_err(fail)?;
    // Database and log together, so that what is set aside can still be opened.
    for suffix in ["", "-wal", "-shm"] {
        let old = with_suffix(&target, suffix);
        if old.exists() {
            let aside = with_suffix(&target, &format!(".replaced{suffix}"));
            fs::rename(&old, aside).map_err(fail)?;
        }
    }
    fs::rename(&incoming, &target).and_then(|()| sync_parent(&target)).map_err(fail)?;
    Ok(manifest)
}
