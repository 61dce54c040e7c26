//! The buckets of one sign: sparse counts by index.

use std::ops::Range;

use super::Invalid;
use super::bounds;

/// A run of buckets without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Index of the first bucket.
    pub start: i32,
    /// How many buckets; never 0.
    pub length: u32,
}

impl Span {
    fn indices(&self) -> Range<i32> {
        self.start..self.end()
    }

    fn end(&self) -> i32 {
        self.start.saturating_add_unsigned(self.length)
    }
}

/// Counts by index, rising. Spans neither touch nor are empty, so that equal layouts are equal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    spans: Vec<Span>,
    counts: Vec<f64>,
}

/// A bucket with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether the lower bound belongs to it.
    pub lower_inclusive: bool,
    /// Whether the upper bound belongs to it.
    pub upper_inclusive: bool,
    /// Observations.
    pub count: f64,
}

impl Buckets {
    /// Buckets of spans as they are sent: the offset of the first is an index, that of each other
    /// the gap to the one before.
    pub fn from_spans(
        spans: impl IntoIterator<Item = (i32, u32)>,
        counts: Vec<f64>,
    ) -> Result<Self, Invalid> {
        let mut made = Self::default();
        let (mut end, mut covered) = (0i64, 0usize);
        for (at, (offset, length)) in spans.into_iter().enumerate() {
            if at > 0 && offset < 0 {
                return Err(Invalid::NegativeOffset);
            }
            let start = end + i64::from(offset);
            end = start + i64::from(length);
            covered = covered.saturating_add(length as usize);
            if covered > counts.len() {
                return Err(Invalid::SpansMismatch { spans: covered, counts: counts.len() });
            }
            let first = i32::try_from(start).map_err(|_| Invalid::Index(start))?;
            i32::try_from(end).map_err(|_| Invalid::Index(end))?;
            if length > 0 {
                made.push_span(Span { start: first, length });
            }
        }
        if covered != counts.len() {
            return Err(Invalid::SpansMismatch { spans: covered, counts: counts.len() });
        }
        made.counts = counts;
        Ok(made)
    }

    /// One run of buckets from `start` on.
    pub fn run(start: i32, counts: Vec<f64>) -> Result<Self, Invalid> {
        let length = u32::try_from(counts.len()).map_err(|_| Invalid::TooManyBuckets)?;
        Self::from_spans([(start, length)], counts)
    }

    /// The runs of buckets.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Counts of all runs, one after the other.
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// Number of buckets, empty ones that are written out among them.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is no bucket.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Index and count of each bucket.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, f64)> {
        Iter { spans: self.spans.iter(), front: 0..0, back: 0..0, counts: self.counts.iter() }
    }

    /// First and last index.
    pub(super) fn ends(&self) -> [Option<i32>; 2] {
        [self.spans.first().map(|span| span.start), self.spans.last().map(|span| span.end() - 1)]
    }

    pub(super) fn for_each_count(&mut self, change: impl FnMut(&mut f64)) {
        self.counts.iter_mut().for_each(change);
    }

    /// Whether layout and the bits of counts are the same.
    pub(super) fn same(&self, other: &Self) -> bool {
        let counts = self.counts.iter().zip(&other.counts);
        self.spans == other.spans
            && self.counts.len() == other.counts.len()
            && counts.into_iter().all(|(a, b)| a.to_bits() == b.to_bits())
    }

    /// Without empty buckets, but for gaps of at most `keep` empty ones between others.
    pub(super) fn compact(&self, keep: usize) -> Self {
        let mut made = Self::default();
        for (index, count) in self.iter().filter(|(_, count)| *count != 0.0) {
            if let Some(last) = made.spans.last() {
                let end = last.end();
                let gap = i64::from(index) - i64::from(end);
                if gap > 0 && u64::try_from(gap).is_ok_and(|gap| gap <= keep as u64) {
                    (end..index).for_each(|empty| made.push(empty, 0.0));
                }
            }
            made.push(index, count);
        }
        made
    }

    /// The same observations in a coarser schema.
    pub(super) fn reduce(&self, from: i32, to: i32) -> Self {
        let mut made = Self::default();
        for (index, count) in self.iter() {
            let index = bounds::coarser(index, from, to);
            match made.spans.last() {
                Some(last) if last.end() > index => {
                    if let Some(sum) = made.counts.last_mut() {
                        *sum += count;
                    }
                }
                _ => made.push(index, count),
            }
        }
        made
    }

    /// Buckets of both, `sign` times the counts of `other` added.
    pub(super) fn merge(&self, other: &Self, sign: f64) -> Self {
        let mut made = Self::default();
        let mut own = self.iter().peekable();
        for (index, count) in other.iter() {
            while let Some((before, kept)) = own.next_if(|(own, _)| *own < index) {
                made.push(before, kept);
            }
            let kept = own.next_if(|(own, _)| *own == index).map_or(0.0, |(_, kept)| kept);
            made.push(index, kept + sign * count);
        }
        own.for_each(|(index, kept)| made.push(index, kept));
        made
    }

    /// Appends a bucket; its index is above all others.
    fn push(&mut self, index: i32, count: f64) {
        self.push_span(Span { start: index, length: 1 });
        self.counts.push(count);
    }

    fn push_span(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(last) if last.end() == span.start => last.length += span.length,
            _ => self.spans.push(span),
        }
    }
}

impl FromIterator<(i32, f64)> for Buckets {
    /// Buckets by rising index.
    fn from_iter<T: IntoIterator<Item = (i32, f64)>>(buckets: T) -> Self {
        let mut made = Self::default();
        for (index, count) in buckets {
            made.push(index, count);
        }
        made
    }
}

/// Index and count of each bucket, from both ends.
struct Iter<'a> {
    spans: std::slice::Iter<'a, Span>,
    /// What is left of the span that was begun from the front.
    front: Range<i32>,
    /// What is left of the span that was begun from the back.
    back: Range<i32>,
    counts: std::slice::Iter<'a, f64>,
}

impl Iterator for Iter<'_> {
    type Item = (i32, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let count = *self.counts.next()?;
        if self.front.is_empty() {
            self.front = match self.spans.next() {
                Some(span) => span.indices(),
                None => std::mem::take(&mut self.back),
            };
        }
        Some((self.front.next()?, count))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.counts.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let count = *self.counts.next_back()?;
        if self.back.is_empty() {
            self.back = match self.spans.next_back() {
                Some(span) => span.indices(),
                None => std::mem::take(&mut self.front),
            };
        }
        Some((self.back.next_back()?, count))
    }
}
