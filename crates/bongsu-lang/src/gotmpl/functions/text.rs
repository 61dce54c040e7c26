//! Strings, regular expressions, trusted text.

use std::sync::Arc;

use bongsu_model::re2;

use super::casing;
use crate::gotmpl::function::Call;
use crate::gotmpl::value::{TextKind, Value};

type Outcome = Result<Value, String>;

pub(super) fn to_upper(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(casing::upper(text(v, 0))))
}

pub(super) fn to_lower(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(casing::lower(text(v, 0))))
}

pub(super) fn title(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(casing::title(text(v, 0))))
}

/// Go's `strings.Title`.
pub(super) fn first_letters(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(casing::first_letters(text(v, 0))))
}

pub(super) fn trim_space(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(text(v, 0).trim()))
}

/// `join separator list`
pub(super) fn join(call: &mut Call<'_>, v: &[Value]) -> Outcome {
    let items = v[1].elements();
    let separator = text(v, 0);
    let size: usize = items.iter().filter_map(Value::as_str).map(str::len).sum();
    if size + separator.len().saturating_mul(items.len()) > call.limits.output {
        return Err("text is too long".to_owned());
    }
    let parts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    Ok(Value::from(parts.join(separator)))
}

/// `match pattern text`, unanchored.
pub(super) fn matches(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    let pattern = re2::compile(text(v, 0)).map_err(|error| error.to_string())?;
    Ok(Value::Bool(pattern.is_match(text(v, 1))))
}

/// `reReplaceAll pattern replacement text`; `$1` and `${name}` refer to groups.
pub(super) fn replace_all(call: &mut Call<'_>, v: &[Value]) -> Outcome {
    let source = text(v, 0);
    let pattern =
        re2::compile(source).map_err(|error| format!("regexp: Compile(`{source}`): {error}"))?;
    let (replacement, subject) = (text(v, 1), text(v, 2));
    // A replacement can repeat the whole match any number of times.
    let references = replacement.matches('$').count() + 1;
    let worst =
        (subject.len() + 1).saturating_mul(replacement.len() + references * (subject.len() + 1));
    if worst <= call.limits.output {
        return Ok(Value::from(pattern.replace_all(subject, replacement).into_owned()));
    }
    let mut out = String::new();
    let mut end = 0;
    for found in pattern.captures_iter(subject) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&subject[end..whole.start()]);
        found.expand(replacement, &mut out);
        end = whole.end();
        if out.len() > call.limits.output {
            return Err("text is too long".to_owned());
        }
    }
    out.push_str(&subject[end..]);
    Ok(Value::from(out))
}

pub(super) fn string_slice(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::strings(v.iter().filter_map(Value::as_str).map(Arc::<str>::from)))
}

pub(super) fn safe_html(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::Text(TextKind::Html, Arc::from(text(v, 0))))
}

pub(super) fn safe_url(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::Text(TextKind::Url, Arc::from(text(v, 0))))
}

/// The string argument at `index`; its type has been checked.
pub(super) fn text(values: &[Value], index: usize) -> &str {
    values.get(index).and_then(Value::as_str).unwrap_or("")
}
