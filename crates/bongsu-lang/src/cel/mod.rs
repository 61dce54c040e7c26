//! CEL: the one language for conditions on alerts.
//!
//! In: an expression and an alert as JSON. Out: a verdict that can say why, or SQL that selects the
//! same rows. `cel` parses; what an expression means is decided here, once for every place that
//! takes one, and written down in `docs/cel.md`:
//!
//! - A missing field is null. Comparing with null, or for order where there is none, is null; `&&`,
//!   `||` and `!` go on with three values; null at the top does not match. `x == null` tests for it.
//! - `severity` compares by rank, whatever the case of the literal; also with 1 to 5.
//! - A list compared with a single value is compared by containment.
//! - A text that is entirely a number compares with numbers, texts that are both dates as instants.
//! - `alert.name` is `name`. A bare path as condition is false if null, false, 0, empty, "0", "false".
//!
//! Every text, alert and run is bounded; nothing here panics.

mod ast;
mod eval;
mod explain;
mod parse;
mod sql;
mod value;

use std::sync::Arc;

use bongsu_model::{Diagnostic, Place, Source};
use serde_json::Value;

pub use explain::{Explanation, Reason};
pub use sql::{Column, ColumnKind, Columns, Parameter, Sql, Untranslatable};

/// Bytes an expression may have.
pub const MAX_LENGTH: usize = 8 << 10;
/// Brackets inside brackets, and operators upon operators.
pub const MAX_DEPTH: usize = 32;
/// Steps a run may take; an element a macro looks at is one, and so is every part of an expression.
pub const MAX_STEPS: u64 = 100_000;
/// Bytes a compiled regular expression may take.
pub const MAX_REGEX: usize = 1 << 20;
/// Regular expressions one expression may have.
pub const MAX_REGEXES: usize = 16;

/// Values a result or explanation shows.
const MAX_VALUES: usize = 10_000;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct Error {
    /// Byte in the expression.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Error {
    fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let offset = text.floor_char_boundary(offset.min(text.len()));
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            offset,
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
            message: message.into(),
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// As a finding about the expression; `name` says where the expression stands.
    pub fn diagnostic(&self, name: impl Into<String>, text: &str) -> Diagnostic {
        let source = Arc::new(Source { name: name.into(), text: text.to_owned() });
        let mut finding = Diagnostic::error("BS1601", self.message.clone()).at(Some(Place {
            source,
            line: self.line,
            column: self.column,
        }));
        finding.help.clone_from(&self.help);
        finding
    }
}

/// Why a run ended without an answer: it took more than [`MAX_STEPS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the expression takes more than {MAX_STEPS} steps on this alert")]
pub struct Stopped;

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Program {
    text: String,
    root: ast::Expr,
}

impl Program {
    /// Parses; unknown functions and wrong regular expressions are found here.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self { text: text.to_owned(), root: parse::parse(text)? })
    }

    /// What was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Decides about an alert. What is no map has no fields.
    pub fn matches<'a>(&'a self, alert: &'a Value) -> Verdict<'a> {
        let result = eval::Run::new(alert).condition(&self.root);
        Verdict { program: self, alert, result }
    }

    /// The value of the whole expression, for those that are more than a condition.
    pub fn value(&self, alert: &Value) -> Result<Value, Stopped> {
        eval::Run::new(alert).value(&self.root).map(|v| v.to_json(&mut MAX_VALUES.clone()))
    }

    /// Fields that have to equal a text for the expression to hold, as far as it says so at its top:
    /// `source == 'a' && name == 'b'`. For tables over many expressions; a text that is a number or a
    /// date equals more than itself.
    pub fn equalities(&self) -> Vec<(String, String)> {
        let terms = match &self.root {
            ast::Expr::All(terms) => terms.as_slice(),
            root => std::slice::from_ref(root),
        };
        let mut found = Vec::new();
        for term in terms {
            let ast::Expr::Compare(ast::Comparison::Equal, a, b) = term else { continue };
            let (place, constant) = if a.is_place() { (a, b) } else { (b, a) };
            if let (ast::Expr::Path(keys), ast::Expr::Const(ast::Const::Text(text))) =
                (&**place, &**constant)
                && keys.iter().all(|key| !key.contains('.'))
            {
                found.push((keys.join("."), text.clone()));
            }
        }
        found
    }

    /// A condition that selects, of the rows the columns describe, those whose alert matches.
    pub fn to_sql(&self, columns: &impl Columns) -> Result<Sql, Untranslatable> {
        sql::translate(&self.root, columns)
    }
}

/// What became of one alert.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    program: &'a Program,
    alert: &'a Value,
    result: Result<Option<bool>, Stopped>,
}

impl Verdict<'_> {
    /// Whether the alert matches; a null does not, nor does a run that was stopped.
    pub fn matched(&self) -> bool {
        self.result == Ok(Some(true))
    }

    /// True, false or null, unless the run was stopped.
    pub fn result(&self) -> Result<Option<bool>, Stopped> {
        self.result
    }

    /// Which parts of the expression decided, and with what values.
    pub fn explain(&self) -> Explanation {
        explain::explain(&self.program.root, self.alert, self.result)
    }
}
