//! A reader for the protocol buffers wire format, without schemas.
//!
//! In: bytes another program wrote. Out: numbered fields that borrow from them; the caller knows
//! what they mean and passes over those it does not know. Nothing is allocated on the word of a
//! length prefix, and nothing recurses: depth and size are the caller's. Source: the encoding
//! chapter of the Protocol Buffers documentation. Groups (long out of use) are refused.

use thiserror::Error;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProtobufError {
    /// A value or a delimited message is longer than what is left.
    #[error("the data is cut short")]
    CutShort,
    /// A number takes more than 64 bits.
    #[error("a number is too long")]
    Number,
    /// A field has the number 0 or a kind of value that does not exist or is out of use.
    #[error("a field has an unknown kind of value")]
    Field,
    /// A known field holds another kind of value than its schema says.
    #[error("a field holds another kind of value than expected")]
    Kind,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
}

/// The value of a field as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number of variable length: integers, booleans, enumerations.
    Varint(u64),
    /// Eight bytes: `fixed64`, `double`.
    Fixed64(u64),
    /// Four bytes: `fixed32`, `float`.
    Fixed32(u32),
    /// Text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// An unsigned integer or enumeration.
    pub fn unsigned(self) -> Result<u64, ProtobufError> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(ProtobufError::Kind),
        }
    }

    /// An `int64` or `int32` (two's complement, not zigzag).
    pub fn signed(self) -> Result<i64, ProtobufError> {
        self.unsigned().map(u64::cast_signed)
    }

    /// A `double`.
    pub fn double(self) -> Result<f64, ProtobufError> {
        match self {
            Self::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(ProtobufError::Kind),
        }
    }

    /// Bytes.
    pub fn bytes(self) -> Result<&'a [u8], ProtobufError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(ProtobufError::Kind),
        }
    }

    /// Text.
    pub fn text(self) -> Result<&'a str, ProtobufError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| ProtobufError::Text)
    }

    /// A message inside this one.
    pub fn message(self) -> Result<Message<'a>, ProtobufError> {
        self.bytes().map(Message::new)
    }

    /// One element of a repeated unsigned integer, or several packed together.
    pub fn append_unsigned(self, numbers: &mut Vec<u64>) -> Result<(), ProtobufError> {
        match self {
            Self::Varint(number) => numbers.push(number),
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    numbers.push(varint(&mut packed)?);
                }
            }
            Self::Fixed64(_) | Self::Fixed32(_) => return Err(ProtobufError::Kind),
        }
        Ok(())
    }
}

/// The fields of one message in the order they were written; ends after the first error.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    /// The message that these bytes are.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn field(&mut self) -> Result<(u32, Value<'a>), ProtobufError> {
        let key = varint(&mut self.rest)?;
        let number = u32::try_from(key >> 3).map_err(|_| ProtobufError::Field)?;
        if number == 0 {
            return Err(ProtobufError::Field);
        }
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => Value::Fixed64(u64::from_le_bytes(array(&mut self.rest)?)),
            2 => Value::Bytes(prefixed(&mut self.rest)?),
            5 => Value::Fixed32(u32::from_le_bytes(array(&mut self.rest)?)),
            _ => return Err(ProtobufError::Field),
        };
        Ok((number, value))
    }
}

impl<'a> Iterator for Message<'a> {
    type Item = Result<(u32, Value<'a>), ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// A file of messages, each after its length; ends after the first error.
#[derive(Clone, Debug)]
pub struct Delimited<'a> {
    rest: &'a [u8],
}

impl<'a> Delimited<'a> {
    /// The messages in these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Delimited<'a> {
    type Item = Result<Message<'a>, ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let message = prefixed(&mut self.rest).map(Message::new);
        if message.is_err() {
            self.rest = &[];
        }
        Some(message)
    }
}

fn varint(rest: &mut &[u8]) -> Result<u64, ProtobufError> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or(ProtobufError::CutShort)?;
        *rest = after;
        // The tenth byte has room for one bit.
        if shift == 63 && *byte > 1 {
            break;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(ProtobufError::Number)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ProtobufError> {
    let (taken, after) = rest.split_first_chunk().ok_or(ProtobufError::CutShort)?;
    *rest = after;
    Ok(*taken)
}

fn prefixed<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], ProtobufError> {
    let length = usize::try_from(varint(rest)?).map_err(|_| ProtobufError::CutShort)?;
    let (taken, after) = rest.split_at_checked(length).ok_or(ProtobufError::CutShort)?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put_varint(mut number: u64, out: &mut Vec<u8>) {
        while number > 0x7f {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }

    fn put(number: u32, value: Value<'_>, out: &mut Vec<u8>) {
        let key = |kind: u64| u64::from(number) << 3 | kind;
        match value {
            Value::Varint(value) => {
                put_varint(key(0), out);
                put_varint(value, out);
            }
            Value::Fixed64(bits) => {
                put_varint(key(1), out);
                out.extend(bits.to_le_bytes());
            }
            Value::Bytes(bytes) => {
                put_varint(key(2), out);
                put_varint(bytes.len() as u64, out);
                out.extend(bytes);
            }
            Value::Fixed32(bits) => {
                put_varint(key(5), out);
                out.extend(bits.to_le_bytes());
            }
        }
    }

    #[test]
    fn reads_documented_bytes() {
        // The examples of the encoding documentation: 150, "testing", packed [3, 270, 86942].
        let fields = |bytes| Message::new(bytes).collect::<Result<Vec<_>, _>>();
        assert_eq!(fields(&[8, 0x96, 1]), Ok(vec![(1, Value::Varint(150))]));
        let testing = fields(b"\x12\x07testing").unwrap();
        assert_eq!((testing[0].0, testing[0].1.text()), (2, Ok("testing")));
        let packed = fields(&[0x32, 6, 3, 0x8e, 2, 0x9e, 0xa7, 5]).unwrap();
        let mut numbers = Vec::new();
        packed[0].1.append_unsigned(&mut numbers).unwrap();
        assert_eq!((packed[0].0, numbers), (6, vec![3, 270, 86942]));
        let minus_two = [8, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(fields(&minus_two).unwrap()[0].1.signed(), Ok(-2));
    }

    #[test]
    fn refuses_broken_bytes() {
        for (bytes, error) in [
            (&[0x08][..], ProtobufError::CutShort),
            (&[0x0a, 2, b'a'], ProtobufError::CutShort),
            (&[0x09, 1, 2, 3], ProtobufError::CutShort),
            (
                &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                ProtobufError::CutShort,
            ),
            (
                &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
                ProtobufError::Number,
            ),
            (&[0x00, 1], ProtobufError::Field),
            (&[0x0b, 0x0c], ProtobufError::Field),
        ] {
            let read: Result<Vec<_>, _> = Message::new(bytes).collect();
            assert_eq!(read, Err(error), "{bytes:?}");
        }
        assert_eq!(Value::Bytes(&[0xff]).text(), Err(ProtobufError::Text));
        assert_eq!(Value::Varint(1).text(), Err(ProtobufError::Kind));
        assert_eq!(
            Delimited::new(&[3, 8, 1]).map(|m| m.err()).collect::<Vec<_>>(),
            [Some(ProtobufError::CutShort)]
        );
    }

    fn field((number, kind, bits, bytes): &(u32, u8, u64, Vec<u8>)) -> (u32, Value<'_>) {
        let value = match kind {
            0 => Value::Varint(*bits),
            1 => Value::Fixed64(*bits),
            2 => Value::Fixed32(*bits as u32),
            _ => Value::Bytes(bytes),
        };
        (*number, value)
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_it_ends(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let fields = Message::new(&bytes).count();
            let messages = Delimited::new(&bytes).count();
            prop_assert!(fields <= bytes.len() && messages <= bytes.len());
        }

        #[test]
        fn reads_back_what_was_written(
            fields in proptest::collection::vec(
                (1u32..1 << 29, 0u8..4, any::<u64>(), proptest::collection::vec(any::<u8>(), 0..20)),
                0..10,
            ),
        ) {
            let written: Vec<_> = fields.iter().map(field).collect();
            let mut bytes = Vec::new();
            for (number, value) in &written {
                put(*number, *value, &mut bytes);
            }
            let read: Result<Vec<_>, _> = Message::new(&bytes).collect();
            prop_assert_eq!(read, Ok(written));
        }
    }
}
