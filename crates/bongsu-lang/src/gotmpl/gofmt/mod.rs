//! Go's `fmt`: `Sprint`, `Sprintln`, `Sprintf` over template values.
//!
//! In: values. Out: the text Go prints, also for wrong verbs (`%!d(string=x)`).

mod directive;
mod number;
mod pad;
mod printer;

use super::value::Value;
use printer::Printer;

pub(super) use directive::sprintf;

/// `%v` of one value.
pub(crate) fn display(value: &Value) -> String {
    match value {
        Value::Str(text) | Value::Text(_, text) => text.as_ref().to_owned(),
        other => {
            let mut printer = Printer::default();
            printer.argument(other, 'v');
            printer.out
        }
    }
}

/// What `{{ value }}` writes: like `%v`, but pointers show what they point to and a missing value
/// shows as `<no value>`.
pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::Absent => "<no value>".to_owned(),
        other => {
            let shown = display(other);
            match other {
                Value::Object(object)
                    if object.shape() == super::value::Shape::Pointer
                        && object.text().is_none() =>
                {
                    shown.strip_prefix('&').map(str::to_owned).unwrap_or(shown)
                }
                _ => shown,
            }
        }
    }
}

/// `fmt.Sprint`: a space between neighbours of which neither is a string.
pub(super) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    let mut after_text = true;
    for (i, value) in values.iter().enumerate() {
        let is_text = value.as_str().is_some();
        if i > 0 && !is_text && !after_text {
            out.push(' ');
        }
        out.push_str(&display(value));
        after_text = is_text;
    }
    out
}

/// `fmt.Sprintln`: spaces between all, a newline at the end.
pub(super) fn sprintln(values: &[Value]) -> String {
    let mut out = values.iter().map(display).collect::<Vec<_>>().join(" ");
    out.push('\n');
    out
}
