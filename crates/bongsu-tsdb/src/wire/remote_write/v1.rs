//! `prometheus.WriteRequest`: each series has its labels written out.

use bongsu_lang::protobuf::Value;

use super::{float, histogram, message};
use crate::sample::{Metadata, MetricKind, SeriesSamples};
use crate::wire::{Budget, Decoded, WireError, WireLimits};

pub(super) fn read<'a>(body: &'a [u8], limits: &WireLimits) -> Result<Decoded<'a>, WireError> {
    let mut decoded = Decoded::default();
    let mut budget = Budget::new(limits);
    for field in message(body) {
        match field? {
            (1, value) => {
                budget.series()?;
                decoded.series.push(series(value, &mut budget)?);
            }
            (3, value) => {
                budget.series()?;
                decoded.metadata.push(metadata(value)?);
            }
            _ => {}
        }
    }
    Ok(decoded)
}

fn series<'a>(value: Value<'a>, budget: &mut Budget) -> Result<SeriesSamples<'a>, WireError> {
    let mut series = SeriesSamples::default();
    for field in value.message()? {
        match field? {
            (1, value) => {
                budget.label(series.labels.len())?;
                let (mut name, mut text) = ("", "");
                for field in value.message()? {
                    match field? {
                        (1, value) => name = value.text()?,
                        (2, value) => text = value.text()?,
                        _ => {}
                    }
                }
                if series.labels.is_empty() {
                    series.labels.reserve(8);
                }
                series.labels.push((name.into(), text.into()));
            }
            (2, value) => {
                budget.samples(1)?;
                series.floats.push(float(value)?);
            }
            (4, value) => {
                let buckets = histogram::read(value, &mut series)?;
                budget.histogram(buckets)?;
            }
            _ => {}
        }
    }
    Ok(series)
}

fn metadata(value: Value<'_>) -> Result<(String, Metadata), WireError> {
    let (mut name, mut metadata) = (String::new(), Metadata::default());
    for field in value.message()? {
        match field? {
            (1, value) => metadata.kind = MetricKind::of_number(value.unsigned()?),
            (2, value) => name = value.text()?.to_owned(),
            (4, value) => metadata.help = value.text()?.to_owned(),
            (5, value) => metadata.unit = value.text()?.to_owned(),
            _ => {}
        }
    }
    Ok((name, metadata))
}
