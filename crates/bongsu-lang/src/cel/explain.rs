//! Why an alert matched or not.
//!
//! In: an expression, an alert, the result. Out: the terms that decided, with what they saw. Of an
//! `&&` that failed that is the term that failed, of one that held every term; `||` the other way.

use serde_json::Value;

use super::ast::Expr;
use super::eval::Run;
use super::{MAX_VALUES, Stopped};

/// What decided about an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// True, false or null, unless the run was stopped.
    pub result: Result<Option<bool>, Stopped>,
    /// The deciding terms, in the order of the expression.
    pub reasons: Vec<Reason>,
}

/// One term that decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The term.
    pub expression: String,
    /// What it was; `None` is null.
    pub result: Option<bool>,
    /// The fields it looked at.
    pub values: Vec<(String, Value)>,
}

pub(super) fn explain(
    root: &Expr,
    alert: &Value,
    result: Result<Option<bool>, Stopped>,
) -> Explanation {
    let mut walk = Walk { run: Run::new(alert), alert, budget: MAX_VALUES, reasons: Vec::new() };
    // Where steps run out the reasons found so far stand.
    let _ = walk.visit(root);
    Explanation { result, reasons: walk.reasons }
}

struct Walk<'a> {
    run: Run<'a>,
    alert: &'a Value,
    budget: usize,
    reasons: Vec<Reason>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, expr: &'a Expr) -> Result<(), Stopped> {
        let result = self.run.condition(expr)?;
        match expr {
            Expr::All(terms) => self.terms(terms, result, false),
            Expr::Any(terms) => self.terms(terms, result, true),
            Expr::Not(of) if !of.is_place() => self.visit(of),
            Expr::Choose(parts) => {
                self.visit(&parts[0])?;
                match self.run.condition(&parts[0])? {
                    Some(true) => self.visit(&parts[1]),
                    Some(false) => self.visit(&parts[2]),
                    None => Ok(()),
                }
            }
            _ => {
                let mut places = Vec::new();
                collect(expr, &mut places);
                let mut values: Vec<(String, Value)> = Vec::new();
                for place in places {
                    let name = place.to_string();
                    if values.iter().all(|(known, _)| *known != name) {
                        let value = Run::new(self.alert).value(place)?;
                        values.push((name, value.to_json(&mut self.budget)));
                    }
                }
                self.reasons.push(Reason { expression: expr.to_string(), result, values });
                Ok(())
            }
        }
    }

    fn terms(
        &mut self,
        terms: &'a [Expr],
        result: Option<bool>,
        decisive: bool,
    ) -> Result<(), Stopped> {
        for term in terms {
            if result == Some(!decisive) {
                self.visit(term)?;
            } else if self.run.condition(term)? == result {
                self.visit(term)?;
                if result == Some(decisive) {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The fields an expression looks at.
pub(super) fn collect<'e>(expr: &'e Expr, out: &mut Vec<&'e Expr>) {
    match expr {
        Expr::Path(_) => out.push(expr),
        Expr::Const(_) | Expr::Local(..) => {}
        Expr::Member(of, _)
        | Expr::Has(of, _)
        | Expr::Not(of)
        | Expr::Negate(of)
        | Expr::Matches(of, _) => collect(of, out),
        Expr::Index(a, b) | Expr::Compare(_, a, b) | Expr::In(a, b) | Expr::Arithmetic(_, a, b) => {
            collect(a, out);
            collect(b, out);
        }
        Expr::All(items) | Expr::Any(items) | Expr::List(items) | Expr::Call(_, items) => {
            items.iter().for_each(|item| collect(item, out));
        }
        Expr::Choose(parts) => parts.iter().for_each(|part| collect(part, out)),
        Expr::Map(entries) => entries.iter().for_each(|(key, value)| {
            collect(key, out);
            collect(value, out);
        }),
        Expr::Each(each) => {
            collect(&each.range, out);
            each.condition.iter().chain(&each.result).for_each(|part| collect(part, out));
        }
    }
}
