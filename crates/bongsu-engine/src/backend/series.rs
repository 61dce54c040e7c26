//! The engine as callers see it: series.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::Labels;
use bongsu_tsdb::wire::otlp::{self, Encoding};
use bongsu_tsdb::wire::remote_write::{self, Version};
use bongsu_tsdb::wire::{Decoded, WireError, WireLimits};
use bongsu_tsdb::{Metadata, Reason};
use tokio::task::spawn_blocking;

use crate::api::{
    Answer, DiscoveryView, MetricView, QueryAnswer, QueryError, QueryOptions, SeriesBackend,
    SeriesBody, SeriesError, SeriesFigures, SeriesReceipt, TargetView, Window,
};
use crate::engine::Engine;
use crate::series::{SeriesQueries, When};

impl SeriesBackend for Engine {
    fn query(
        &self,
        text: String,
        at: Option<i64>,
        options: QueryOptions,
    ) -> Answer<'_, Result<QueryAnswer, QueryError>> {
        Box::pin(async move {
            let at = at.unwrap_or_else(|| self.0.clock.now().as_millisecond());
            self.0.series.ask(&text, When::At(at), options).await
        })
    }

    fn query_range(
        &self,
        text: String,
        window: Window,
        step: i64,
        options: QueryOptions,
    ) -> Answer<'_, Result<QueryAnswer, QueryError>> {
        Box::pin(async move { self.0.series.ask(&text, When::Range(window, step), options).await })
    }

    fn series(
        &self,
        selectors: Vec<String>,
        window: Window,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Labels>, QueryError>> {
        Box::pin(async move {
            let search = self.0.series.search(&selectors, move |store, sets| {
                store.series(sets, window.from, window.to, limit)
            });
            search.await
        })
    }

    fn label_names(
        &self,
        selectors: Vec<String>,
        window: Window,
        limit: usize,
    ) -> Answer<'_, Result<Vec<String>, QueryError>> {
        Box::pin(async move {
            let search = self.0.series.search(&selectors, move |store, sets| {
                let mut names = store.labels(sets, window.from, window.to);
                names.truncate(limit);
                names
            });
            search.await
        })
    }

    fn label_values(
        &self,
        name: String,
        selectors: Vec<String>,
        window: Window,
        limit: usize,
    ) -> Answer<'_, Result<Vec<String>, QueryError>> {
        Box::pin(async move {
            let search = self.0.series.search(&selectors, move |store, sets| {
                let mut values = store.label_values(&name, sets, window.from, window.to);
                values.truncate(limit);
                values
            });
            search.await
        })
    }

    fn metric_metadata(&self, metric: Option<String>, limit: usize) -> Vec<MetricView> {
        let Some(store) = self.0.series.store() else { return Vec::new() };
        let found = match metric {
            Some(metric) => {
                store.metadata(&metric).map(|about| (metric, about)).into_iter().collect()
            }
            None => store.all_metadata(limit),
        };
        let view = |(metric, about): (String, Metadata)| MetricView {
            metric,
            kind: about.kind.as_str().to_owned(),
            help: about.help,
            unit: about.unit,
        };
        found.into_iter().map(view).collect()
    }

    fn write_series(&self, body: SeriesBody) -> Answer<'_, Result<SeriesReceipt, SeriesError>> {
        Box::pin(async move {
            if self.0.series.store().is_none() {
                let message = "no series are kept by this server".to_owned();
                return Err(SeriesError::Unavailable(message));
            }
            let (shared, now) = (Arc::clone(&self.0), self.0.clock.now().as_millisecond());
            let written = spawn_blocking(move || write(&shared.series, now, &body));
            written.await.map_err(|error| SeriesError::Unavailable(error.to_string()))?
        })
    }

    fn targets(&self) -> Answer<'_, Vec<TargetView>> {
        Box::pin(self.0.targets())
    }

    fn dropped_targets(&self) -> Answer<'_, BTreeMap<String, usize>> {
        Box::pin(self.0.dropped_targets())
    }

    fn discoveries(&self) -> Vec<DiscoveryView> {
        self.0.discovered.lock().clone()
    }

    fn also_expose(&self, write: Box<dyn Fn(&mut String) + Send + Sync>) {
        // Whoever comes first is the server; others are tests of it.
        let _ = self.0.exposed.set(write);
    }

    fn series_figures(&self) -> Option<SeriesFigures> {
        let stats = self.0.series.store()?.stats();
        Some(SeriesFigures {
            series: stats.series as u64,
            samples: stats.samples,
            bytes: stats.bytes as u64,
            from: stats.span.map(|(from, _)| from),
            to: stats.span.map(|(_, to)| to),
        })
    }
}

/// Reads a body and keeps its samples.
fn write(
    series: &SeriesQueries,
    now: i64,
    body: &SeriesBody,
) -> Result<SeriesReceipt, SeriesError> {
    let limits = WireLimits::default();
    let told = |version, bytes: &[u8]| {
        let unpacked = remote_write::unpack(bytes, &limits).map_err(unread)?;
        let decoded = remote_write::read(version, &unpacked, &limits).map_err(unread)?;
        keep(series, now, decoded)
    };
    let measured = |encoding: Encoding, bytes: &[u8]| {
        let decoded = otlp::read(encoding, bytes, &limits).map_err(unread)?;
        let passed = decoded.passed_over.clone();
        let mut receipt = keep(series, now, decoded)?;
        receipt.refused.extend(passed.reason);
        let rejected = receipt.rejected + passed.points;
        receipt.answer = encoding.answer(rejected, &receipt.refused.join("; "));
        Ok(receipt)
    };
    match body {
        SeriesBody::RemoteWrite1(bytes) => told(Version::One, bytes),
        SeriesBody::RemoteWrite2(bytes) => told(Version::Two, bytes),
        SeriesBody::Otlp(bytes) => measured(Encoding::Protobuf, bytes),
        SeriesBody::OtlpJson(bytes) => measured(Encoding::Json, bytes),
    }
}

fn keep(
    series: &SeriesQueries,
    now: i64,
    decoded: Decoded<'_>,
) -> Result<SeriesReceipt, SeriesError> {
    if let Some(store) = series.store() {
        store.describe(decoded.metadata);
    }
    let appended = series
        .append(now, &decoded.series)
        .map_err(|error| SeriesError::Unavailable(error.to_string()))?;
    if appended.refused.reason().is_some_and(Reason::is_full) {
        return Err(SeriesError::Full(appended.refused.to_string()));
    }
    let rejected = appended.refused.total();
    Ok(SeriesReceipt {
        samples: appended.floats,
        histograms: appended.histograms,
        rejected,
        refused: (rejected > 0).then(|| appended.refused.to_string()).into_iter().collect(),
        ..SeriesReceipt::default()
    })
}

fn unread(error: WireError) -> SeriesError {
    match error {
        WireError::TooLarge(_) => SeriesError::TooLarge(error.to_string()),
        error => SeriesError::Bad(error.to_string()),
    }
}
