//! Records of the log: series that are new and samples that were taken, in the order they were.

use std::sync::Arc;

use bongsu_model::Labels;
use bongsu_promql::FloatHistogram;

use crate::chunk::histogram::{decoded, encoded};
use crate::codec::{Damaged, Taker, put_bytes, put_double, put_varint, put_zigzag};

const SERIES: u8 = 1;
const FLOAT: u8 = 2;
const HISTOGRAM: u8 = 3;
/// A float at the time of the one before, of the series after the one before: most of a scrape. The
/// low bits tell how many bytes of it follow: what is counted ends in many zeros.
const NEXT: u8 = 0x10;
const NEXT_EIGHT: u8 = NEXT | 8;
/// The same with all eight bytes, as it was written once.
const NEXT_WHOLE: u8 = 4;

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
            self.last = (id, time);
            let bits = value.to_bits();
            let significant = 8 - bits.trailing_zeros() as usize / 8;
            self.bytes.push(NEXT | significant as u8);
            self.bytes.extend(&bits.to_be_bytes()[..significant]);
        } else {
            self.place(FLOAT, id, time);
            put_double(value, &mut self.bytes);
        }
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
            NEXT_WHOLE => {
                last.0 = last.0.wrapping_add(1);
                Record::Float(last.0, last.1, taker.double()?)
            }
            next @ NEXT..=NEXT_EIGHT => {
                last.0 = last.0.wrapping_add(1);
                let mut bits = [0; 8];
                let significant = usize::from(next - NEXT);
                bits[..significant].copy_from_slice(taker.taken(significant)?);
                Record::Float(last.0, last.1, f64::from_bits(u64::from_be_bytes(bits)))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn float() -> impl Strategy<Value = f64> {
        prop_oneof![any::<f64>(), (0..100_000u32).prop_map(f64::from), Just(0.0), Just(-0.0)]
    }

    proptest! {
        #[test]
        fn floats_come_back_bit_by_bit(
            floats in proptest::collection::vec((0..4u32, 0..2i64, float()), 0..20),
        ) {
            let mut writer = RecordWriter::default();
            let mut id = 7u32;
            let floats: Vec<_> = floats.into_iter().map(|(skip, late, value)| {
                id += skip;
                (id, 1000 + late, value)
            }).collect();
            for (id, time, value) in &floats {
                writer.float(*id, *time, *value);
            }
            let mut back = Vec::new();
            let read = read(&writer.bytes, |record| match record {
                Record::Float(id, time, value) => back.push((id, time, value.to_bits())),
                other => panic!("{other:?} was not written"),
            });
            prop_assert!(read.is_ok());
            let wanted: Vec<_> = floats.iter().map(|(id, at, v)| (*id, *at, v.to_bits())).collect();
            prop_assert_eq!(back, wanted);
        }
    }

    #[test]
    fn what_was_written_in_eight_bytes_is_read() {
        let mut bytes = vec![NEXT_WHOLE];
        put_double(1.5, &mut bytes);
        let mut back = Vec::new();
        read(&bytes, |record| back.push(record)).unwrap();
        assert_eq!(back, [Record::Float(1, 0, 1.5)]);
    }

    #[test]
    fn a_count_takes_few_bytes() {
        let mut writer = RecordWriter::default();
        (0..100).for_each(|id| writer.float(id, 5, 4500.0));
        assert!(writer.bytes.len() < 420, "{}", writer.bytes.len());
    }
}
