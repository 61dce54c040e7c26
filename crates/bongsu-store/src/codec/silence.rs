//! One silence.

use bongsu_model::{LabelsBuilder, MatchOp, Matcher, Matchers, Silence, Timestamp};

use super::alert::{read_labels, write_labels};
use super::{CodecError, FieldReader, FieldWriter, SILENCE_V1};

/// Encodes a silence; `out` is emptied first.
pub fn encode_silence(silence: &Silence, out: &mut Vec<u8>) {
    let mut record = FieldWriter::new(out, SILENCE_V1);
    record.text(&silence.id);
    record.unsigned(silence.matchers.0.len() as u64);
    for matcher in &silence.matchers.0 {
        record.text(matcher.name());
        record.byte(op_code(matcher.op()));
        record.text(matcher.value());
    }
    record.instant(silence.updated_at, Timestamp::UNIX_EPOCH);
    record.instant(silence.starts_at, silence.updated_at);
    record.instant(silence.ends_at, silence.updated_at);
    record.text(&silence.created_by);
    record.text(&silence.comment);
    write_labels(&mut record, &silence.annotations);
    record.finish();
}

/// Decodes what [`encode_silence`] wrote; compiles its regexes.
pub fn decode_silence(record: &[u8]) -> Result<Silence, CodecError> {
    let mut fields = FieldReader::new(record, SILENCE_V1)?;
    let id = fields.text()?.into();
    let mut matchers = Vec::new();
    for _ in 0..fields.unsigned()? {
        let (name, op, value) = (fields.text()?, op_of(fields.byte()?)?, fields.text()?);
        matchers.push(Matcher::new(name, op, value).map_err(|_| CodecError::Field("matcher"))?);
    }
    let updated_at = fields.instant(Timestamp::UNIX_EPOCH)?;
    let silence = Silence {
        id,
        matchers: Matchers(matchers),
        updated_at,
        starts_at: fields.instant(updated_at)?,
        ends_at: fields.instant(updated_at)?,
        created_by: fields.text()?.into(),
        comment: fields.text()?.into(),
        annotations: read_labels(&mut fields, &mut LabelsBuilder::default())?,
    };
    fields.finish()?;
    Ok(silence)
}

fn op_code(op: MatchOp) -> u8 {
    match op {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Regex => 2,
        MatchOp::NotRegex => 3,
    }
}

fn op_of(code: u8) -> Result<MatchOp, CodecError> {
    Ok(match code {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        _ => return Err(CodecError::Field("matcher operator")),
    })
}
