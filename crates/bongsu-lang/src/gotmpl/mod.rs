//! Go's `text/template` and `html/template`.
//!
//! In: template text, a [`Value`] as data, a [`Context`] with the instant that counts as now.
//! Out: the rendered text or a [`RenderError`] with the place of the mistake and what had been
//! rendered before it. Pure: functions come as a [`FunctionSet`], data types as [`Object`]s, and
//! every run is bounded by [`Limits`].
//!
//! ```ignore
//! use bongsu_lang::gotmpl::{Context, TemplateSet, Value, functions};
//! # use bongsu_lang::gotmpl::Limits;
//! let set = TemplateSet::new(functions::alertmanager());
//! let context = Context::at(jiff::Timestamp::UNIX_EPOCH);
//! let text = set.render_text("Hi {{ . | toUpper }}", &Value::from("bob"), &context);
//! assert_eq!(text.unwrap(), "Hi BOB");
//! ```ignore

mod error;
mod function;
pub mod functions;
mod limits;
mod set;
mod time;
mod value;

pub use error::{RenderError, TemplateError};
pub use function::{Call, Function, FunctionSet, Parameter, Signature};
pub use limits::{Context, Limits};
pub use set::{TemplateSet, check_syntax};
pub use time::{GoTime, Zone};
pub use value::{Field, IntType, List, Object, Shape, TextKind, Value};
