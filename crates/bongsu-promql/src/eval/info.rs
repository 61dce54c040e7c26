//! `info`: labels of info metrics on other series.

use bongsu_model::{Labels, MatchOp, Matcher};

use super::EvalError;
use super::call::arg;
use super::evaluator::Evaluator;
use super::frame::Frame;
use super::grid::Grid;
use super::key::{Key, Ordinals};
use super::metric::{Metric, NAME};
use super::selector::Wanted;
use crate::ast::{Selector, Shift};
use crate::{Expr, ExprKind};

/// The info metric that is meant when none is named.
const DEFAULT: &str = "target_info";
/// Labels that tell which info series belongs to a series.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

impl Evaluator<'_> {
    pub(crate) fn info(&mut self, args: &[Expr], grid: Grid) -> Result<Frame, EvalError> {
        let base = self.vector(arg(args, 0)?, grid)?;
        let wanted = Wishes::of(args.get(1))?;
        let enriched: Vec<bool> =
            base.metrics.iter().map(|metric| !wanted.are_for(metric.name())).collect();
        let infos = match wanted.selector(&base, &enriched)? {
            Some(selector) => self.samples_at(&selector, grid, Wanted::InfoTimes)?,
            None => Frame::new(grid.steps),
        };
        self.check_room(base.size().saturating_add(infos.size()))?;
        joined(&base, &infos, &enriched, &wanted)
    }
}

/// What the second argument asks for.
struct Wishes {
    names: Vec<Matcher>,
    labels: Vec<Matcher>,
}

impl Wishes {
    fn of(arg: Option<&Expr>) -> Result<Self, EvalError> {
        let matchers = match arg.map(|arg| &arg.inner().kind) {
            Some(ExprKind::Vector(selector)) => selector.matchers.clone(),
            Some(_) => return Err(EvalError::execution("expected label matchers")),
            None => Vec::new(),
        };
        let (mut names, labels): (Vec<Matcher>, Vec<Matcher>) =
            matchers.into_iter().partition(|matcher| matcher.name() == NAME);
        if names.is_empty() {
            names.push(matcher(NAME, MatchOp::Equal, DEFAULT)?);
        }
        Ok(Self { names, labels })
    }

    /// Whether `name` is an info metric itself.
    fn are_for(&self, name: &str) -> bool {
        self.names.iter().all(|matcher| matcher.matches_value(name))
    }

    /// Whether the label may be taken over.
    fn takes(&self, label: &str) -> bool {
        self.labels.is_empty() || self.labels.iter().any(|matcher| matcher.name() == label)
    }

    /// Selects the info series that can belong to rows of `base`.
    fn selector(&self, base: &Frame, enriched: &[bool]) -> Result<Option<Selector>, EvalError> {
        let mut matchers: Vec<Matcher> = self.names.iter().chain(&self.labels).cloned().collect();
        let before = matchers.len();
        for label in IDENTIFYING {
            let rows = base.metrics.iter().zip(enriched).filter(|(_, enriched)| **enriched);
            let mut values: Vec<&str> =
                rows.map(|(metric, _)| metric.value(label)).filter(|v| !v.is_empty()).collect();
            values.sort_unstable();
            values.dedup();
            if !values.is_empty() {
                let escaped: Vec<String> = values.iter().map(|value| escaped(value)).collect();
                matchers.push(matcher(label, MatchOp::Regex, &escaped.join("|"))?);
            }
        }
        let shift = Shift::default();
        Ok((matchers.len() > before).then_some(Selector { name: None, matchers, shift }))
    }
}

fn matcher(name: &str, op: MatchOp, value: &str) -> Result<Matcher, EvalError> {
    Matcher::new(name, op, value).map_err(|error| EvalError::execution(error.to_string()))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Info series by name and identifying labels.
struct Infos<'f> {
    frame: &'f Frame,
    names: Vec<&'f str>,
    groups: Vec<Vec<usize>>,
    firsts: Vec<usize>,
}

impl<'f> Infos<'f> {
    /// For each base row the groups that belong to it, in the order of names.
    fn of(frame: &'f Frame, base: &Frame) -> (Self, Vec<Vec<usize>>) {
        let key: Vec<String> =
            IDENTIFYING.iter().chain(&[NAME]).map(|label| (*label).to_owned()).collect();
        let mut ordinals = Ordinals::new(Key::Only(&key));
        let mut infos = Self { frame, names: Vec::new(), groups: Vec::new(), firsts: Vec::new() };
        for (row, metric) in frame.metrics.iter().enumerate() {
            if !infos.names.contains(&metric.name()) {
                infos.names.push(metric.name());
            }
            let (group, new) = ordinals.number(metric, |n| &frame.metrics[infos.firsts[n]]);
            if new {
                infos.firsts.push(row);
                infos.groups.push(Vec::new());
            }
            infos.groups[group].push(row);
        }
        let groups = infos.groups.len();
        let of_base = base.metrics.iter().map(|metric| {
            let probes = infos.names.iter().map(|name| {
                let labels = metric.project(|label| IDENTIFYING.contains(&label));
                Metric::new(Metric::new(labels).edited(&[(NAME, Some(name))]))
            });
            probes
                .filter_map(|probe| {
                    (0..groups).find(|group| {
                        let info = &frame.metrics[infos.firsts[*group]];
                        key.iter().all(|label| info.value(label) == probe.value(label))
                    })
                })
                .collect()
        });
        let of_base = of_base.collect();
        (infos, of_base)
    }

    /// The newest series of a group in a step.
    fn newest(&self, group: usize, step: usize) -> Result<Option<usize>, EvalError> {
        let mut newest: Option<(f64, usize)> = None;
        for row in self.groups[group].iter().filter(|row| self.frame.has(**row, step)) {
            let time = self.frame.row(*row)[step];
            match newest {
                Some((other, known)) if other == time => {
                    let [known, row] = [known, *row].map(|row| self.frame.metrics[row].visible());
                    return Err(EvalError::execution(format!(
                        "found duplicate series for info metric: existing {known} @ {time}, new \
                         {row} @ {time}"
                    )));
                }
                Some((other, _)) if other > time => {}
                _ => newest = Some((time, *row)),
            }
        }
        Ok(newest.map(|(_, row)| row))
    }
}

fn joined(
    base: &Frame,
    infos: &Frame,
    enriched: &[bool],
    wishes: &Wishes,
) -> Result<Frame, EvalError> {
    let (infos, of_base) = Infos::of(infos, base);
    let needs_match = !wishes.labels.iter().all(|matcher| matcher.matches_value(""));
    let mut out = Frame::new(base.steps());
    for (row, metric) in base.metrics.iter().enumerate() {
        if !enriched[row] {
            out.push_row_of(base, row);
            continue;
        }
        // Most rows keep their info series: only a change makes another row.
        let mut last: Option<(Vec<usize>, usize)> = None;
        for step in (0..base.steps()).filter(|step| base.has(row, *step)) {
            let mut partners = Vec::new();
            for group in &of_base[row] {
                partners.extend(infos.newest(*group, step)?);
            }
            if partners.is_empty() && needs_match {
                continue;
            }
            let to = match &last {
                Some((known, to)) if *known == partners => *to,
                _ => {
                    let labels = with_info(metric, &partners, infos.frame, wishes)?;
                    out.push(Metric::with(labels, metric.naming))
                }
            };
            out.set_cell(to, step, base.cell(row, step));
            last = Some((partners, to));
        }
    }
    out.merge_same()?;
    Ok(out)
}

/// The labels of `metric` and those that its info series have beyond them.
fn with_info(
    metric: &Metric,
    partners: &[usize],
    infos: &Frame,
    wishes: &Wishes,
) -> Result<Labels, EvalError> {
    let mut added: Vec<(&str, Option<&str>)> = Vec::new();
    for partner in partners {
        for (name, value) in infos.metrics[*partner].iter() {
            if name == NAME || !wishes.takes(name) {
                continue;
            }
            match added.iter().find(|(known, _)| *known == name) {
                Some((_, known)) if *known != Some(value) => {
                    return Err(EvalError::execution(format!("conflicting label: {name}")));
                }
                Some(_) => {}
                None if metric.value(name).is_empty() => added.push((name, Some(value))),
                None => {}
            }
        }
    }
    Ok(metric.edited(&added))
}
