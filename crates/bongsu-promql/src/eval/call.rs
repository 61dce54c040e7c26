//! Calls: which function is evaluated by what.

use super::annotation::Annotations;
use super::evaluator::{Data, Evaluator};
use super::frame::{Cell, Frame, absent, is_absent};
use super::grid::Grid;
use super::metric::Metric;
use super::native::{self, Fractions, Quantiles};
use super::over_time;
use super::rate::{self, Kind};
use super::selector::Wanted;
use super::window::{Keeps, Outcome, OverWindow, Window};
use super::{EvalError, absent as missing, date, label, math, order, quantile};
use crate::histogram::Fold;
use crate::{Expr, ExprKind, Span};

impl Evaluator<'_> {
    pub(crate) fn call(
        &mut self,
        function: &str,
        args: &[Expr],
        grid: Grid,
    ) -> Result<Data, EvalError> {
        match function {
            "time" => return Ok(Data::Scalar(grid.times().map(|t| t as f64 / 1000.0).collect())),
            "pi" => return Ok(Data::Scalar(vec![std::f64::consts::PI; grid.steps])),
            "scalar" => {
                let frame = self.vector(arg(args, 0)?, grid)?;
                return Ok(Data::Scalar(only_floats(&frame, grid.steps)));
            }
            _ => {}
        }
        self.vector_call(function, args, grid).map(Data::Vector)
    }

    fn vector_call(
        &mut self,
        function: &str,
        args: &[Expr],
        grid: Grid,
    ) -> Result<Frame, EvalError> {
        if let Some(f) = math::function(function) {
            return self.mapped(arg(args, 0)?, grid, |_, value| f(value));
        }
        if let Some(f) = date::function(function) {
            return match args.first() {
                Some(arg) => self.mapped(arg, grid, |_, value| f(value)),
                None => Ok(unlabelled(grid, grid.times().map(|t| f((t / 1000) as f64)))),
            };
        }
        match function {
            "vector" => {
                let values = self.scalar(arg(args, 0)?, grid)?;
                Ok(unlabelled(grid, values.into_iter()))
            }
            "round" => {
                let to = self.optional_scalar(args.get(1), 1.0, grid)?;
                self.mapped(arg(args, 0)?, grid, |step, value| math::round(value, to[step]))
            }
            "clamp" => {
                let low = self.scalar(arg(args, 1)?, grid)?;
                let high = self.scalar(arg(args, 2)?, grid)?;
                self.clamped(arg(args, 0)?, grid, &low, &high)
            }
            "clamp_min" => {
                let low = self.scalar(arg(args, 1)?, grid)?;
                self.clamped(arg(args, 0)?, grid, &low, &vec![f64::INFINITY; grid.steps])
            }
            "clamp_max" => {
                let high = self.scalar(arg(args, 1)?, grid)?;
                self.clamped(arg(args, 0)?, grid, &vec![f64::NEG_INFINITY; grid.steps], &high)
            }
            "timestamp" => self.timestamps(arg(args, 0)?, grid),
            "absent" => {
                let frame = self.vector(arg(args, 0)?, grid)?;
                Ok(missing::where_absent(&frame, arg(args, 0)?.inner(), grid))
            }
            "absent_over_time" => self.absent_over_time(arg(args, 0)?, grid),
            "label_replace" => self.label_replace(args, grid),
            "label_join" => self.label_join(args, grid),
            "info" => self.info(args, grid),
            "sort" | "sort_desc" => {
                let frame = self.vector(arg(args, 0)?, grid)?;
                Ok(order::by_value(frame, function == "sort_desc"))
            }
            "sort_by_label" | "sort_by_label_desc" => {
                let frame = self.vector(arg(args, 0)?, grid)?;
                let labels = label::texts(&args[1..])?;
                Ok(order::by_label(frame, &labels, function == "sort_by_label_desc"))
            }
            _ if function.starts_with("histogram_") => self.histogram_call(function, args, grid),
            _ => self.window_call(function, args, grid),
        }
    }

    fn optional_scalar(
        &mut self,
        arg: Option<&Expr>,
        default: f64,
        grid: Grid,
    ) -> Result<Vec<f64>, EvalError> {
        match arg {
            Some(arg) => self.scalar(arg, grid),
            None => Ok(vec![default; grid.steps]),
        }
    }

    /// `f` of the step and the float in each cell; names go, histograms go.
    fn mapped(
        &mut self,
        arg: &Expr,
        grid: Grid,
        f: impl Fn(usize, f64) -> f64,
    ) -> Result<Frame, EvalError> {
        let mut frame = self.vector(arg, grid)?;
        if grid.steps == 1 {
            frame.map_floats(|value| f(0, value));
        } else {
            frame.drop_histograms();
            for row in 0..frame.rows() {
                for (step, value) in frame.row_mut(row).iter_mut().enumerate() {
                    if !is_absent(*value) {
                        *value = f(step, *value);
                    }
                }
            }
        }
        frame.drop_names(self.dropping())?;
        Ok(frame)
    }

    fn clamped(
        &mut self,
        arg: &Expr,
        grid: Grid,
        low: &[f64],
        high: &[f64],
    ) -> Result<Frame, EvalError> {
        let mut frame = self.mapped(arg, grid, |step, value| {
            if high[step] < low[step] {
                absent()
            } else {
                math::clamp(value, low[step], high[step])
            }
        })?;
        frame.drop_empty_rows();
        Ok(frame)
    }

    /// `timestamp`: of a selector the times of its samples, of anything else that of the step.
    fn timestamps(&mut self, arg: &Expr, grid: Grid) -> Result<Frame, EvalError> {
        let mut frame = match &arg.inner().kind {
            ExprKind::Vector(selector) => self.samples_at(selector, grid, Wanted::Times)?,
            _ => {
                let mut frame = self.vector(arg, grid)?;
                for row in 0..frame.rows() {
                    for step in
                        (0..grid.steps).filter(|step| frame.has(row, *step)).collect::<Vec<_>>()
                    {
                        frame.set(row, step, grid.at(step) as f64 / 1000.0);
                    }
                }
                frame
            }
        };
        frame.drop_names(self.dropping())?;
        Ok(frame)
    }

    fn histogram_call(
        &mut self,
        function: &str,
        args: &[Expr],
        grid: Grid,
    ) -> Result<Frame, EvalError> {
        let naming = self.dropping();
        match function {
            "histogram_quantile" => {
                let q = self.scalar(arg(args, 0)?, grid)?;
                let frame = self.vector(arg(args, 1)?, grid)?;
                let span = arg(args, 0)?.inner().span;
                for q in q.iter().filter(|q| !(0.0..=1.0).contains(*q)) {
                    self.notes.invalid_quantile(span, *q);
                }
                let histograms = arg(args, 1)?.inner().span;
                let of = Quantiles { q, span, histograms };
                native::of_histograms(&frame, &of, naming, histograms, &mut self.notes)
            }
            "histogram_fraction" => {
                let lower = self.scalar(arg(args, 0)?, grid)?;
                let upper = self.scalar(arg(args, 1)?, grid)?;
                let frame = self.vector(arg(args, 2)?, grid)?;
                let of = Fractions { lower, upper, span: arg(args, 0)?.inner().span };
                let span = arg(args, 2)?.inner().span;
                native::of_histograms(&frame, &of, naming, span, &mut self.notes)
            }
            _ => {
                let frame = self.vector(arg(args, 0)?, grid)?;
                match function {
                    "histogram_count" => native::map_histograms(&frame, naming, |h| h.count),
                    "histogram_sum" => native::map_histograms(&frame, naming, |h| h.sum),
                    "histogram_avg" => native::map_histograms(&frame, naming, |h| h.average()),
                    "histogram_stdvar" => native::map_histograms(&frame, naming, |h| h.variance()),
                    "histogram_stddev" => {
                        native::map_histograms(&frame, naming, |h| h.variance().sqrt())
                    }
                    _ => Err(unknown(function)),
                }
            }
        }
    }

    fn window_call(
        &mut self,
        function: &str,
        args: &[Expr],
        grid: Grid,
    ) -> Result<Frame, EvalError> {
        match function {
            "quantile_over_time" => {
                let q = self.scalar(arg(args, 0)?, grid)?;
                let span = arg(args, 0)?.inner().span;
                let range = arg(args, 1)?;
                return self.over_windows(range, grid, Keeps::Labels, &|window, notes| {
                    let q = q[window.step];
                    if !window.values.is_empty() && !(0.0..=1.0).contains(&q) {
                        notes.invalid_quantile(span, q);
                    }
                    Ok(over_time::of_floats(window, span, notes, |floats| {
                        quantile::of_values(q, &mut floats.to_vec())
                    }))
                });
            }
            "predict_linear" => {
                let seconds = self.scalar(arg(args, 1)?, grid)?;
                let range = arg(args, 0)?;
                let span = range.inner().span;
                return self.over_windows(range, grid, Keeps::Labels, &|window, notes| {
                    Ok(rate::predict_linear(window, seconds[window.step], span, notes))
                });
            }
            "double_exponential_smoothing" => {
                let smoothing = self.scalar(arg(args, 1)?, grid)?;
                let trend = self.scalar(arg(args, 2)?, grid)?;
                let range = arg(args, 0)?;
                let span = range.inner().span;
                return self.over_windows(range, grid, Keeps::Labels, &|window, notes| {
                    let (smoothing, trend) = (smoothing[window.step], trend[window.step]);
                    over_time::smoothed(window, smoothing, trend, span, notes)
                });
            }
            _ => {}
        }
        let range = arg(args, 0)?;
        let (keeps, f) = over_window(function).ok_or_else(|| unknown(function))?;
        let span = range.inner().span;
        let f: &OverWindow<'_> = &|window, notes| f(window, span, notes);
        self.over_windows(range, grid, keeps, f)
    }

    fn absent_over_time(&mut self, arg: &Expr, grid: Grid) -> Result<Frame, EvalError> {
        let one: &OverWindow<'_> = &|_, _| Ok(Outcome::Float(1.0));
        let present = self.over_windows(arg, grid, Keeps::Name, one)?;
        let mut frame = missing::where_absent(&present, arg.inner(), grid);
        frame.drop_names(self.dropping())?;
        Ok(frame)
    }
}

type Plain = fn(&Window<'_>, Span, &mut Annotations) -> Result<Outcome, EvalError>;

/// Functions whose only argument is the range vector.
fn over_window(function: &str) -> Option<(Keeps, Plain)> {
    let plain: Plain = match function {
        "rate" => {
            return Some((Keeps::CounterLabels, |w, span, notes| {
                rate::extrapolated(w, Kind { counter: true, per_second: true }, span, notes)
            }));
        }
        "increase" => {
            return Some((Keeps::CounterLabels, |w, span, notes| {
                rate::extrapolated(w, Kind { counter: true, per_second: false }, span, notes)
            }));
        }
        "last_over_time" => return Some((Keeps::Name, |w, _, _| Ok(over_time::last(w)))),
        "first_over_time" => return Some((Keeps::Name, |w, _, _| Ok(over_time::first(w)))),
        "delta" => |w, span, notes| {
            rate::extrapolated(w, Kind { counter: false, per_second: false }, span, notes)
        },
        "irate" => |w, span, notes| rate::instant(w, true, span, notes),
        "idelta" => |w, span, notes| rate::instant(w, false, span, notes),
        "deriv" => |w, span, notes| Ok(rate::deriv(w, span, notes)),
        "changes" => |w, _, _| Ok(rate::changes(w)),
        "resets" => |w, _, _| Ok(rate::resets(w)),
        "sum_over_time" => {
            |w, span, notes| Ok(over_time::sum_or_mean(w, over_time::sum, Fold::sum(), span, notes))
        }
        "avg_over_time" => |w, span, notes| {
            Ok(over_time::sum_or_mean(w, over_time::mean, Fold::mean(), span, notes))
        },
        "count_over_time" => {
            |w, _, _| Ok(Outcome::Float((w.values.len() + w.histograms.len()) as f64))
        }
        "present_over_time" => |_, _, _| Ok(Outcome::Float(1.0)),
        "min_over_time" => |w, span, notes| {
            Ok(over_time::of_floats(w, span, notes, |floats| over_time::extreme(floats, true)))
        },
        "max_over_time" => |w, span, notes| {
            Ok(over_time::of_floats(w, span, notes, |floats| over_time::extreme(floats, false)))
        },
        "stdvar_over_time" => {
            |w, span, notes| Ok(over_time::of_floats(w, span, notes, over_time::variance))
        }
        "stddev_over_time" => |w, span, notes| {
            Ok(over_time::of_floats(w, span, notes, |floats| over_time::variance(floats).sqrt()))
        },
        "mad_over_time" => {
            |w, span, notes| Ok(over_time::of_floats(w, span, notes, over_time::median_deviation))
        }
        "ts_of_min_over_time" => |w, span, notes| {
            Ok(over_time::of_floats(w, span, notes, |_| over_time::time_of_extreme(w, true)))
        },
        "ts_of_max_over_time" => |w, span, notes| {
            Ok(over_time::of_floats(w, span, notes, |_| over_time::time_of_extreme(w, false)))
        },
        "ts_of_first_over_time" => |w, _, _| Ok(over_time::time_of_first(w)),
        "ts_of_last_over_time" => |w, _, _| Ok(over_time::time_of_last(w)),
        _ => return None,
    };
    Some((Keeps::Labels, plain))
}

fn unknown(function: &str) -> EvalError {
    EvalError::execution(format!("unknown function with name {function:?}"))
}

/// An argument; the parser has checked how many there are.
pub(crate) fn arg(args: &[Expr], at: usize) -> Result<&Expr, EvalError> {
    args.get(at).ok_or_else(|| EvalError::execution("an argument is missing"))
}

/// One row without labels.
fn unlabelled(grid: Grid, values: impl Iterator<Item = f64>) -> Frame {
    let mut frame = Frame::new(grid.steps);
    let row = frame.push(Metric::new(bongsu_model::Labels::default()));
    frame.row_mut(row).iter_mut().zip(values).for_each(|(cell, value)| *cell = value);
    frame
}

/// `scalar`: the only float of each step, NaN if there is none or another.
fn only_floats(frame: &Frame, steps: usize) -> Vec<f64> {
    let only = |step: usize| {
        let mut floats = (0..frame.rows()).filter_map(|row| match frame.cell(row, step) {
            Cell::Float(value) => Some(value),
            _ => None,
        });
        floats.next().filter(|_| floats.next().is_none()).unwrap_or(f64::NAN)
    };
    (0..steps).map(only).collect()
}
