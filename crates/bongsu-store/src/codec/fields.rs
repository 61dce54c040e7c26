//! Reading and writing the fields of one checksummed record.

use bongsu_model::Timestamp;
use thiserror::Error;
use xxhash_rust::xxh64::xxh64;

/// Bytes of the checksum at the end of a record.
const CHECKSUM: usize = 4;

/// Why bytes are not the record they should be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    /// Fewer bytes than the fields need.
    #[error("record is cut short")]
    Short,
    /// The checksum does not fit.
    #[error("record is corrupt (checksum)")]
    Checksum,
    /// Another kind of record, or written by a later version.
    #[error("record has unknown format {0:#04x}")]
    Format(u8),
    /// A field holds what no writer writes.
    #[error("record has an invalid {0}")]
    Field(&'static str),
    /// Bytes are left after the last field.
    #[error("record has trailing bytes")]
    Trailing,
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    (xxh64(bytes, 0) as u32).to_le_bytes()
}

/// Writes one record into a buffer that the caller reuses.
pub struct FieldWriter<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> FieldWriter<'b> {
    /// Empties the buffer and starts a record. Formats below `0x80` belong to this crate; the
    /// engine uses the rest for payloads of its own.
    pub fn new(out: &'b mut Vec<u8>, format: u8) -> Self {
        out.clear();
        out.push(format);
        Self { out }
    }

    /// One byte.
    pub fn byte(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Eight bytes, for hashes.
    pub fn fixed(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// An unsigned integer, small ones short.
    pub fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    /// A signed integer, those near zero short.
    pub fn signed(&mut self, value: i128) {
        let mut rest = (value << 1 ^ value >> 127) as u128;
        while rest >= 0x80 {
            self.out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.out.push(rest as u8);
    }

    /// An instant as nanoseconds after `base`; exact over the whole range of `Timestamp`.
    pub fn instant(&mut self, at: Timestamp, base: Timestamp) {
        self.signed(at.as_nanosecond() - base.as_nanosecond());
    }

    /// Bytes with their length.
    pub fn bytes(&mut self, value: &[u8]) {
        self.unsigned(value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// Text with its length.
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// Bytes written so far.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// Seals the record.
    pub fn finish(self) {
        let sum = checksum(self.out);
        self.out.extend_from_slice(&sum);
    }
}

/// Reads the fields of one record in the order they were written.
#[derive(Clone, Debug)]
pub struct FieldReader<'b> {
    rest: &'b [u8],
}

impl<'b> FieldReader<'b> {
    /// Checks format and checksum.
    pub fn new(record: &'b [u8], format: u8) -> Result<Self, CodecError> {
        let (&first, _) = record.split_first().ok_or(CodecError::Short)?;
        let (fields, sum) = record.split_last_chunk::<CHECKSUM>().ok_or(CodecError::Short)?;
        if checksum(fields) != *sum {
            return Err(CodecError::Checksum);
        }
        if first != format {
            return Err(CodecError::Format(first));
        }
        Ok(Self { rest: fields.get(1..).ok_or(CodecError::Short)? })
    }

    /// Whether every field was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails if anything is left.
    pub fn finish(self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError::Trailing) }
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, CodecError> {
        let (&byte, rest) = self.rest.split_first().ok_or(CodecError::Short)?;
        self.rest = rest;
        Ok(byte)
    }

    /// Eight bytes.
    pub fn fixed(&mut self) -> Result<u64, CodecError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(CodecError::Short)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// An unsigned integer.
    pub fn unsigned(&mut self) -> Result<u64, CodecError> {
        u64::try_from(self.groups()?).map_err(|_| CodecError::Field("integer"))
    }

    /// A signed integer.
    pub fn signed(&mut self) -> Result<i128, CodecError> {
        let raw = self.groups()?;
        Ok((raw >> 1) as i128 ^ -((raw & 1) as i128))
    }

    fn groups(&mut self) -> Result<u128, CodecError> {
        let mut value = 0u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            let group = u128::from(byte & 0x7f);
            if shift > 0 && group.leading_zeros() < shift {
                return Err(CodecError::Field("integer"));
            }
            value |= group << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Field("integer"))
    }

    /// An instant written relative to the same `base`.
    pub fn instant(&mut self, base: Timestamp) -> Result<Timestamp, CodecError> {
        self.signed()?
            .checked_add(base.as_nanosecond())
            .and_then(|nanos| Timestamp::from_nanosecond(nanos).ok())
            .ok_or(CodecError::Field("instant"))
    }

    /// Bytes with their length.
    pub fn bytes(&mut self) -> Result<&'b [u8], CodecError> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| CodecError::Short)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CodecError::Short)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Text with its length.
    pub fn text(&mut self) -> Result<&'b str, CodecError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| CodecError::Field("text"))
    }
}
