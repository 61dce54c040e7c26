//! `html/template`.

use super::limits::Limits;
use super::value::Value;

type Body = fn(&[Value], &Limits) -> Result<Value, String>;

pub(super) fn escaper(_name: &str) -> Option<Body> {
    None
}
