//! `label_replace` and `label_join`.

use bongsu_model::re2;

use super::EvalError;
use super::call::arg;
use super::evaluator::Evaluator;
use super::frame::Frame;
use super::grid::Grid;
use super::metric::{Metric, NAME, Naming};
use crate::{Expr, ExprKind};

/// Longest label value that may come out, in bytes.
const MAX_VALUE: usize = 64 << 10;

impl Evaluator<'_> {
    pub(crate) fn label_replace(&mut self, args: &[Expr], grid: Grid) -> Result<Frame, EvalError> {
        let [to, template, from, pattern] = [1, 2, 3, 4].map(|at| arg(args, at).and_then(text));
        let (to, template, from, pattern) = (to?, template?, from?, pattern?);
        let regex = re2::compile(&format!("^(?s:{pattern})$")).map_err(|_| {
            EvalError::execution(format!(
                "invalid regular expression in label_replace(): {pattern}"
            ))
        })?;
        check_name(to, "destination", "label_replace")?;
        let frame = self.vector(arg(args, 0)?, grid)?;
        let references = template.matches('$').count();
        self.relabelled(frame, to, |metric| {
            let value = metric.value(from);
            let Some(captures) = regex.captures(value) else { return Ok(None) };
            check_length(template.len() + references * value.len(), "label_replace")?;
            let mut replaced = String::new();
            captures.expand(template, &mut replaced);
            Ok(Some(replaced))
        })
    }

    pub(crate) fn label_join(&mut self, args: &[Expr], grid: Grid) -> Result<Frame, EvalError> {
        let (to, separator) = (text(arg(args, 1)?)?, text(arg(args, 2)?)?);
        let from = texts(&args[3..])?;
        for name in &from {
            check_name(name, "source", "label_join")?;
        }
        check_name(to, "destination", "label_join")?;
        let frame = self.vector(arg(args, 0)?, grid)?;
        self.relabelled(frame, to, |metric| {
            let values: Vec<&str> = from.iter().map(|name| metric.value(name)).collect();
            let length: usize = values.iter().map(|value| value.len() + separator.len()).sum();
            check_length(length, "label_join")?;
            Ok(Some(values.join(separator)))
        })
    }

    /// With label `to` set to what `value` answers, where it does; empty removes.
    fn relabelled(
        &self,
        mut frame: Frame,
        to: &str,
        value: impl Fn(&Metric) -> Result<Option<String>, EvalError>,
    ) -> Result<Frame, EvalError> {
        let mut changed = false;
        let mut written = 0;
        for metric in &mut frame.metrics {
            let Some(value) = value(metric)? else { continue };
            if metric.value(to) == value && to != NAME {
                continue;
            }
            written += value.len();
            self.check_room(written / std::mem::size_of::<f64>())?;
            let naming = match metric.naming {
                Naming::Doomed if to != NAME => Naming::Doomed,
                _ => Naming::Kept,
            };
            *metric = Metric::with(metric.edited(&[(to, Some(&value))]), naming);
            changed = true;
        }
        if changed {
            frame.check_distinct()?;
        }
        Ok(frame)
    }
}

fn check_length(length: usize, function: &str) -> Result<(), EvalError> {
    if length > MAX_VALUE {
        return Err(EvalError::execution(format!(
            "label value longer than {MAX_VALUE} bytes in {function}()"
        )));
    }
    Ok(())
}

fn check_name(name: &str, which: &str, function: &str) -> Result<(), EvalError> {
    if name.is_empty() {
        return Err(EvalError::execution(format!(
            "invalid {which} label name in {function}(): {name}"
        )));
    }
    Ok(())
}

/// A string argument.
pub(crate) fn text(arg: &Expr) -> Result<&str, EvalError> {
    match &arg.inner().kind {
        ExprKind::Text(text) => Ok(text),
        _ => Err(EvalError::execution("expected a string")),
    }
}

/// String arguments.
pub(crate) fn texts(args: &[Expr]) -> Result<Vec<&str>, EvalError> {
    args.iter().map(text).collect()
}
