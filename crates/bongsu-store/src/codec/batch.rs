//! One received batch as a journal record.

use bongsu_model::{Alert, Fingerprint, LabelsBuilder, Time, Timestamp};

use super::alert::{flags, read_alert, read_end, read_flags, read_start, write_alert, write_time};
use super::{BATCH_V1, CodecError, FieldReader, FieldWriter};

const NEW: u8 = 0;
const TOUCH: u8 = 1;
const MOVE: u8 = 2;

/// A resend of a known alert that says the same of it: only these fields move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Which alert.
    pub fingerprint: Fingerprint,
    /// Its start now, unless the alert goes on, or stays over, as it began.
    pub starts_at: Option<Time>,
    /// Its end now.
    pub ends_at: Time,
    /// When this report was received.
    pub updated_at: Timestamp,
    /// The end was filled in from `resolve_timeout`.
    pub timeout: bool,
}

/// One entry of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A whole alert: new, or changed in annotations or URL.
    New(Alert),
    /// A resend that says the same.
    Touch(Touch),
}

/// Encodes a batch into a buffer that can be reused.
pub struct BatchEncoder<'b> {
    record: FieldWriter<'b>,
    received_at: Timestamp,
    entries: usize,
}

impl<'b> BatchEncoder<'b> {
    /// Empties the buffer and starts a batch received at this instant.
    pub fn new(out: &'b mut Vec<u8>, received_at: Timestamp) -> Self {
        let mut record = FieldWriter::new(out, BATCH_V1);
        record.instant(received_at, Timestamp::UNIX_EPOCH);
        Self { record, received_at, entries: 0 }
    }

    /// Adds a whole alert.
    pub fn alert(&mut self, alert: &Alert) {
        self.entries += 1;
        self.record.byte(NEW);
        write_alert(&mut self.record, alert, self.received_at);
    }

    /// Adds a resend that says the same: about 17 bytes, some more with a start.
    pub fn touch(&mut self, touch: Touch) {
        let Touch { fingerprint, starts_at, ends_at, updated_at, timeout } = touch;
        self.entries += 1;
        self.record.byte(if starts_at.is_some() { MOVE } else { TOUCH });
        self.record.fixed(fingerprint.0);
        self.record.byte(flags(timeout, starts_at.unwrap_or(Time::utc(ends_at.at)), ends_at));
        self.record.instant(updated_at, self.received_at);
        if let Some(starts_at) = starts_at {
            write_time(&mut self.record, starts_at, updated_at);
        }
        write_time(&mut self.record, ends_at, updated_at);
    }

    /// Entries added.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Seals the record; the buffer now holds the journal body.
    pub fn finish(self) {
        self.record.finish();
    }
}

/// Yields the entries of a batch. After an error it ends.
pub struct BatchDecoder<'b> {
    fields: FieldReader<'b>,
    received_at: Timestamp,
    labels: LabelsBuilder<'b>,
    broken: bool,
}

impl<'b> BatchDecoder<'b> {
    /// Checks format and checksum of the whole record.
    pub fn new(record: &'b [u8]) -> Result<Self, CodecError> {
        let mut fields = FieldReader::new(record, BATCH_V1)?;
        let received_at = fields.instant(Timestamp::UNIX_EPOCH)?;
        Ok(Self { fields, received_at, labels: LabelsBuilder::default(), broken: false })
    }

    /// When the batch was received.
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    fn entry(&mut self) -> Result<Entry, CodecError> {
        match self.fields.byte()? {
            NEW => read_alert(&mut self.fields, self.received_at, &mut self.labels).map(Entry::New),
            kind @ (TOUCH | MOVE) => {
                let fingerprint = Fingerprint(self.fields.fixed()?);
                let flags = read_flags(&mut self.fields)?;
                let updated_at = self.fields.instant(self.received_at)?;
                let starts_at = match kind {
                    MOVE => Some(read_start(&mut self.fields, flags, updated_at)?),
                    _ => None,
                };
                let (ends_at, timeout) = read_end(&mut self.fields, flags, updated_at)?;
                Ok(Entry::Touch(Touch { fingerprint, starts_at, ends_at, updated_at, timeout }))
            }
            _ => Err(CodecError::Field("entry kind")),
        }
    }
}

impl Iterator for BatchDecoder<'_> {
    type Item = Result<Entry, CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.broken || self.fields.is_empty() {
            return None;
        }
        let entry = self.entry();
        self.broken = entry.is_err();
        Some(entry)
    }
}
