//! Records of the log: series that are new and samples that were taken, in the order they were.

use std::sync::Arc;

use bongsu_model::Labels;
use bongsu_promql::FloatHistogram;

use crate::chunk::histogram::{decoded, encoded};
use crate::codec::{Damaged, Taker, put_bytes, put_double, put_varint, put_zigzag};

const SERIES: u8 = 1;
const FLOAT: u8 = 2;
const HISTOGRAM: u8 = 3;
/// A float at the time of the one before, of the series after the one before: most of a scrape.
const NEXT: u8 = 4;

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    Series(u32, Labels),
    Float(u32, i64, f64),
    Histogram(u32, i64, Arc<FloatHistogram>),
}

/// Writes the records of one append.
#[derive(Debug, Default)]
pub(crate) struct RecordWriter {
    pub(crate) bytes: Vec<u8>,
    last: (u32, i64),
}

impl RecordWriter {
    pub(crate) fn series(&mut self, id: u32, labels: &Labels) {
        self.bytes.push(SERIES);
        put_varint(u64::from(id), &mut self.bytes);
        put_labels(labels, &mut self.bytes);
    }

    pub(crate) fn float(&mut self, id: u32, time: i64, value: f64) {
        if self.last == (id.wrapping_sub(1), time) {
            self.bytes.push(NEXT);
            self.last = (id, time);
        } else {
            self.place(FLOAT, id, time);
        }
        put_double(value, &mut self.bytes);
    }

    pub(crate) fn histogram(&mut self, id: u32, time: i64, histogram: &FloatHistogram) {
        self.place(HISTOGRAM, id, time);
        put_bytes(&encoded(histogram), &mut self.bytes);
    }

    fn place(&mut self, kind: u8, id: u32, time: i64) {
        self.bytes.push(kind);
        put_zigzag(i64::from(id) - i64::from(self.last.0), &mut self.bytes);
        put_zigzag(time.wrapping_sub(self.last.1), &mut self.bytes);
        self.last = (id, time);
    }
}

/// Calls `each` for each record of an append.
pub(crate) fn read(bytes: &[u8], mut each: impl FnMut(Record)) -> Result<(), Damaged> {
    let mut taker = Taker(bytes);
    let mut last = (0u32, 0i64);
    let place = |taker: &mut Taker<'_>, last: &mut (u32, i64)| {
        let id = i64::from(last.0).wrapping_add(taker.zigzag()?);
        let id = u32::try_from(id).map_err(|_| Damaged)?;
        *last = (id, last.1.wrapping_add(taker.zigzag()?));
        Ok(*last)
    };
    while !taker.is_empty() {
        each(match taker.byte()? {
            SERIES => Record::Series(taker.number()?, take_labels(&mut taker)?),
            FLOAT => {
                let (id, time) = place(&mut taker, &mut last)?;
                Record::Float(id, time, taker.double()?)
            }
            NEXT => {
                last.0 = last.0.wrapping_add(1);
                Record::Float(last.0, last.1, taker.double()?)
            }
            HISTOGRAM => {
                let (id, time) = place(&mut taker, &mut last)?;
                Record::Histogram(id, time, Arc::new(decoded(taker.bytes()?)?))
            }
            _ => return Err(Damaged),
        });
    }
    Ok(())
}

pub(crate) fn put_labels(labels: &Labels, out: &mut Vec<u8>) {
    put_varint(labels.len() as u64, out);
    for (name, value) in labels.iter() {
        put_bytes(name.as_bytes(), out);
        put_bytes(value.as_bytes(), out);
    }
}

pub(crate) fn take_labels(taker: &mut Taker<'_>) -> Result<Labels, Damaged> {
    let count: usize = taker.number()?;
    let pairs = (0..count).map(|_| Ok((taker.text()?, taker.text()?)));
    Ok(Labels::from_pairs(pairs.collect::<Result<Vec<_>, Damaged>>()?))
}
