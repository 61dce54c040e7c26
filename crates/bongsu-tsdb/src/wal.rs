//! The log: what was appended since the last checkpoint, so that nothing that was answered is lost.
//!
//! In: records, in the order in which they changed the memory. Out: their bytes on disk. Whoever
//! waits first writes for all that wait with it, so many appends share one sync. A file is
//! `log/NNNNNNNN`, a row of [`crate::frame`] blocks; every start and every checkpoint begins another.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::frame;

/// See the module.
#[derive(Debug)]
pub(crate) struct Wal {
    folder: PathBuf,
    sync: bool,
    state: Mutex<State>,
    written: Condvar,
}

#[derive(Debug)]
struct State {
    /// Blocks that wait to be written.
    waiting: Vec<u8>,
    /// Number of the last block handed in, and of the last that is durable.
    handed: u64,
    durable: u64,
    /// Somebody is writing; the file is with them.
    busy: bool,
    file: Option<File>,
    /// After this nothing of the file can be relied on.
    failed: Option<Arc<io::Error>>,
    /// Number of the file, and bytes of all files by number.
    number: u64,
    sizes: BTreeMap<u64, u64>,
}

/// What was read from the log at a start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Blocks read: one for each append.
    pub(crate) blocks: u64,
    /// Bytes of an append that never was answered, at the end of the last file.
    pub(crate) cut: u64,
    /// Where a file was damaged; what stands behind that place was put aside, not read.
    pub(crate) damaged: Option<String>,
}

impl Wal {
    /// Begins the file `number` in a folder whose files before it have `sizes`.
    pub(crate) fn begin(
        folder: &Path,
        number: u64,
        sizes: BTreeMap<u64, u64>,
        sync: bool,
    ) -> io::Result<Self> {
        let state = State {
            waiting: Vec::new(),
            handed: 0,
            durable: 0,
            busy: false,
            file: Some(create(folder, number)?),
            failed: None,
            number,
            sizes,
        };
        let state = Mutex::new(state);
        Ok(Self { folder: folder.into(), sync, state, written: Condvar::new() })
    }

    /// Hands in a record; [`Self::wait`] for its number.
    pub(crate) fn hand_in(&self, record: &[u8]) -> u64 {
        let mut state = self.state.lock();
        frame::put(record, &mut state.waiting);
        state.handed += 1;
        state.handed
    }

    /// Number of the last record handed in.
    pub(crate) fn handed(&self) -> u64 {
        self.state.lock().handed
    }

    /// Waits until the record with this number is durable.
    pub(crate) fn wait(&self, number: u64) -> Result<(), Arc<io::Error>> {
        let mut state = self.state.lock();
        loop {
            if state.durable >= number {
                return Ok(());
            }
            if let Some(error) = &state.failed {
                return Err(Arc::clone(error));
            }
            let file = if state.busy { None } else { state.file.take() };
            let Some(mut file) = file else {
                self.written.wait(&mut state);
                continue;
            };
            let blocks = std::mem::take(&mut state.waiting);
            let (handed, at) = (state.handed, state.number);
            state.busy = true;
            drop(state);
            let mut outcome = file.write_all(&blocks);
            if self.sync {
                outcome = outcome.and_then(|()| file.sync_data());
            }
            state = self.state.lock();
            state.busy = false;
            match outcome {
                Ok(()) => {
                    state.durable = handed;
                    state.file = Some(file);
                    *state.sizes.entry(at).or_default() += blocks.len() as u64;
                }
                Err(error) => state.failed = Some(Arc::new(error)),
            }
            self.written.notify_all();
        }
    }

    /// Why writing failed, if it did: then only a checkpoint makes what is in memory durable again.
    pub(crate) fn failure(&self) -> Option<Arc<io::Error>> {
        self.state.lock().failed.clone()
    }

    /// Writes what waits and begins another file; returns its number. Nothing may be handed in
    /// meanwhile.
    pub(crate) fn cut(&self) -> Result<u64, Arc<io::Error>> {
        let outcome = self.wait(self.handed());
        let mut state = self.state.lock();
        if outcome.is_err() {
            // The checkpoint that asks for this holds everything.
            state.waiting.clear();
        }
        let number = state.number + 1;
        state.file = Some(create(&self.folder, number).map_err(Arc::new)?);
        state.number = number;
        Ok(number)
    }

    /// A checkpoint is durable that holds all before the file `number`: deletes those.
    pub(crate) fn forget_before(&self, number: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        // What was handed in since then waits for its turn in the new file.
        state.failed = None;
        while let Some(entry) = state.sizes.first_entry()
            && *entry.key() < number
        {
            remove(&path(&self.folder, *entry.key()))?;
            entry.remove();
        }
        Ok(())
    }

    /// Makes the log fail as if the disk had.
    #[cfg(test)]
    pub(crate) fn fail(&self, message: &str) {
        self.state.lock().failed = Some(Arc::new(io::Error::other(message.to_owned())));
    }

    /// Bytes of all files.
    pub(crate) fn size(&self) -> u64 {
        self.state.lock().sizes.values().sum()
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}"))
}

fn create(folder: &Path, number: u64) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).open(path(folder, number))?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Numbers and sizes of the files of a folder; an empty one gets a file that was put aside.
fn files(folder: &Path) -> io::Result<BTreeMap<u64, u64>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            files.insert(number, entry.metadata()?.len());
        }
    }
    Ok(files)
}

/// Reads all files from `from` on in order and deletes those before it. Ends at the first block that
/// is not whole: an end that was torn off is cut away; behind damage nothing is believed.
pub(crate) fn replay(
    folder: &Path,
    from: u64,
    mut record: impl FnMut(&[u8]) -> Result<(), crate::codec::Damaged>,
) -> io::Result<(Replayed, BTreeMap<u64, u64>)> {
    fs::create_dir_all(folder)?;
    let mut replayed = Replayed::default();
    let mut sizes = files(folder)?;
    let last = sizes.last_key_value().map(|(number, _)| *number);
    for number in sizes.keys().copied().collect::<Vec<_>>() {
        let path = path(folder, number);
        if number < from {
            remove(&path)?;
            sizes.remove(&number);
            continue;
        }
        if replayed.damaged.is_some() {
            fs::rename(&path, path.with_extension("damaged"))?;
            sizes.remove(&number);
            continue;
        }
        let bytes = fs::read(&path)?;
        let mut rest = &bytes[..];
        let problem = loop {
            let before = rest;
            let problem = match frame::take(&mut rest) {
                Ok(None) => break None,
                Ok(Some(payload)) if record(&payload).is_ok() => {
                    replayed.blocks += 1;
                    continue;
                }
                Ok(Some(_)) => frame::FrameError::Damaged,
                Err(problem) => problem,
            };
            break Some((problem, bytes.len() - before.len(), before));
        };
        let Some((problem, good, before)) = problem else { continue };
        // What is torn off reaches to the end of the last file; whatever is whole behind it tells
        // of damage.
        let torn = Some(number) == last
            && (problem == frame::FrameError::Cut || frame::length(before) == Some(before.len()));
        if torn {
            replayed.cut = before.len() as u64;
        } else {
            replayed.damaged = Some(format!("{} at byte {good}: {problem}", path.display()));
            fs::write(path.with_extension("damaged"), before)?;
        }
        OpenOptions::new().write(true).open(&path)?.set_len(good as u64)?;
        sizes.insert(number, good as u64);
    }
    Ok((replayed, sizes))
}
