//! Floats, compressed as in Facebook's Gorilla paper: times by the change of their distance, values
//! by the bits in which they differ from the one before. Regular times take one bit.
//!
//! The first time is not among the bits: whoever holds a chunk knows it.

use super::bits::{BitReader, BitWriter};
use crate::codec::Damaged;

/// How the change of a distance is written: a mark and so many bits, by size.
const TIMES: [(u64, u32, u32); 3] = [(0b10, 2, 14), (0b110, 3, 17), (0b1110, 4, 20)];

/// A chunk that still grows.
#[derive(Clone, Debug)]
pub(crate) struct XorWriter {
    bits: BitWriter,
    first: i64,
    time: i64,
    delta: i64,
    value: u64,
    count: u16,
    /// Zero bits before and behind the ones written last; no ones yet if `leading` is 64.
    leading: u8,
    trailing: u8,
}

impl XorWriter {
    /// A chunk of one sample; `capacity` is what it will probably take.
    pub(crate) fn new(time: i64, value: f64, capacity: usize) -> Self {
        let mut bits = BitWriter::with_capacity(capacity);
        let value = value.to_bits();
        bits.push(value, 64);
        Self { bits, first: time, time, delta: 0, value, count: 1, leading: 64, trailing: 0 }
    }

    /// Time of the first sample.
    pub(crate) fn first(&self) -> i64 {
        self.first
    }

    /// Time of the last sample.
    pub(crate) fn last(&self) -> i64 {
        self.time
    }

    /// Samples in it.
    pub(crate) fn count(&self) -> u16 {
        self.count
    }

    /// What it is so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bits.bytes()
    }

    /// Memory it takes.
    pub(crate) fn capacity(&self) -> usize {
        self.bits.capacity()
    }

    /// Adds a sample.
    pub(crate) fn push(&mut self, time: i64, value: f64) {
        let delta = time.wrapping_sub(self.time);
        self.push_change(delta.wrapping_sub(self.delta));
        (self.time, self.delta) = (time, delta);
        let value = value.to_bits();
        self.push_xor(value ^ self.value);
        self.value = value;
        self.count += 1;
    }

    fn push_change(&mut self, change: i64) {
        if change == 0 {
            return self.bits.bit(false);
        }
        for (mark, marks, size) in TIMES {
            let half = 1i64 << (size - 1);
            if (-half..half).contains(&change) {
                self.bits.push(mark, marks);
                return self.bits.push(change.cast_unsigned(), size);
            }
        }
        self.bits.push(0b1111, 4);
        self.bits.push(change.cast_unsigned(), 64);
    }

    fn push_xor(&mut self, xor: u64) {
        if xor == 0 {
            return self.bits.bit(false);
        }
        self.bits.bit(true);
        // Five bits hold at most 31.
        let (leading, trailing) = (xor.leading_zeros().min(31) as u8, xor.trailing_zeros() as u8);
        if self.leading != 64 && leading >= self.leading && trailing >= self.trailing {
            self.bits.bit(false);
        } else {
            (self.leading, self.trailing) = (leading, trailing);
            self.bits.bit(true);
            self.bits.push(u64::from(leading), 5);
            // 64 is written as 0, which cannot occur.
            self.bits.push(u64::from(64 - leading - trailing) & 63, 6);
        }
        let ones = 64 - u32::from(self.leading) - u32::from(self.trailing);
        self.bits.push(xor >> self.trailing, ones);
    }
}

/// Calls `sample` for each sample in order of writing.
pub(crate) fn read(
    first: i64,
    count: u16,
    bytes: &[u8],
    mut sample: impl FnMut(i64, f64),
) -> Result<(), Damaged> {
    let mut bits = BitReader::new(bytes);
    let mut value = bits.take(64).ok_or(Damaged)?;
    let (mut time, mut delta) = (first, 0i64);
    let (mut ones, mut trailing) = (0u32, 0u32);
    sample(time, f64::from_bits(value));
    for _ in 1..count {
        let change = take_change(&mut bits).ok_or(Damaged)?;
        delta = delta.wrapping_add(change);
        time = time.wrapping_add(delta);
        if bits.bit().ok_or(Damaged)? {
            if bits.bit().ok_or(Damaged)? {
                let leading = bits.take(5).ok_or(Damaged)? as u32;
                ones = bits.take(6).ok_or(Damaged)? as u32;
                if ones == 0 {
                    ones = 64;
                }
                trailing = 64u32.checked_sub(leading + ones).ok_or(Damaged)?;
            } else if ones == 0 {
                return Err(Damaged);
            }
            value ^= bits.take(ones).ok_or(Damaged)? << trailing;
        }
        sample(time, f64::from_bits(value));
    }
    Ok(())
}

#[inline]
fn take_change(bits: &mut BitReader<'_>) -> Option<i64> {
    if !bits.bit()? {
        return Some(0);
    }
    for (_, _, size) in TIMES {
        if !bits.bit()? {
            let shift = 64 - size;
            return Some((bits.take(size)? << shift).cast_signed() >> shift);
        }
    }
    bits.take(64).map(u64::cast_signed)
}
