//! Native histograms, one after the other: distance in time, length, the histogram whole.

use std::sync::Arc;

use bongsu_promql::histogram::{Buckets, ResetHint};
use bongsu_promql::{FloatHistogram, Points};

use crate::codec::{Damaged, Taker, put_bytes, put_double, put_varint, put_zigzag};

/// A chunk that still grows.
#[derive(Clone, Debug)]
pub(crate) struct HistogramWriter {
    bytes: Vec<u8>,
    first: i64,
    time: i64,
    count: u16,
}

impl HistogramWriter {
    /// A chunk of one histogram.
    pub(crate) fn new(time: i64, histogram: &FloatHistogram) -> Self {
        let mut writer = Self { bytes: Vec::new(), first: time, time, count: 0 };
        writer.push(time, histogram);
        writer
    }

    /// Time of the first histogram.
    pub(crate) fn first(&self) -> i64 {
        self.first
    }

    /// Time of the last histogram.
    pub(crate) fn last(&self) -> i64 {
        self.time
    }

    /// Histograms in it.
    pub(crate) fn count(&self) -> u16 {
        self.count
    }

    /// What it is so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Memory it takes.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds a histogram.
    pub(crate) fn push(&mut self, time: i64, histogram: &FloatHistogram) {
        put_zigzag(time.wrapping_sub(self.time), &mut self.bytes);
        put_bytes(&encoded(histogram), &mut self.bytes);
        self.time = time;
        self.count += 1;
    }
}

/// Adds the histograms with `from <= time <= to` to `out`.
pub(super) fn read(
    first: i64,
    count: u16,
    bytes: &[u8],
    from: i64,
    to: i64,
    out: &mut Points,
) -> Result<(), Damaged> {
    let mut taker = Taker(bytes);
    let mut time = first;
    for _ in 0..count {
        time = time.wrapping_add(taker.zigzag()?);
        let histogram = taker.bytes()?;
        if (from..=to).contains(&time) {
            out.histograms.push((time, Arc::new(decoded(histogram)?)));
        }
    }
    Ok(())
}

/// All counts are whole numbers, written as such.
const WHOLE: u8 = 1;

/// A histogram as it is stored: form, what is said of resets, schema, zero bucket, sum, counts,
/// buckets, bounds.
pub(crate) fn encoded(histogram: &FloatHistogram) -> Vec<u8> {
    let sides = [&histogram.positive, &histogram.negative];
    let totals = [histogram.count, histogram.zero_count];
    let mut counts = totals.iter().chain(sides.iter().flat_map(|side| side.counts()));
    let whole = counts.all(|count| is_whole(*count));
    let mut out = vec![if whole { WHOLE } else { 0 }, hint_number(histogram.reset_hint)];
    put_zigzag(i64::from(histogram.schema), &mut out);
    put_double(histogram.zero_threshold, &mut out);
    put_double(histogram.sum, &mut out);
    put_counts(&totals, whole, &mut out);
    for side in sides {
        put_varint(side.spans().len() as u64, &mut out);
        let mut end = 0;
        for span in side.spans() {
            put_zigzag(i64::from(span.start) - end, &mut out);
            put_varint(u64::from(span.length), &mut out);
            end = i64::from(span.start) + i64::from(span.length);
        }
        put_varint(side.len() as u64, &mut out);
        put_counts(side.counts(), whole, &mut out);
    }
    put_varint(histogram.bounds.len() as u64, &mut out);
    for bound in &*histogram.bounds {
        put_double(*bound, &mut out);
    }
    out
}

/// Whether a count is kept to the bit as an integer.
fn is_whole(count: f64) -> bool {
    const EXACT: f64 = (1u64 << 53) as f64;
    (0.0..EXACT).contains(&count) && (count as u64 as f64).to_bits() == count.to_bits()
}

fn put_counts(counts: &[f64], whole: bool, out: &mut Vec<u8>) {
    let mut before = 0;
    for count in counts {
        if whole {
            // Neighbours are alike.
            put_zigzag(*count as i64 - before, out);
            before = *count as i64;
        } else {
            put_double(*count, out);
        }
    }
}

/// The histogram that [`encoded`] wrote.
pub(crate) fn decoded(bytes: &[u8]) -> Result<FloatHistogram, Damaged> {
    let mut taker = Taker(bytes);
    let whole = taker.byte()? == WHOLE;
    let reset_hint = hint_of(taker.byte()?)?;
    let schema = i32::try_from(taker.zigzag()?).map_err(|_| Damaged)?;
    let (zero_threshold, sum) = (taker.double()?, taker.double()?);
    let totals = take_counts(2, whole, &mut taker)?;
    let positive = take_buckets(whole, &mut taker)?;
    let negative = take_buckets(whole, &mut taker)?;
    let bounds: usize = taker.number()?;
    let bounds = (0..bounds).map(|_| taker.double()).collect::<Result<Arc<[f64]>, _>>()?;
    let (count, zero_count) = (totals[0], totals[1]);
    Ok(FloatHistogram {
        reset_hint,
        schema,
        zero_threshold,
        zero_count,
        count,
        sum,
        positive,
        negative,
        bounds,
    })
}

fn take_counts(count: usize, whole: bool, taker: &mut Taker<'_>) -> Result<Vec<f64>, Damaged> {
    let mut before = 0i64;
    let count = (0..count).map(|_| {
        if !whole {
            return taker.double();
        }
        before = before.wrapping_add(taker.zigzag()?);
        Ok(before as f64)
    });
    count.collect()
}

fn take_buckets(whole: bool, taker: &mut Taker<'_>) -> Result<Buckets, Damaged> {
    let spans: usize = taker.number()?;
    let span = |_| {
        let offset = i32::try_from(taker.zigzag()?).map_err(|_| Damaged)?;
        Ok((offset, taker.number()?))
    };
    let spans = (0..spans).map(span).collect::<Result<Vec<(i32, u32)>, Damaged>>()?;
    let counts = taker.number()?;
    let counts = take_counts(counts, whole, taker)?;
    Buckets::from_spans(spans, counts).map_err(|_| Damaged)
}

fn hint_number(hint: ResetHint) -> u8 {
    match hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    }
}

fn hint_of(number: u8) -> Result<ResetHint, Damaged> {
    Ok(match number {
        0 => ResetHint::Unknown,
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => return Err(Damaged),
    })
}
