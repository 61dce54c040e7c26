//! Go's `text/template` and `html/template`.
//!
//! In: template text, a [`Value`] as data, a [`Context`] with the instant that counts as now.
//! Out: the rendered text or a [`RenderError`] with the place of the mistake and what had been
//! rendered before it. Pure: functions come as a [`FunctionSet`], data types as [`Object`]s, and
//! every run is bounded by [`Limits`]. Text is Unicode: where Go can hold other bytes (cut
//! characters, decoded base64) they become U+FFFD.
//!
//! ```
//! use bongsu_lang::gotmpl::{Context, TemplateSet, Value, functions};
//! let set = TemplateSet::new(functions::alertmanager());
//! let context = Context::at(bongsu_model::Timestamp::UNIX_EPOCH);
//! let text = set.render_text("Hi {{ . | toUpper }}", &Value::from("bob"), &context);
//! assert_eq!(text.unwrap(), "Hi BOB");
//! ```

mod error;
mod function;
pub mod functions;
mod gofmt;
mod html;
mod json;
mod limits;
mod run;
mod set;
mod syntax;
mod time;
mod value;

pub use error::{RenderError, TemplateError};
pub use function::{Body, Call, Function, FunctionSet, Parameter, Signature};
pub use limits::{Context, Host, Limits};
pub use set::{TemplateSet, check_syntax};
pub use time::{GoTime, Zone};
pub use value::{Dict, Field, IntType, List, Object, Shape, TextKind, Value};
