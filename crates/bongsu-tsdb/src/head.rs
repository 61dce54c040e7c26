//! The newest samples of a series: closed chunks that are still in memory, the chunk that grows, and
//! the last sample beside them, so that an instant query decodes nothing.

use std::sync::Arc;

use bongsu_promql::{FloatHistogram, Number, Points};
use smallvec::SmallVec;

use crate::chunk::{self, Chunk, HistogramWriter, Kind, Meta, XorWriter};
use crate::codec::Damaged;
use crate::sample::Reason;

/// Samples out of order that are kept loose before they become a chunk.
const LATE: usize = 60;

/// The chunk that grows. Boxed: series without new samples are many and should be small.
#[derive(Clone, Debug)]
enum Open {
    Floats(Box<XorWriter>),
    Histograms(Box<HistogramWriter>),
}

impl Open {
    fn chunk(&self) -> (Meta, &[u8]) {
        match self {
            Self::Floats(writer) => (floats(writer, false), writer.bytes()),
            Self::Histograms(writer) => {
                let (first, last, count) = (writer.first(), writer.last(), writer.count());
                let kind = Kind::Histograms;
                (Meta { first, last, count, kind, late: false }, writer.bytes())
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Floats(writer) => size_of::<XorWriter>() + writer.capacity(),
            Self::Histograms(writer) => size_of::<HistogramWriter>() + writer.capacity(),
        }
    }

    fn is_full(&self) -> bool {
        let (meta, bytes) = self.chunk();
        let most = match meta.kind {
            Kind::Floats => chunk::FLOAT_BYTES,
            Kind::Histograms => chunk::HISTOGRAM_BYTES,
        };
        meta.count >= chunk::SAMPLES || bytes.len() >= most
    }
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It is new.
    New,
    /// It was there.
    Same,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Head {
    last: Option<(i64, Number)>,
    open: Option<Open>,
    /// In the order they were closed.
    closed: Vec<Chunk>,
    /// Floats out of order, by time.
    late: Vec<(i64, f64)>,
    /// Time of the first sample ever, or what is known of it.
    first: i64,
    size: u32,
    closed_size: u32,
}

impl Head {
    /// The newest sample, wherever it is stored.
    pub(crate) fn last(&self) -> Option<&(i64, Number)> {
        self.last.as_ref()
    }

    /// From the first to the last sample that there has been.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        self.last.as_ref().map(|(last, _)| (self.first, *last))
    }

    /// Whether there may be samples in the window.
    pub(crate) fn overlaps(&self, from: i64, to: i64) -> bool {
        self.span().is_some_and(|(first, last)| first <= to && last >= from)
    }

    /// Memory of all chunks.
    pub(crate) fn size(&self) -> usize {
        self.size as usize
    }

    /// Memory of closed chunks.
    pub(crate) fn closed_size(&self) -> usize {
        self.closed_size as usize
    }

    /// Samples in memory.
    pub(crate) fn samples(&self) -> usize {
        let closed: usize = self.closed.iter().map(|chunk| usize::from(chunk.meta.count)).sum();
        let open = self.open.as_ref().map_or(0, |open| usize::from(open.chunk().0.count));
        closed + open + self.late.len()
    }

    /// Takes a float that may be at most `window` older than the last sample.
    pub(crate) fn push_float(
        &mut self,
        time: i64,
        value: f64,
        window: i64,
    ) -> Result<Pushed, Reason> {
        match &self.last {
            Some((last, _)) if time < *last => return self.push_late(time, value, window),
            Some((last, number)) if time == *last => {
                return same(number, value);
            }
            Some(_) => {}
            None => self.first = time,
        }
        if !matches!(&self.open, Some(Open::Floats(_))) {
            self.close();
        }
        match &mut self.open {
            Some(Open::Floats(writer)) => writer.push(time, value),
            open => {
                let capacity = self.closed.last().map_or(32, |chunk| chunk.bytes.len() + 16);
                let writer = XorWriter::new(time, value, capacity.min(chunk::FLOAT_BYTES));
                *open = Some(Open::Floats(Box::new(writer)));
            }
        }
        self.last = Some((time, Number::Float(value)));
        self.pushed();
        Ok(Pushed::New)
    }

    /// Takes a histogram that is newer than all samples.
    pub(crate) fn push_histogram(
        &mut self,
        time: i64,
        histogram: &Arc<FloatHistogram>,
    ) -> Result<Pushed, Reason> {
        match &self.last {
            Some((last, _)) if time < *last => return self.find_histogram(time, histogram),
            Some((last, number)) if time == *last => {
                let same = matches!(number, Number::Histogram(there) if alike(there, histogram));
                return if same { Ok(Pushed::Same) } else { Err(Reason::Duplicate) };
            }
            Some(_) => {}
            None => self.first = time,
        }
        if !matches!(&self.open, Some(Open::Histograms(_))) {
            self.close();
        }
        match &mut self.open {
            Some(Open::Histograms(writer)) => writer.push(time, histogram),
            open => {
                let writer = HistogramWriter::new(time, histogram);
                *open = Some(Open::Histograms(Box::new(writer)));
            }
        }
        self.last = Some((time, Number::Histogram(Arc::clone(histogram))));
        self.pushed();
        Ok(Pushed::New)
    }

    fn pushed(&mut self) {
        if self.open.as_ref().is_some_and(Open::is_full) {
            self.close();
        }
        self.measure();
    }

    fn measure(&mut self) {
        let open = self.open.as_ref().map_or(0, Open::size);
        let late = self.late.capacity() * size_of::<(i64, f64)>();
        self.size = self.closed_size + (open + late) as u32;
    }

    fn push_late(&mut self, time: i64, value: f64, window: i64) -> Result<Pushed, Reason> {
        // What is sent a second time is no mistake.
        if let Some(there) = self.find(time) {
            return same(&there, value);
        }
        let last = self.last.as_ref().map_or(time, |(last, _)| *last);
        if window == 0 {
            return Err(Reason::OutOfOrder);
        }
        if time < last.saturating_sub(window) {
            return Err(Reason::TooOld);
        }
        let at = self.late.partition_point(|(there, _)| *there < time);
        self.late.insert(at, (time, value));
        self.first = self.first.min(time);
        if self.late.len() >= LATE {
            self.close_late();
        }
        self.measure();
        Ok(Pushed::New)
    }

    /// The sample at `time`, if it is in memory.
    fn find(&self, time: i64) -> Option<Number> {
        let mut points = Points::default();
        self.read(time, time, &mut points).ok()?;
        let histogram = points.histograms.pop().map(|(_, histogram)| Number::Histogram(histogram));
        histogram.or(points.values.first().copied().map(Number::Float))
    }

    fn find_histogram(&self, time: i64, histogram: &FloatHistogram) -> Result<Pushed, Reason> {
        match self.find(time) {
            Some(Number::Histogram(there)) if alike(&there, histogram) => Ok(Pushed::Same),
            Some(_) => Err(Reason::Duplicate),
            None => Err(Reason::OutOfOrder),
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            let (meta, bytes) = open.chunk();
            self.put(Chunk { meta, bytes: bytes.into() });
        }
    }

    fn close_late(&mut self) {
        if let Some(chunk) = late_chunk(&self.late) {
            self.put(chunk);
        }
        self.late = Vec::new();
    }

    /// Adds a closed chunk. [`Self::settle`] ends a row of calls.
    pub(crate) fn put(&mut self, chunk: Chunk) {
        self.closed_size += chunk.size() as u32;
        self.closed.push(chunk);
    }

    /// What a file says of the series: its first time and its last sample.
    pub(crate) fn settle(&mut self, first: i64, last: Option<(i64, Number)>) {
        if let Some(last) = last {
            match &self.last {
                None => (self.first, self.last) = (first, Some(last)),
                Some(known) if known.0 < last.0 => self.last = Some(last),
                Some(_) => {}
            }
            self.first = self.first.min(first);
        }
        self.measure();
    }

    /// Closed chunks that end before `before`, for a file.
    pub(crate) fn closed_before(&self, before: i64) -> SmallVec<[Chunk; 8]> {
        self.closed.iter().filter(|chunk| chunk.meta.last < before).cloned().collect()
    }

    /// Lets go of what is older; chunks that reach over `oldest` stay.
    pub(crate) fn forget_before(&mut self, oldest: i64) {
        self.first = self.first.max(oldest);
        if self.closed.iter().any(|chunk| chunk.meta.last < oldest) {
            self.drop_closed(|chunk| chunk.meta.last < oldest);
        }
    }

    /// Lets go of closed chunks that `gone` names.
    pub(crate) fn drop_closed(&mut self, gone: impl Fn(&Chunk) -> bool) {
        self.closed.retain(|chunk| !gone(chunk));
        self.closed.shrink_to_fit();
        self.closed_size = self.closed.iter().map(|chunk| chunk.size() as u32).sum();
        self.measure();
    }

    /// Every chunk in memory as closed ones, for a checkpoint.
    pub(crate) fn snapshot(&self) -> SmallVec<[Chunk; 8]> {
        let mut chunks: SmallVec<[Chunk; 8]> = self.closed.iter().cloned().collect();
        if let Some(open) = &self.open {
            let (meta, bytes) = open.chunk();
            chunks.push(Chunk { meta, bytes: bytes.into() });
        }
        chunks.extend(late_chunk(&self.late));
        chunks
    }

    /// Adds what is in memory with `from <= time <= to`: first what came in order, then the rest.
    pub(crate) fn read(&self, from: i64, to: i64, out: &mut Points) -> Result<(), Damaged> {
        for late in [false, true] {
            for Chunk { meta, bytes } in &self.closed {
                if meta.late == late && meta.overlaps(from, to) {
                    meta.read(bytes, from, to, out)?;
                }
            }
            if let Some(open) = &self.open
                && !late
            {
                let (meta, bytes) = open.chunk();
                if meta.overlaps(from, to) {
                    meta.read(bytes, from, to, out)?;
                }
            }
        }
        for (time, value) in &self.late {
            if (from..=to).contains(time) {
                out.times.push(*time);
                out.values.push(*value);
            }
        }
        Ok(())
    }
}

fn floats(writer: &XorWriter, late: bool) -> Meta {
    let (first, last, count) = (writer.first(), writer.last(), writer.count());
    Meta { first, last, count, kind: Kind::Floats, late }
}

fn late_chunk(late: &[(i64, f64)]) -> Option<Chunk> {
    let ((first, value), rest) = late.split_first()?;
    let mut writer = XorWriter::new(*first, *value, 64);
    for (time, value) in rest {
        writer.push(*time, *value);
    }
    let (meta, bytes) = (floats(&writer, true), writer.bytes().into());
    Some(Chunk { meta, bytes })
}

fn same(there: &Number, value: f64) -> Result<Pushed, Reason> {
    match there {
        Number::Float(there) if there.to_bits() == value.to_bits() => Ok(Pushed::Same),
        Number::Float(_) | Number::Histogram(_) => Err(Reason::Duplicate),
    }
}

/// Puts points in order of time; of several with one time the first stays, which is the one that
/// came in order.
pub(crate) fn in_order(points: &mut Points) {
    if !points.times.is_sorted_by(|a, b| a < b) {
        let mut pairs: Vec<(i64, f64)> =
            points.times.drain(..).zip(points.values.drain(..)).collect();
        pairs.sort_by_key(|(time, _)| *time);
        pairs.dedup_by_key(|(time, _)| *time);
        (points.times, points.values) = pairs.into_iter().unzip();
    }
    if !points.histograms.is_sorted_by(|a, b| a.0 < b.0) {
        points.histograms.sort_by_key(|(time, _)| *time);
        points.histograms.dedup_by_key(|(time, _)| *time);
    }
    if !points.histograms.is_empty() && !points.times.is_empty() {
        apart(points);
    }
}

/// A late float and a histogram may have one time when the histogram's chunk was in a file: the
/// histogram came first.
fn apart(points: &mut Points) {
    let histograms = &points.histograms;
    let is_float = |time: &i64| histograms.binary_search_by_key(time, |(there, _)| *there).is_err();
    let kept: Vec<bool> = points.times.iter().map(is_float).collect();
    let mut keep = kept.iter();
    points.times.retain(|_| keep.next().is_some_and(|keep| *keep));
    let mut keep = kept.iter();
    points.values.retain(|_| keep.next().is_some_and(|keep| *keep));
}

/// Whether two histograms are the same to the bit, so that one stale marker equals another.
fn alike(one: &FloatHistogram, other: &FloatHistogram) -> bool {
    chunk::histogram::encoded(one) == chunk::histogram::encoded(other)
}
