//! Where series come from.

use std::ops::ControlFlow;
use std::sync::Arc;

use bongsu_model::{Labels, Matcher};

use crate::FloatHistogram;

/// What is asked for: series that match all matchers and their samples with
/// `from <= time <= to`, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Select<'a> {
    /// All must match; a missing label is `""`.
    pub matchers: &'a [Matcher],
    /// First time, inclusive.
    pub from: i64,
    /// Last time, inclusive.
    pub to: i64,
}

/// The samples of one series in order of time, floats and histograms apart; a time is in one of them.
/// Stale markers are floats with the bits of [`crate::STALE_NAN`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// Times of floats.
    pub times: Vec<i64>,
    /// Floats, as many as `times`.
    pub values: Vec<f64>,
    /// Histograms.
    pub histograms: Vec<(i64, Arc<FloatHistogram>)>,
}

/// [`Points`] that somebody else owns.
#[derive(Clone, Copy, Debug, Default)]
pub struct PointsRef<'p> {
    /// Times of floats.
    pub times: &'p [i64],
    /// Floats, as many as `times`.
    pub values: &'p [f64],
    /// Histograms.
    pub histograms: &'p [(i64, Arc<FloatHistogram>)],
}

impl Points {
    /// A view of all points.
    pub fn view(&self) -> PointsRef<'_> {
        PointsRef { times: &self.times, values: &self.values, histograms: &self.histograms }
    }
}

/// Told of each series of a window; answers whether to go on.
pub type Visit<'v> = dyn FnMut(&Labels, PointsRef<'_>) -> ControlFlow<()> + 'v;

/// A source that cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It said why.
    #[error("{0}")]
    Failed(String),
    /// The evaluation was cancelled while it waited.
    #[error("query was canceled")]
    Cancelled,
}

/// A store of series. Series come in any order; a series without samples in the window is left out.
pub trait SeriesSource {
    /// Samples of a window.
    fn select(&self, select: &Select<'_>) -> Result<Vec<(Labels, Points)>, SourceError>;

    /// The last sample of each series in the window, which is what an instant needs; the default
    /// asks for the window. A series whose last sample is a stale marker is answered with it.
    fn latest(&self, select: &Select<'_>) -> Result<Vec<(Labels, Points)>, SourceError> {
        let mut series = self.select(select)?;
        for (_, points) in &mut series {
            let float = points.times.last().copied();
            let histogram = points.histograms.last().map(|(time, _)| *time);
            if float >= histogram {
                points.histograms.clear();
                points.times.drain(..points.times.len() - 1);
                points.values.drain(..points.values.len() - 1);
            } else {
                points.times.clear();
                points.values.clear();
                points.histograms.drain(..points.histograms.len() - 1);
            }
        }
        Ok(series)
    }

    /// Hands each series of a window to `visit`, until that breaks off. The default asks for all of
    /// them at once; a source that can show a window without copying it should.
    fn visit(&self, select: &Select<'_>, visit: &mut Visit<'_>) -> Result<(), SourceError> {
        for (labels, points) in self.select(select)? {
            if visit(&labels, points.view()).is_break() {
                break;
            }
        }
        Ok(())
    }
}
