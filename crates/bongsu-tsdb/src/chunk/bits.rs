//! Bits one after the other, the highest first.

/// Collects bits.
#[derive(Clone, Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not taken.
    free: u32,
}

impl BitWriter {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), free: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn bit(&mut self, bit: bool) {
        self.push(u64::from(bit), 1);
    }

    /// The lowest `count` bits of `value`, at most 64.
    pub(super) fn push(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            left -= taken;
            let piece = (value >> left) as u8 & (0xff >> (8 - taken));
            self.free -= taken;
            if let Some(last) = self.bytes.last_mut() {
                *last |= piece << self.free;
            }
        }
    }
}

/// Takes bits; `None` when they are at their end.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits taken from `bytes` and not handed out, the next one highest.
    buffer: u64,
    left: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, buffer: 0, left: 0 }
    }

    /// Fills the buffer to at least 56 bits as long as there are any.
    fn fill(&mut self) {
        if self.left == 0
            && let Some((eight, rest)) = self.bytes.split_first_chunk()
        {
            (self.buffer, self.left, self.bytes) = (u64::from_be_bytes(*eight), 64, rest);
            return;
        }
        while self.left <= 56
            && let Some((byte, rest)) = self.bytes.split_first()
        {
            self.buffer |= u64::from(*byte) << (56 - self.left);
            (self.left, self.bytes) = (self.left + 8, rest);
        }
    }

    #[inline]
    pub(super) fn bit(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    /// `count` bits, 1 to 64.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Option<u64> {
        if count > self.left {
            self.fill();
            if count > self.left {
                return self.take_in_two(count);
            }
        }
        let value = self.buffer >> (64 - count);
        self.buffer = self.buffer.checked_shl(count).unwrap_or(0);
        self.left -= count;
        Some(value)
    }

    /// The buffer holds 57 to 63 bits and more are wanted.
    fn take_in_two(&mut self, count: u32) -> Option<u64> {
        let first = self.left;
        if first == 0 || self.bytes.is_empty() {
            return None;
        }
        let high = self.buffer >> (64 - first);
        (self.buffer, self.left) = (0, 0);
        self.fill();
        let rest = count - first;
        if rest > self.left {
            return None;
        }
        Some(high << rest | self.take(rest)?)
    }
}
