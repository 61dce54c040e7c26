//! Files of closed chunks, and checkpoints, which are the same with what is still in memory.
//!
//! ```text
//! magic
//! run of each series, in order of ids:
//!     count, then per chunk: form, first, last - first, samples, bytes
//!     bytes of the chunks
//!     CRC-32 of the run
//! table: blocks of entries: id, bytes of the run, first time, last sample, labels
//! foot: place of the table, first and last time, file of the log, samples, next id, series, CRC-32
//! ```
//!
//! A file is written under another name, synced and then renamed, so that one with its name is whole.
//! Chunks are read where they lie; of the table only ids and places stay in memory.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bongsu_model::Labels;
use bongsu_promql::{Number, Points};
use std::sync::Arc;

use crate::chunk::histogram::{decoded, encoded};
use crate::chunk::{Chunk, Kind, Meta};
use crate::codec::{Damaged, Taker, put_bytes, put_double, put_varint, put_zigzag};
use crate::frame;
use crate::record::{put_labels, take_labels};

const MAGIC: &[u8; 8] = b"BSSERIE1";
/// Bytes of the foot.
const FOOT: usize = 8 + 8 + 8 + 8 + 8 + 4 + 4 + 4;
/// Entries of the table that make a block.
const BLOCK: usize = 256 << 10;

/// What the table says of a series.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u32,
    pub(crate) labels: Labels,
    /// Time of its first sample.
    pub(crate) first: i64,
    /// Its last sample when the file was written.
    pub(crate) last: Option<(i64, Number)>,
}

/// Writes a file, series in order of ids.
pub(crate) struct SegmentWriter {
    file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    written: u64,
    run: Vec<u8>,
    entries: Vec<u8>,
    table: Vec<u8>,
    ids: Vec<u32>,
    offsets: Vec<u32>,
    span: (i64, i64),
    samples: u64,
    last_id: u32,
}

impl SegmentWriter {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let temporary = path.with_extension("part");
        let mut file = BufWriter::with_capacity(256 << 10, File::create(&temporary)?);
        file.write_all(MAGIC)?;
        Ok(Self {
            file,
            temporary,
            path: path.into(),
            written: MAGIC.len() as u64,
            run: Vec::new(),
            entries: Vec::new(),
            table: Vec::new(),
            ids: Vec::new(),
            offsets: Vec::new(),
            span: (i64::MAX, i64::MIN),
            samples: 0,
            last_id: 0,
        })
    }

    /// Adds a series with its chunks, which may be none.
    pub(crate) fn add(&mut self, entry: &Entry, chunks: &[Chunk]) -> io::Result<()> {
        self.run.clear();
        put_varint(chunks.len() as u64, &mut self.run);
        for Chunk { meta, bytes } in chunks {
            put_meta(meta, bytes.len(), &mut self.run);
            self.samples += u64::from(meta.count);
            self.span = (self.span.0.min(meta.first), self.span.1.max(meta.last));
        }
        for chunk in chunks {
            self.run.extend_from_slice(&chunk.bytes);
        }
        self.run.extend(crc32fast::hash(&self.run).to_le_bytes());
        self.file.write_all(&self.run)?;
        let offset = u32::try_from(self.written).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.ids.push(entry.id);
        self.offsets.push(offset);
        self.written += self.run.len() as u64;

        put_varint(u64::from(entry.id - self.last_id), &mut self.entries);
        self.last_id = entry.id;
        put_varint(self.run.len() as u64, &mut self.entries);
        put_zigzag(entry.first, &mut self.entries);
        match &entry.last {
            None => self.entries.push(0),
            Some((time, Number::Float(value))) => {
                self.entries.push(1);
                put_zigzag(*time, &mut self.entries);
                put_double(*value, &mut self.entries);
            }
            Some((time, Number::Histogram(histogram))) => {
                self.entries.push(2);
                put_zigzag(*time, &mut self.entries);
                put_bytes(&encoded(histogram), &mut self.entries);
            }
        }
        put_labels(&entry.labels, &mut self.entries);
        if self.entries.len() >= BLOCK {
            self.end_block();
        }
        Ok(())
    }

    fn end_block(&mut self) {
        frame::put(&self.entries, &mut self.table);
        self.entries.clear();
    }

    /// Writes table and foot, but does not wait for the disk.
    pub(crate) fn end(mut self, log: u64, next_id: u32) -> io::Result<Written> {
        if !self.entries.is_empty() {
            self.end_block();
        }
        let series = self.ids.len() as u32;
        let offset = u32::try_from(self.written).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.offsets.push(offset);
        self.file.write_all(&self.table)?;
        let mut foot = Vec::with_capacity(FOOT);
        foot.extend(self.written.to_le_bytes());
        foot.extend(self.span.0.to_le_bytes());
        foot.extend(self.span.1.to_le_bytes());
        foot.extend(log.to_le_bytes());
        foot.extend(self.samples.to_le_bytes());
        foot.extend(next_id.to_le_bytes());
        foot.extend(series.to_le_bytes());
        foot.extend(crc32fast::hash(&foot).to_le_bytes());
        self.file.write_all(&foot)?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let size = self.written + (self.table.len() + FOOT) as u64;
        let Self { temporary, path, ids, offsets, span, samples, .. } = self;
        let segment = Segment {
            file,
            path,
            span,
            samples,
            log,
            next_id,
            size,
            ids: ids.into(),
            offsets: offsets.into(),
        };
        Ok(Written { segment, temporary })
    }
}

/// A file that is written and has not its name yet.
pub(crate) struct Written {
    segment: Segment,
    temporary: PathBuf,
}

impl Written {
    /// Waits for the disk and gives the file its name.
    pub(crate) fn publish(self) -> io::Result<Segment> {
        self.segment.file.sync_all()?;
        let path = &self.segment.path;
        fs::rename(&self.temporary, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        // The file was opened for writing only.
        let file = File::open(path)?;
        Ok(Segment { file, ..self.segment })
    }
}

fn put_meta(meta: &Meta, bytes: usize, out: &mut Vec<u8>) {
    out.push(u8::from(meta.kind == Kind::Histograms) | u8::from(meta.late) << 1);
    put_zigzag(meta.first, out);
    put_varint((meta.last - meta.first).cast_unsigned(), out);
    put_varint(u64::from(meta.count), out);
    put_varint(bytes as u64, out);
}

fn take_meta(taker: &mut Taker<'_>) -> Result<(Meta, usize), Damaged> {
    let form = taker.byte()?;
    let kind = if form & 1 == 1 { Kind::Histograms } else { Kind::Floats };
    let first = taker.zigzag()?;
    let last = first.wrapping_add(taker.varint()?.cast_signed());
    let meta = Meta { first, last, count: taker.number()?, kind, late: form & 2 == 2 };
    Ok((meta, taker.number()?))
}

/// A file that is whole.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    path: PathBuf,
    span: (i64, i64),
    /// Samples in it.
    pub(crate) samples: u64,
    /// Of a checkpoint: the file of the log that goes on from here.
    pub(crate) log: u64,
    pub(crate) next_id: u32,
    size: u64,
    ids: Box<[u32]>,
    /// Where the run of each begins, and where the last ends.
    offsets: Box<[u32]>,
}

impl Segment {
    /// Opens a file; calls `each` for each series it knows.
    pub(crate) fn open(path: &Path, mut each: impl FnMut(Entry)) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let foot_at = size.checked_sub(FOOT as u64).ok_or(damaged(path))?;
        let mut foot = [0; FOOT];
        file.read_exact_at(&mut foot, foot_at)?;
        let (fields, crc) = foot.split_at(FOOT - 4);
        if crc32fast::hash(fields).to_le_bytes() != *crc {
            return Err(damaged(path));
        }
        let eight = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&fields[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let (table_at, log, samples) = (eight(0), eight(24), eight(32));
        let span = (eight(8).cast_signed(), eight(16).cast_signed());
        let (next_id, series) = (eight(40) as u32, (eight(40) >> 32) as usize);
        let length = foot_at.checked_sub(table_at).ok_or(damaged(path))?;
        let mut table = vec![0; length as usize];
        file.read_exact_at(&mut table, table_at)?;
        let mut reader = TableReader { end: MAGIC.len() as u32, ..TableReader::default() };
        let mut rest = &table[..];
        while let Some(block) = frame::take(&mut rest).map_err(|_| damaged(path))? {
            reader.block(&block, &mut each).map_err(|_| damaged(path))?;
        }
        let TableReader { ids, mut offsets, end, .. } = reader;
        offsets.push(end);
        if ids.len() != series || u64::from(end) != table_at {
            return Err(damaged(path));
        }
        let (path, ids, offsets) = (path.into(), ids.into(), offsets.into());
        Ok(Self { file, path, span, samples, log, next_id, size, ids, offsets })
    }

    pub(crate) fn span(&self) -> (i64, i64) {
        self.span
    }

    pub(crate) fn overlaps(&self, from: i64, to: i64) -> bool {
        self.span.0 <= to && self.span.1 >= from
    }

    /// Bytes on disk.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes in memory.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.ids) + size_of_val(&*self.offsets)
    }

    /// Deletes the file; who reads it reads on.
    pub(crate) fn delete(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Calls `each` for each chunk of a series, if it has any here. `scratch` is reused from call to
    /// call.
    fn chunks(
        &self,
        id: u32,
        scratch: &mut Vec<u8>,
        mut each: impl FnMut(Meta, &[u8]) -> Result<(), Damaged>,
    ) -> io::Result<()> {
        let Ok(at) = self.ids.binary_search(&id) else { return Ok(()) };
        let (from, to) = (self.offsets[at], self.offsets[at + 1]);
        scratch.resize((to - from) as usize, 0);
        self.file.read_exact_at(scratch, u64::from(from))?;
        let broken = |_: Damaged| damaged(&self.path);
        let (run, crc) = scratch.split_last_chunk().ok_or(Damaged).map_err(broken)?;
        if crc32fast::hash(run).to_le_bytes() != *crc {
            return Err(damaged(&self.path));
        }
        let mut walk = || {
            let mut taker = Taker(run);
            let count: usize = taker.number()?;
            let metas = (0..count).map(|_| take_meta(&mut taker));
            let metas = metas.collect::<Result<Vec<_>, Damaged>>()?;
            metas.into_iter().try_for_each(|(meta, length)| each(meta, taker.taken(length)?))
        };
        walk().map_err(broken)
    }

    /// Adds samples of a series with `from <= time <= to`.
    pub(crate) fn read(
        &self,
        id: u32,
        (from, to): (i64, i64),
        scratch: &mut Vec<u8>,
        out: &mut Points,
    ) -> io::Result<()> {
        self.chunks(id, scratch, |meta, bytes| {
            if meta.overlaps(from, to) { meta.read(bytes, from, to, out) } else { Ok(()) }
        })
    }

    /// All chunks of a series, to be held in memory.
    pub(crate) fn load(&self, id: u32, scratch: &mut Vec<u8>) -> io::Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        self.chunks(id, scratch, |meta, bytes| {
            chunks.push(Chunk { meta, bytes: bytes.into() });
            Ok(())
        })?;
        Ok(chunks)
    }
}

fn damaged(path: &Path) -> io::Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    io::Error::new(io::ErrorKind::InvalidData, format!("the file {name} of the series is damaged"))
}

#[derive(Default)]
struct TableReader {
    ids: Vec<u32>,
    offsets: Vec<u32>,
    end: u32,
}

impl TableReader {
    fn block(&mut self, block: &[u8], each: &mut impl FnMut(Entry)) -> Result<(), Damaged> {
        let mut taker = Taker(block);
        while !taker.is_empty() {
            let before = self.ids.last().copied().unwrap_or(0);
            let id = before.checked_add(taker.number()?).ok_or(Damaged)?;
            self.ids.push(id);
            self.offsets.push(self.end);
            self.end = self.end.checked_add(taker.number()?).ok_or(Damaged)?;
            let first = taker.zigzag()?;
            let last = match taker.byte()? {
                0 => None,
                1 => Some((taker.zigzag()?, Number::Float(taker.double()?))),
                2 => {
                    let time = taker.zigzag()?;
                    Some((time, Number::Histogram(Arc::new(decoded(taker.bytes()?)?))))
                }
                _ => return Err(Damaged),
            };
            each(Entry { id, labels: take_labels(&mut taker)?, first, last });
        }
        Ok(())
    }
}
