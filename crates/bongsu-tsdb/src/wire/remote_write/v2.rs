//! `io.prometheus.write.v2.Request`: a table of texts, and series that refer to it.

use bongsu_lang::protobuf::{Message, Value};

use super::{append_numbers, float, histogram, message};
use crate::sample::{Metadata, MetricKind, SeriesSamples};
use crate::wire::{Budget, Decoded, WireError, WireLimits};

const SYMBOL: u32 = 4;
const SERIES: u32 = 5;

pub(super) fn read<'a>(body: &'a [u8], limits: &WireLimits) -> Result<Decoded<'a>, WireError> {
    // The table may stand behind the series.
    let mut symbols = Vec::new();
    for field in message(body) {
        if let (SYMBOL, value) = field? {
            if symbols.len() >= limits.max_series * 4 {
                return Err(WireError::TooMany { what: "symbols", limit: limits.max_series * 4 });
            }
            symbols.push(value.text()?);
        }
    }
    let mut decoded = Decoded::default();
    let mut budget = Budget::new(limits);
    let mut references = Vec::new();
    for field in message(body) {
        if let (SERIES, value) = field? {
            budget.series()?;
            let series = series(value.message()?, &symbols, &mut references, &mut budget)?;
            decoded.metadata.extend(series.1);
            decoded.series.push(series.0);
        }
    }
    Ok(decoded)
}

fn symbol<'a>(symbols: &[&'a str], reference: u64) -> Result<&'a str, WireError> {
    let at = usize::try_from(reference).ok();
    at.and_then(|at| symbols.get(at).copied()).ok_or(WireError::Symbol(reference))
}

fn series<'a>(
    message: Message<'a>,
    symbols: &[&'a str],
    references: &mut Vec<u64>,
    budget: &mut Budget,
) -> Result<(SeriesSamples<'a>, Option<(String, Metadata)>), WireError> {
    let mut series = SeriesSamples::default();
    let mut known = None;
    references.clear();
    for field in message {
        match field? {
            (1, value) => {
                append_numbers(value, references, budget.limits.max_labels * 2, "labels")?;
            }
            (2, value) => {
                budget.samples(1)?;
                series.floats.push(float(value)?);
            }
            (3, value) => {
                let buckets = histogram::read(value, &mut series)?;
                budget.histogram(buckets)?;
            }
            (5, value) => known = metadata(value, symbols, budget)?,
            _ => {}
        }
    }
    let (two, rest) = references.as_chunks::<2>();
    if let [odd] = rest {
        return Err(WireError::Symbol(*odd));
    }
    series.labels.reserve(two.len());
    for [name, value] in two {
        budget.label(series.labels.len())?;
        let (name, value) = (symbol(symbols, *name)?, symbol(symbols, *value)?);
        series.labels.push((name.into(), value.into()));
    }
    let name = series.labels.iter().find(|(name, _)| name == "__name__");
    let known = name.zip(known).map(|((_, name), known)| (name.clone().into_owned(), known));
    Ok((series, known))
}

/// `None` if it says nothing: senders without metadata send it empty.
fn metadata(
    value: Value<'_>,
    symbols: &[&str],
    budget: &mut Budget,
) -> Result<Option<Metadata>, WireError> {
    let (mut kind, mut help, mut unit) = (MetricKind::default(), "", "");
    for field in value.message()? {
        match field? {
            (1, value) => kind = MetricKind::of_number(value.unsigned()?),
            (3, value) => help = symbol(symbols, value.unsigned()?)?,
            (4, value) => unit = symbol(symbols, value.unsigned()?)?,
            _ => {}
        }
    }
    if kind == MetricKind::Unknown && help.is_empty() && unit.is_empty() {
        return Ok(None);
    }
    budget.text(help.len() + unit.len())?;
    Ok(Some(Metadata { kind, help: help.into(), unit: unit.into() }))
}
