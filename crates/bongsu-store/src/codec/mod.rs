//! Compact binary form of alerts, journal batches and silences.
//!
//! Every record is `format byte, fields, checksum`: the byte names kind and version, integers are
//! LEB128 (signed ones zigzag), texts are length-prefixed UTF-8, the checksum is the low half of
//! the xxHash64 of everything before it. Decoding never panics and never trusts a length; a record
//! is refused before any of it is used.

mod alert;
mod batch;
mod fields;
mod silence;

pub use alert::{decode_alert, encode_alert};
pub use batch::{BatchDecoder, BatchEncoder, Entry, Touch};
pub use fields::{CodecError, FieldReader, FieldWriter};
pub use silence::{decode_silence, encode_silence};

/// First byte of an alert record, version 1.
const ALERT_V1: u8 = 0x11;
/// First byte of a journal batch, version 1.
const BATCH_V1: u8 = 0x21;
/// First byte of a silence, version 1.
const SILENCE_V1: u8 = 0x31;
