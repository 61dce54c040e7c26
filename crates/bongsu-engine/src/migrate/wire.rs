//! What both files have in common.

use bongsu_lang::protobuf::{Delimited, Message, ProtobufError};
use bongsu_model::Timestamp;

use super::Taken;

/// Why one record is of no use.
pub(super) enum Fault {
    /// The file is damaged.
    Corrupt(ProtobufError),
    /// The record means nothing here.
    Unusable(String),
}

impl From<ProtobufError> for Fault {
    fn from(error: ProtobufError) -> Self {
        match error {
            ProtobufError::Text => Self::Unusable(error.to_string()),
            _ => Self::Corrupt(error),
        }
    }
}

/// Reads record by record; what means nothing is left aside, what cannot be read ends it.
pub(super) fn each<'a, T>(
    file: &'a [u8],
    mut read: impl FnMut(Message<'a>, &mut Vec<T>) -> Result<(), Fault>,
) -> Result<Taken<T>, ProtobufError> {
    let mut taken = Taken::default();
    for message in Delimited::new(file) {
        match read(message?, &mut taken.records) {
            Ok(()) => {}
            Err(Fault::Corrupt(error)) => return Err(error),
            Err(Fault::Unusable(reason)) => taken.refused.push(reason),
        }
    }
    Ok(taken)
}

/// `google.protobuf.Timestamp`: seconds since 1970 and nanoseconds.
pub(super) fn timestamp(message: Message<'_>) -> Result<Timestamp, Fault> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in message {
        match field? {
            (1, value) => seconds = value.signed()?,
            (2, value) => nanos = value.signed()?,
            _ => {}
        }
    }
    i32::try_from(nanos)
        .ok()
        .and_then(|nanos| Timestamp::new(seconds, nanos).ok())
        .ok_or_else(|| Fault::Unusable("a time beyond the calendar".to_owned()))
}
