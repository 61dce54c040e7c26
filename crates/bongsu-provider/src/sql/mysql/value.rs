//! MySQL's binary values ↔ JSON.

use serde_json::Value;

use super::packet::{Column, Fields};
use crate::sql::table::{bytes, decimal, double, json};

/// Appends the values of a statement: which are NULL, their types, then themselves.
pub(super) fn parameters(values: &[Value], body: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let nulls = body.len();
    body.resize(nulls + values.len().div_ceil(8), 0);
    body.push(1); // types follow
    let mut data = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let (kind, sign): (u8, u8) = match value {
            Value::Null => {
                body[nulls + at / 8] |= 1 << (at % 8);
                (6, 0)
            }
            Value::Bool(flag) => {
                data.push(u8::from(*flag));
                (1, 0)
            }
            Value::Number(number) => {
                if let Some(whole) = number.as_i64() {
                    data.extend(whole.to_le_bytes());
                    (8, 0)
                } else if let Some(whole) = number.as_u64() {
                    data.extend(whole.to_le_bytes());
                    (8, 0x80)
                } else {
                    data.extend(number.as_f64().unwrap_or_default().to_le_bytes());
                    (5, 0)
                }
            }
            Value::String(text) => {
                append(text.as_bytes(), &mut data);
                (253, 0)
            }
            other => {
                append(other.to_string().as_bytes(), &mut data);
                (253, 0)
            }
        };
        body.extend([kind, sign]);
    }
    body.extend(data);
}

/// Bytes with their length before them.
fn append(value: &[u8], data: &mut Vec<u8>) {
    match value.len() {
        length @ 0..=0xfa => data.push(length as u8),
        length @ 0xfb..=0xffff => {
            data.push(0xfc);
            data.extend((length as u16).to_le_bytes());
        }
        length => {
            data.push(0xfe);
            data.extend((length as u64).to_le_bytes());
        }
    }
    data.extend_from_slice(value);
}

/// A row; `None` when it is unreadable.
pub(super) fn row(packet: &[u8], columns: &[Column]) -> Option<Vec<Value>> {
    let mut fields = Fields(packet);
    fields.take(1)?;
    let nulls = fields.take((columns.len() + 9) / 8)?;
    columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            // The first two bits are unused.
            let bit = at + 2;
            let null = nulls[bit / 8] & (1 << (bit % 8)) != 0;
            if null { Some(Value::Null) } else { value(&mut fields, column) }
        })
        .collect()
}

fn value(fields: &mut Fields<'_>, column: &Column) -> Option<Value> {
    let signed = !column.unsigned;
    Some(match column.kind {
        1 => {
            let byte = fields.u8()?;
            if signed { i64::from(byte.cast_signed()).into() } else { byte.into() }
        }
        2 | 13 => {
            let number = fields.u16()?;
            if signed { i64::from(number.cast_signed()).into() } else { number.into() }
        }
        3 | 9 => {
            let number = fields.u32()?;
            if signed { i64::from(number.cast_signed()).into() } else { number.into() }
        }
        8 => {
            let number = u64::from_le_bytes(fields.array()?);
            if signed { number.cast_signed().into() } else { number.into() }
        }
        4 => {
            // Through text, so that 0.1 does not become 0.10000000149.
            let text = f32::from_le_bytes(fields.array()?).to_string();
            double(text.parse().ok()?, &text)
        }
        5 => {
            let number = f64::from_le_bytes(fields.array()?);
            double(number, &number.to_string())
        }
        6 => Value::Null,
        7 => format!("{}Z", moment(fields.length_prefixed()?, true)?).into(),
        10 => moment(fields.length_prefixed()?, false)?.into(),
        12 => moment(fields.length_prefixed()?, true)?.into(),
        11 => duration(fields.length_prefixed()?)?.into(),
        0 | 246 => decimal(&String::from_utf8_lossy(fields.bytes()?)),
        16 => {
            let bits = fields.bytes()?;
            if bits.len() > 8 {
                return None;
            }
            bits.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)).into()
        }
        245 => json(&String::from_utf8_lossy(fields.bytes()?)),
        _ => {
            let raw = fields.bytes()?;
            match std::str::from_utf8(raw) {
                Ok(text) if !column.binary => text.into(),
                _ => bytes(raw),
            }
        }
    })
}

impl<'a> Fields<'a> {
    fn length_prefixed(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u8()?);
        self.take(length)
    }
}

/// A date, with the time of day if asked for. Parts that are zero to the end are not sent.
fn moment(raw: &[u8], with_time: bool) -> Option<String> {
    let mut fields = Fields(raw);
    let (year, month, day) = match raw.len() {
        0 => (0, 0, 0),
        _ => (fields.u16()?, fields.u8()?, fields.u8()?),
    };
    let date = format!("{year:04}-{month:02}-{day:02}");
    if !with_time {
        return Some(date);
    }
    let (hour, minute, second) = match raw.len() {
        0..=4 => (0, 0, 0),
        _ => (fields.u8()?, fields.u8()?, fields.u8()?),
    };
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{}", fraction(&mut fields)?))
}

fn duration(raw: &[u8]) -> Option<String> {
    if raw.is_empty() {
        return Some("00:00:00".to_owned());
    }
    let mut fields = Fields(raw);
    let sign = if fields.u8()? == 1 { "-" } else { "" };
    let hours = u64::from(fields.u32()?) * 24 + u64::from(fields.u8()?);
    let (minute, second) = (fields.u8()?, fields.u8()?);
    Some(format!("{sign}{hours:02}:{minute:02}:{second:02}{}", fraction(&mut fields)?))
}

/// Millionths of a second, if there are any.
fn fraction(fields: &mut Fields<'_>) -> Option<String> {
    if fields.0.is_empty() {
        return Some(String::new());
    }
    let text = format!(".{:06}", fields.u32()?);
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn column(kind: u8, binary: bool, unsigned: bool) -> Column {
        Column { name: String::new(), kind, binary, unsigned }
    }

    #[test]
    fn values_become_json() {
        for (kind, binary, unsigned, raw, expected) in [
            (1, false, false, &b"\xff"[..], json!(-1)),
            (1, false, true, b"\xff", json!(255)),
            (8, false, true, &[0xff; 8], json!(u64::MAX)),
            (4, false, false, &0.1_f32.to_le_bytes(), json!(0.1)),
            (5, false, false, &2.5_f64.to_le_bytes(), json!(2.5)),
            (246, true, false, b"\x0512.50", json!(12.5)),
            (253, false, false, b"\x02ab", json!("ab")),
            (253, true, false, b"\x02ab", json!("YWI=")),
            (252, false, false, b"\x01\xff", json!("/w==")),
            (245, true, false, b"\x07{\"a\":1}", json!({"a": 1})),
            (16, true, true, b"\x02\x01\x00", json!(256)),
            (10, true, false, b"\x04\xea\x07\x0b\x1c", json!("2026-11-28")),
            (7, true, false, b"\x07\xea\x07\x0b\x1c\x09\x00\x00", json!("2026-11-28T09:00:00Z")),
            (
                12,
                true,
                false,
                b"\x0b\xea\x07\x0b\x1c\x09\x00\x00\x20\xa1\x07\x00",
                json!("2026-11-28T09:00:00.5"),
            ),
            (12, true, false, b"\x00", json!("0000-00-00T00:00:00")),
            (11, true, false, b"\x08\x01\x01\x00\x00\x00\x02\x03\x04", json!("-26:03:04")),
        ] {
            let found = value(&mut Fields(raw), &column(kind, binary, unsigned));
            assert_eq!(found, Some(expected), "{kind}");
        }
    }

    proptest! {
        #[test]
        fn no_row_is_too_odd(kinds in proptest::collection::vec(any::<u8>(), 0..6), raw: Vec<u8>) {
            let columns: Vec<Column> =
                kinds.into_iter().map(|kind| column(kind, kind % 2 == 0, false)).collect();
            let _ = row(&raw, &columns);
            let _ = Column::read(&raw);
        }
    }
}
