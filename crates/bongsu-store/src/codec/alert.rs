//! One alert.

use bongsu_model::{Alert, Fingerprint, Labels, LabelsBuilder, Time, Timestamp};
use jiff::tz::Offset;

use super::{ALERT_V1, CodecError, FieldReader, FieldWriter};

const TIMEOUT: u8 = 1;
const STARTS_OFFSET: u8 = 2;
const ENDS_OFFSET: u8 = 4;

/// Encodes an alert as a record of its own; `out` is emptied first.
pub fn encode_alert(alert: &Alert, out: &mut Vec<u8>) {
    let mut record = FieldWriter::new(out, ALERT_V1);
    write_alert(&mut record, alert, Timestamp::UNIX_EPOCH);
    record.finish();
}

/// Decodes what [`encode_alert`] wrote.
pub fn decode_alert(record: &[u8]) -> Result<Alert, CodecError> {
    let mut fields = FieldReader::new(record, ALERT_V1)?;
    let alert = read_alert(&mut fields, Timestamp::UNIX_EPOCH, &mut LabelsBuilder::default())?;
    fields.finish()?;
    Ok(alert)
}

/// Times are relative: the update to `base` (in a batch the instant of receipt, so one byte), the
/// others to the update.
pub(super) fn write_alert(record: &mut FieldWriter<'_>, alert: &Alert, base: Timestamp) {
    record.fixed(alert.fingerprint.0);
    record.byte(flags(alert.timeout, alert.starts_at, alert.ends_at));
    record.instant(alert.updated_at, base);
    write_time(record, alert.starts_at, alert.updated_at);
    write_time(record, alert.ends_at, alert.updated_at);
    record.text(&alert.generator_url);
    write_labels(record, &alert.labels);
    write_labels(record, &alert.annotations);
}

pub(super) fn read_alert<'b>(
    fields: &mut FieldReader<'b>,
    base: Timestamp,
    labels: &mut LabelsBuilder<'b>,
) -> Result<Alert, CodecError> {
    let fingerprint = Fingerprint(fields.fixed()?);
    let flags = read_flags(fields)?;
    let updated_at = fields.instant(base)?;
    Ok(Alert {
        fingerprint,
        timeout: flags & TIMEOUT != 0,
        updated_at,
        starts_at: read_start(fields, flags, updated_at)?,
        ends_at: read_time(fields, updated_at, flags & ENDS_OFFSET != 0)?,
        generator_url: fields.text()?.into(),
        labels: read_labels(fields, labels)?,
        annotations: read_labels(fields, labels)?,
    })
}

pub(super) fn read_start(
    fields: &mut FieldReader<'_>,
    flags: u8,
    base: Timestamp,
) -> Result<Time, CodecError> {
    read_time(fields, base, flags & STARTS_OFFSET != 0)
}

pub(super) fn read_end(
    fields: &mut FieldReader<'_>,
    flags: u8,
    base: Timestamp,
) -> Result<(Time, bool), CodecError> {
    Ok((read_time(fields, base, flags & ENDS_OFFSET != 0)?, flags & TIMEOUT != 0))
}

pub(super) fn flags(timeout: bool, starts_at: Time, ends_at: Time) -> u8 {
    let when = |set: bool, flag: u8| if set { flag } else { 0 };
    when(timeout, TIMEOUT)
        | when(starts_at.offset != Offset::UTC, STARTS_OFFSET)
        | when(ends_at.offset != Offset::UTC, ENDS_OFFSET)
}

pub(super) fn read_flags(fields: &mut FieldReader<'_>) -> Result<u8, CodecError> {
    let flags = fields.byte()?;
    if flags & !(TIMEOUT | STARTS_OFFSET | ENDS_OFFSET) != 0 {
        return Err(CodecError::Field("flag"));
    }
    Ok(flags)
}

/// The offset follows only if the flags announce it: almost all senders write UTC.
pub(super) fn write_time(record: &mut FieldWriter<'_>, time: Time, base: Timestamp) {
    record.instant(time.at, base);
    if time.offset != Offset::UTC {
        record.signed(i128::from(time.offset.seconds()));
    }
}

fn read_time(
    fields: &mut FieldReader<'_>,
    base: Timestamp,
    has_offset: bool,
) -> Result<Time, CodecError> {
    let at = fields.instant(base)?;
    if !has_offset {
        return Ok(Time::utc(at));
    }
    let offset = i32::try_from(fields.signed()?)
        .ok()
        .and_then(|seconds| Offset::from_seconds(seconds).ok())
        .ok_or(CodecError::Field("offset"))?;
    Ok(Time { at, offset })
}

pub(super) fn write_labels(record: &mut FieldWriter<'_>, labels: &Labels) {
    record.unsigned(labels.len() as u64);
    for (name, value) in labels.iter() {
        record.text(name);
        record.text(value);
    }
}

pub(super) fn read_labels<'b>(
    fields: &mut FieldReader<'b>,
    builder: &mut LabelsBuilder<'b>,
) -> Result<Labels, CodecError> {
    for _ in 0..fields.unsigned()? {
        builder.push(fields.text()?, fields.text()?);
    }
    Ok(builder.build())
}
