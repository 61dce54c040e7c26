//! JSON, base64 and URL decoding.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

use super::text::text;
use crate::go_json;
use crate::gotmpl::function::Call;
use crate::gotmpl::value::Value;

type Outcome = Result<Value, String>;

pub(super) fn to_json(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let json = v[0].to_json()?;
    go_json::to_string(&json).map(Value::from).map_err(|error| error.to_string())
}

pub(super) fn base64_encode(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(URL_SAFE.encode(text(v, 0))))
}

pub(super) fn base64_decode(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    // Go skips line ends inside the text.
    let clean: String = text(v, 0).chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = URL_SAFE.decode(&clean).map_err(|error| match error {
        base64::DecodeError::InvalidByte(at, _) => {
            format!("illegal base64 data at input byte {at}")
        }
        _ => format!("illegal base64 data at input byte {}", clean.len()),
    })?;
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}

/// `url.QueryUnescape`: `%XX` and `+`.
pub(super) fn url_unescape(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let source = text(v, 0).as_bytes();
    let mut bytes = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        match source[at] {
            b'%' => {
                let end = (at + 3).min(source.len());
                let digits = std::str::from_utf8(&source[at + 1..end]).unwrap_or("");
                let valid = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let Some(byte) = u8::from_str_radix(digits, 16).ok().filter(|_| valid) else {
                    let shown = String::from_utf8_lossy(&source[at..end]);
                    return Err(format!("invalid URL escape {shown:?}"));
                };
                bytes.push(byte);
                at += 3;
            }
            b'+' => {
                bytes.push(b' ');
                at += 1;
            }
            byte => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}
