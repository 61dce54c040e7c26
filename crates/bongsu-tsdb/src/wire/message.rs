//! Protocol buffers as a sender writes them, for tests.

use crate::codec::{put_bytes, put_double, put_varint, put_zigzag};

/// Messages as a sender writes them.
#[derive(Clone, Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn number(mut self, field: u64, number: u64) -> Self {
        put_varint(field << 3, &mut self.0);
        put_varint(number, &mut self.0);
        self
    }

    pub(super) fn signed(mut self, field: u64, number: i64) -> Self {
        put_varint(field << 3, &mut self.0);
        put_zigzag(number, &mut self.0);
        self
    }

    pub(super) fn double(mut self, field: u64, value: f64) -> Self {
        put_varint(field << 3 | 1, &mut self.0);
        put_double(value, &mut self.0);
        self
    }

    pub(super) fn fixed(mut self, field: u64, bits: u64) -> Self {
        put_varint(field << 3 | 1, &mut self.0);
        self.0.extend(bits.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        put_varint(field << 3 | 2, &mut self.0);
        put_bytes(bytes.as_ref(), &mut self.0);
        self
    }

    pub(super) fn with(self, field: u64, message: Out) -> Self {
        self.bytes(field, message.0)
    }
}
