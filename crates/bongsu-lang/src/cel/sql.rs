//! An expression as SQLite's SQL.
//!
//! In: an expression, where the fields of an alert lie. Out: a condition with bound parameters that
//! is true for exactly the rows whose alert matches, or what cannot be said so; then the caller
//! evaluates. Nothing a person wrote is in the text of the SQL: literals and JSON paths are bound.
//!
//! SQL has the same three values. What JSON adds is the kind of a field, which `json_type` tells:
//! every comparison is a `CASE` over it that follows what `value` does with that kind.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::Value;

use super::ast::{Comparison, Expr, Function};
use super::eval::Run;
use super::explain::collect;
use super::value::{INTEGER_DIGITS, Number, POINTED_LENGTH, SEVERITIES, Val, instant, rank};

/// Bytes a condition may have; SQLite stops at a million.
const MAX_SQL: usize = 512 << 10;

/// Where a table has the fields of its alerts.
pub trait Columns {
    /// SQL of the column with the whole alert as JSON, text or SQLite's binary form; `None` where
    /// there are only the fields that have a column.
    fn json(&self) -> Option<&str>;

    /// A column that holds one field too, if there is one.
    fn column(&self, path: &[&str]) -> Option<Column>;

    /// Number of the first parameter.
    fn first_parameter(&self) -> usize {
        1
    }
}

/// A column that holds a field. It is null in exactly the rows where the field is null or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// SQL of the column.
    pub sql: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds; the field it stands for has that kind in every row or is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// The text.
    Text,
    /// The number.
    Number,
    /// 1 for true, 0 for false.
    Bool,
    /// Of `severity`: 5 for critical to 1 for low, 0 for what is none of them.
    Severity,
    /// Of a text that is a date: whole milliseconds since 1970.
    Milliseconds,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Sql {
    /// Text with numbered parameters.
    pub text: String,
    /// Values of the parameters, from [`Columns::first_parameter`].
    pub parameters: Vec<Parameter>,
}

/// A value to bind.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// INTEGER.
    Int(i64),
    /// REAL.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// A part of the expression that SQL cannot say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not translated to SQL: {what}")]
pub struct Untranslatable {
    /// The part.
    pub what: String,
}

fn untranslatable<T>(what: &(impl ToString + ?Sized)) -> Result<T, Untranslatable> {
    Err(Untranslatable { what: what.to_string() })
}

pub(super) fn translate(root: &Expr, columns: &impl Columns) -> Result<Sql, Untranslatable> {
    let mut writer = Writer { columns, parameters: Vec::new() };
    let text = writer.condition(root)?;
    Ok(numbered(&text, writer.parameters, columns.first_parameter()))
}

/// Gives the parameters that are still in the text their numbers: where a constant decided, others
/// are no longer.
fn numbered(text: &str, mut all: Vec<Parameter>, first: usize) -> Sql {
    let mut parts = text.split('?');
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut order: Vec<usize> = Vec::new();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(end);
        let number: usize = number.parse().unwrap_or(0);
        let at = order.iter().position(|n| *n == number).unwrap_or_else(|| {
            order.push(number);
            order.len() - 1
        });
        let _ = write!(out, "?{}{rest}", first + at);
    }
    let parameters = order
        .iter()
        .filter_map(|n| all.get_mut(*n).map(|p| std::mem::replace(p, Parameter::Int(0))))
        .collect();
    Sql { text: out, parameters }
}

/// A field in SQL.
struct Field {
    /// Its kind in the words of `json_type`, null if the field is missing.
    kind: String,
    value: String,
    /// Arguments for `json_each`, of what may be a list or a map.
    each: Option<String>,
    column: Option<Column>,
}

/// One row of `json_each`.
fn element() -> Field {
    Field { kind: "e.type".into(), value: "e.value".into(), each: None, column: None }
}

impl Field {
    fn is_null(&self) -> String {
        match self.column {
            Some(column) => format!("({} IS NULL)", column.sql),
            None => format!("coalesce({} = 'null', 1)", self.kind),
        }
    }

    /// `CASE` over the kind: null is null, then what is given, else `other`.
    fn case(&self, arms: &str, other: &str) -> String {
        format!("CASE WHEN {} THEN NULL{arms} ELSE {other} END", self.is_null())
    }
}

struct Writer<'c, C> {
    columns: &'c C,
    parameters: Vec<Parameter>,
}

impl<C: Columns> Writer<'_, C> {
    fn bind(&mut self, parameter: Parameter) -> String {
        let at = self.parameters.iter().position(|p| *p == parameter).unwrap_or_else(|| {
            self.parameters.push(parameter);
            self.parameters.len() - 1
        });
        format!("?{at}")
    }

    fn text(&mut self, text: &str) -> String {
        self.bind(Parameter::Text(text.to_owned()))
    }

    fn number(&mut self, number: Number) -> String {
        self.bind(match number {
            Number::Int(n) => Parameter::Int(n),
            Number::Float(n) => Parameter::Real(n),
        })
    }

    /// SQL that is 1, 0 or null as the expression is true, false or null.
    fn condition(&mut self, expr: &Expr) -> Result<String, Untranslatable> {
        if let Some(constant) = constant(expr)? {
            return Ok(truth(constant.truth()).to_owned());
        }
        match expr {
            Expr::All(terms) => self.joined(terms, "AND"),
            Expr::Any(terms) => self.joined(terms, "OR"),
            Expr::Not(of) => Ok(format!("NOT {}", self.condition(of)?)),
            Expr::Path(_) => {
                let field = self.field(expr)?;
                self.field_truth(expr, &field)
            }
            Expr::Has(of, key) => {
                let Expr::Path(keys) = &**of else { return untranslatable(expr) };
                let Some(json) = self.columns.json() else { return untranslatable(expr) };
                let path = json_path(keys.iter().chain([key]), expr)?;
                let path = self.text(&path);
                Ok(format!("(json_type({json}, {path}) IS NOT NULL)"))
            }
            Expr::Compare(op, a, b) => self.comparison(*op, a, b, expr),
            Expr::In(item, list) => match &**list {
                Expr::List(alternatives) => {
                    let alternatives: Result<Vec<_>, _> = alternatives
                        .iter()
                        .map(|one| self.comparison(Comparison::Equal, item, one, expr))
                        .collect();
                    balanced(&alternatives?, "OR")
                }
                _ => self.within(item, list, expr),
            },
            Expr::Call(
                function @ (Function::Contains | Function::StartsWith | Function::EndsWith),
                arguments,
            ) => match &arguments[..] {
                [of, part] => self.part(*function, of, part, expr),
                _ => untranslatable(expr),
            },
            _ => untranslatable(expr),
        }
    }

    fn joined(&mut self, terms: &[Expr], word: &str) -> Result<String, Untranslatable> {
        let terms: Result<Vec<_>, _> = terms.iter().map(|term| self.condition(term)).collect();
        balanced(&terms?, word)
    }

    fn field(&mut self, expr: &Expr) -> Result<Field, Untranslatable> {
        let Expr::Path(keys) = expr else { return untranslatable(expr) };
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        if let Some(column) = self.columns.column(&names) {
            let sql = column.sql;
            let kind = match column.kind {
                ColumnKind::Text | ColumnKind::Milliseconds => "'text'".to_owned(),
                ColumnKind::Number => "'real'".to_owned(),
                ColumnKind::Bool => format!("iif({sql}, 'true', 'false')"),
                ColumnKind::Severity if expr.is_severity() => "'severity'".to_owned(),
                ColumnKind::Severity => return untranslatable(expr),
            };
            return Ok(Field { kind, value: sql.to_owned(), each: None, column: Some(column) });
        }
        let Some(json) = self.columns.json() else { return untranslatable(expr) };
        let path = json_path(keys.iter(), expr)?;
        let path = self.text(&path);
        let at = format!("{json}, {path}");
        Ok(Field {
            kind: format!("json_type({at})"),
            value: format!("json_extract({at})"),
            each: Some(at),
            column: None,
        })
    }

    fn field_truth(&mut self, expr: &Expr, field: &Field) -> Result<String, Untranslatable> {
        let (kind, value) = (&field.kind, &field.value);
        match field.column.map(|column| column.kind) {
            Some(ColumnKind::Severity) => return untranslatable(expr),
            Some(ColumnKind::Milliseconds) => return Ok(format!("({value} IS NOT NULL)")),
            _ => {}
        }
        let mut arms = format!(
            " WHEN {kind} = 'text' THEN {value} NOT IN ('', '0') AND lower({value}) <> 'false' \
             WHEN {kind} IN ('integer', 'real') THEN {value} <> 0"
        );
        if let Some(each) = &field.each {
            let _ = write!(
                arms,
                " WHEN {kind} IN ('array', 'object') THEN EXISTS (SELECT 1 FROM json_each({each}))"
            );
        }
        Ok(format!("coalesce({}, 0)", field.case(&arms, &format!("{kind} = 'true'"))))
    }

    fn comparison(
        &mut self,
        op: Comparison,
        a: &Expr,
        b: &Expr,
        whole: &Expr,
    ) -> Result<String, Untranslatable> {
        let (place, literal, op) = match (constant(a)?, constant(b)?) {
            (Some(_), Some(_)) => {
                // Both are known: the whole comparison is.
                let expr = Expr::Compare(op, Box::new(a.clone()), Box::new(b.clone()));
                let value = constant(&expr)?;
                return Ok(truth(value.and_then(|value| value.truth())).to_owned());
            }
            (None, Some(literal)) => (a, literal, op),
            (Some(literal), None) => (b, literal, op.flipped()),
            (None, None) => return untranslatable(whole),
        };
        let field = self.field(place).or_else(|_| untranslatable(whole))?;
        if (a.is_null() || b.is_null()) && matches!(op, Comparison::Equal | Comparison::NotEqual) {
            let test = field.is_null();
            return Ok(if op == Comparison::Equal { test } else { format!("NOT {test}") });
        }
        if matches!(literal, Val::Null) {
            return Ok("NULL".to_owned());
        }
        if place.is_severity() {
            return Ok(severity(op, &field, &literal));
        }
        match op {
            Comparison::Equal => self.equal(&field, &literal, whole),
            Comparison::NotEqual => {
                self.equal(&field, &literal, whole).map(|equal| format!("NOT {equal}"))
            }
            _ => self.single(op, &field, &literal, "NULL", whole),
        }
    }

    /// Equality, of a list by containment.
    fn equal(
        &mut self,
        field: &Field,
        literal: &Val<'_>,
        whole: &Expr,
    ) -> Result<String, Untranslatable> {
        let single = self.single(Comparison::Equal, field, literal, "0", whole)?;
        let Some(each) = &field.each else { return Ok(format!("({single})")) };
        let element = self.single(Comparison::Equal, &element(), literal, "0", whole)?;
        Ok(format!(
            "CASE WHEN {} = 'array' THEN EXISTS (SELECT 1 FROM json_each({each}) AS e \
             WHERE {element}) ELSE {single} END",
            field.kind
        ))
    }

    /// Comparison of what is no list; `other` is the answer where kinds do not go together.
    fn single(
        &mut self,
        op: Comparison,
        field: &Field,
        literal: &Val<'_>,
        other: &str,
        whole: &Expr,
    ) -> Result<String, Untranslatable> {
        let (kind, value, sign) = (&field.kind, &field.value, sql_sign(op));
        let column = field.column.map(|column| column.kind);
        if column == Some(ColumnKind::Milliseconds) {
            let at = match literal {
                Val::Time(at) => Some(*at),
                Val::Text(text) => instant(text),
                _ => None,
            };
            let Some(at) = at else { return untranslatable(whole) };
            return Ok(self.milliseconds(op, value, at));
        }
        let arms = match literal {
            Val::Text(text) => {
                // Whether the field is a date too is more than SQLite can tell in the same way.
                if instant(text).is_some() {
                    return untranslatable(whole);
                }
                let bound = self.text(text);
                if column == Some(ColumnKind::Text) {
                    return Ok(format!("({value} {sign} {bound})"));
                }
                let mut arms = format!(" WHEN {kind} = 'text' THEN {value} {sign} {bound}");
                if let Some(number) = Number::read(text) {
                    let bound = self.number(number);
                    let _ = write!(
                        arms,
                        " WHEN {kind} IN ('integer', 'real') THEN {value} {sign} {bound}"
                    );
                }
                arms
            }
            Val::Int(_) | Val::Float(_) => {
                let bound = self.number(match literal {
                    Val::Float(n) => Number::Float(*n),
                    Val::Int(n) => Number::Int(*n),
                    _ => return untranslatable(whole),
                });
                if column == Some(ColumnKind::Number) {
                    return Ok(format!("({value} {sign} {bound})"));
                }
                let (integer, pointed) = numeric(value);
                format!(
                    " WHEN {kind} IN ('integer', 'real') THEN {value} {sign} {bound} \
                     WHEN {kind} = 'text' AND {integer} THEN CAST({value} AS INTEGER) {sign} {bound} \
                     WHEN {kind} = 'text' AND {pointed} THEN CAST({value} AS REAL) {sign} {bound}"
                )
            }
            Val::Bool(b) => format!(
                " WHEN {kind} IN ('true', 'false') THEN ({kind} = 'true') {sign} {}",
                u8::from(*b)
            ),
            _ => return untranslatable(whole),
        };
        Ok(field.case(&arms, other))
    }

    /// Compares whole milliseconds with an instant that may lie between two of them.
    fn milliseconds(&mut self, op: Comparison, column: &str, at: Timestamp) -> String {
        const NANOSECONDS: i128 = 1_000_000;
        let nanoseconds = at.as_nanosecond();
        let (floor, exact) =
            (nanoseconds.div_euclid(NANOSECONDS) as i64, nanoseconds.rem_euclid(NANOSECONDS) == 0);
        let bound = match op {
            Comparison::Equal if !exact => return format!("({column} <> {column})"),
            Comparison::NotEqual if !exact => return format!("({column} = {column})"),
            Comparison::Less | Comparison::GreaterEqual if !exact => floor + 1,
            _ => floor,
        };
        let bound = self.bind(Parameter::Int(bound));
        format!("({column} {} {bound})", sql_sign(op))
    }

    /// `contains`, `startsWith` and `endsWith`.
    fn part(
        &mut self,
        function: Function,
        of: &Expr,
        part: &Expr,
        whole: &Expr,
    ) -> Result<String, Untranslatable> {
        let Some(literal) = constant(part)? else { return untranslatable(whole) };
        let field = self.field(of).or_else(|_| untranslatable(whole))?;
        if field.column.is_some_and(|column| {
            matches!(column.kind, ColumnKind::Severity | ColumnKind::Milliseconds)
        }) {
            return untranslatable(whole);
        }
        let part = match &literal {
            Val::Text(text) => Some(text.to_string()),
            Val::Int(n) => Some(n.to_string()),
            _ => None,
        };
        let mut arms = String::new();
        let kind = &field.kind;
        if let Some(part) = &part {
            let test = self.text_test(function, &field.value, part);
            let _ = write!(arms, " WHEN {kind} = 'text' THEN {test}");
            if field.column.is_none() {
                let written = format!("CAST({} AS TEXT)", field.value);
                let test = self.text_test(function, &written, part);
                // An integer that SQLite cannot hold as one is a float here too.
                let _ = write!(
                    arms,
                    " WHEN {kind} = 'integer' AND typeof({}) = 'integer' THEN {test}",
                    field.value
                );
            } else if kind == "'real'" {
                // The column does not tell how the number was written.
                return untranslatable(whole);
            }
        }
        if let Some(each) = &field.each {
            let element = match (function, &part) {
                (Function::Contains, _) if matches!(literal, Val::Null) => None,
                (Function::Contains, _) => {
                    Some(self.single(Comparison::Equal, &element(), &literal, "0", whole)?)
                }
                (_, Some(part)) => {
                    let test = self.text_test(function, "e.value", part);
                    Some(format!("e.type = 'text' AND {test}"))
                }
                (_, None) => None,
            };
            if let Some(element) = element {
                let _ = write!(
                    arms,
                    " WHEN {kind} = 'array' THEN EXISTS (SELECT 1 FROM json_each({each}) AS e \
                     WHERE {element})"
                );
            }
        }
        Ok(field.case(&arms, "NULL"))
    }

    /// `LIKE` ignores case and knows wildcards; `instr` and bytes do neither. `IS`, because the end of
    /// an empty text is null.
    fn text_test(&mut self, function: Function, value: &str, part: &str) -> String {
        if part.is_empty() {
            return "1".to_owned();
        }
        match function {
            Function::StartsWith => format!("instr({value}, {}) = 1", self.text(part)),
            Function::EndsWith => {
                let bytes = self.bind(Parameter::Blob(part.as_bytes().to_vec()));
                format!("substr(CAST({value} AS BLOB), -{}) IS {bytes}", part.len())
            }
            _ => format!("instr({value}, {}) > 0", self.text(part)),
        }
    }

    /// `"x" in field`: an element of a list, a key of a map.
    fn within(&mut self, item: &Expr, list: &Expr, whole: &Expr) -> Result<String, Untranslatable> {
        let Some(literal) = constant(item)? else { return untranslatable(whole) };
        let field = self.field(list).or_else(|_| untranslatable(whole))?;
        let key = match &literal {
            Val::Null => return Ok("NULL".to_owned()),
            Val::Text(text) => text.to_string(),
            Val::Int(n) => n.to_string(),
            _ => return untranslatable(whole),
        };
        let Some(each) = &field.each else { return Ok("NULL".to_owned()) };
        let element = self.single(Comparison::Equal, &element(), &literal, "0", whole)?;
        let key = self.text(&key);
        let kind = &field.kind;
        let arms = format!(
            " WHEN {kind} = 'array' THEN EXISTS (SELECT 1 FROM json_each({each}) AS e \
             WHERE {element}) \
             WHEN {kind} = 'object' THEN EXISTS (SELECT 1 FROM json_each({each}) AS e \
             WHERE e.key = {key})"
        );
        Ok(field.case(&arms, "NULL"))
    }
}

/// The value of an expression that looks at no field.
fn constant(expr: &Expr) -> Result<Option<Val<'_>>, Untranslatable> {
    static NOTHING: Value = Value::Null;
    let mut places = Vec::new();
    collect(expr, &mut places);
    if !places.is_empty() {
        return Ok(None);
    }
    match Run::new(&NOTHING).value(expr) {
        Ok(value) => Ok(Some(value)),
        Err(stopped) => untranslatable(&stopped),
    }
}

fn truth(answer: Option<bool>) -> &'static str {
    match answer {
        Some(true) => "1",
        Some(false) => "0",
        None => "NULL",
    }
}

fn sql_sign(op: Comparison) -> &'static str {
    match op {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        _ => op.sign(),
    }
}

/// Terms joined as a balanced tree: SQLite bounds how deep an expression is.
fn balanced(terms: &[String], word: &str) -> Result<String, Untranslatable> {
    let text = match terms {
        // Only an empty list of alternatives has no terms, and nothing is in it.
        [] => return Ok("0".to_owned()),
        [one] => return Ok(one.clone()),
        terms => {
            let (a, b) = terms.split_at(terms.len() / 2);
            format!("({} {word} {})", balanced(a, word)?, balanced(b, word)?)
        }
    };
    if text.len() > MAX_SQL { untranslatable("more terms than SQL may have") } else { Ok(text) }
}

/// `$."labels"."pod"`. Keys that JSON writes with escapes are not found by SQLite's paths.
fn json_path<'k>(
    keys: impl Iterator<Item = &'k String>,
    whole: &Expr,
) -> Result<String, Untranslatable> {
    let mut path = String::from("$");
    for key in keys {
        if key.is_empty() || key.chars().any(|c| c == '"' || c == '\\' || c.is_control()) {
            return untranslatable(whole);
        }
        let _ = write!(path, ".\"{key}\"");
    }
    if path == "$" { untranslatable(whole) } else { Ok(path) }
}

/// Tests whether a text is an integer, and whether it is a number with a point, as `Number::read`.
fn numeric(value: &str) -> (String, String) {
    let digits = format!("ltrim(substr({value}, 1, 1), '-') || substr({value}, 2)");
    let clean = format!("instr({value}, char(0)) = 0");
    (
        format!(
            "({clean} AND {digits} NOT GLOB '*[^0-9]*' \
             AND length({digits}) BETWEEN 1 AND {INTEGER_DIGITS})"
        ),
        format!(
            "({clean} AND {digits} NOT GLOB '*[^0-9.]*' AND {digits} GLOB '[0-9]*.*[0-9]' \
             AND {digits} NOT GLOB '*.*.*' AND length({digits}) <= {POINTED_LENGTH})"
        ),
    )
}

/// Comparison by rank.
fn severity(op: Comparison, field: &Field, literal: &Val<'_>) -> String {
    let (kind, value) = (&field.kind, &field.value);
    let wanted = rank(literal).unwrap_or(0);
    let rank = match field.column.map(|column| column.kind) {
        Some(ColumnKind::Severity) => value.clone(),
        _ => {
            let mut names = String::new();
            for (at, name) in SEVERITIES.iter().enumerate() {
                let _ = write!(names, " WHEN '{name}' THEN {}", at + 1);
            }
            let arms = format!(
                " WHEN {kind} = 'text' THEN CASE lower({value}){names} ELSE 0 END \
                 WHEN {kind} IN ('integer', 'real') AND {value} IN (1, 2, 3, 4, 5) THEN {value}"
            );
            field.case(&arms, "0")
        }
    };
    let sign = sql_sign(op);
    match op {
        Comparison::NotEqual if wanted == 0 => format!("({rank} IS NOT NULL OR NULL)"),
        Comparison::NotEqual => format!("({rank} <> {wanted})"),
        _ if wanted == 0 => format!("({rank} IS NULL AND NULL)"),
        _ => format!("({rank} {sign} {wanted} AND {rank} > 0)"),
    }
}
