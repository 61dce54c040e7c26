//! Numbers and texts of the files, in the few forms they are written in.

use thiserror::Error;

/// Bytes that are not what was written.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("stored bytes are damaged")]
pub(crate) struct Damaged;

pub(crate) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn put_zigzag(number: i64, out: &mut Vec<u8>) {
    put_varint((number << 1 ^ number >> 63).cast_unsigned(), out);
}

pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend(bytes);
}

pub(crate) fn put_double(value: f64, out: &mut Vec<u8>) {
    out.extend(value.to_bits().to_le_bytes());
}

/// Takes what the functions above have put.
pub(crate) struct Taker<'a>(pub(crate) &'a [u8]);

impl<'a> Taker<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        let (byte, rest) = self.0.split_first().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    pub(crate) fn number<N: TryFrom<u64>>(&mut self) -> Result<N, Damaged> {
        N::try_from(self.varint()?).map_err(|_| Damaged)
    }

    pub(crate) fn zigzag(&mut self) -> Result<i64, Damaged> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn taken(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let length = self.number()?;
        self.taken(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damaged)
    }

    pub(crate) fn double(&mut self) -> Result<f64, Damaged> {
        let (eight, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        self.0 = rest;
        Ok(f64::from_bits(u64::from_le_bytes(*eight)))
    }
}
