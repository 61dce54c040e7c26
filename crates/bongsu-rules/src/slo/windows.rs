//! Windows of burn rate alerts: which shares of the budget are too much in which time.
//!
//! In: catalogues of kind `AlertWindows`. Out: [`AlertWindows`] for a period.

use std::time::Duration;

use bongsu_lang::yaml::Node;

use super::document::Reader;
use super::{Like, codes};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The four pairs of windows of a period.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertWindows {
    /// The period they are for.
    pub period: Duration,
    /// Pages: quick, slow.
    pub page: [BurnWindow; 2],
    /// Tickets: quick, slow.
    pub ticket: [BurnWindow; 2],
}

/// A pair of windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurnWindow {
    /// Percent of the period's error budget that is too much for the long window.
    pub budget_percent: f64,
    /// Must be over the rate too, so that an alert ends soon after its cause.
    pub short: Duration,
    /// Must be over the rate.
    pub long: Duration,
}

impl BurnWindow {
    const fn new(budget_percent: f64, short: u64, long: u64) -> Self {
        Self { budget_percent, short: Duration::from_secs(short), long: Duration::from_secs(long) }
    }

    /// The burn rate: how many times faster than evenly the budget is used. The order of the
    /// operations decides the last digit, which is printed.
    pub fn factor(&self, period: Duration) -> f64 {
        let hours = |length: Duration| length.as_secs_f64() / 3600.0;
        self.budget_percent * hours(period) / 100.0 / hours(self.long)
    }
}

impl AlertWindows {
    /// The shares of the SRE workbook, for 28 or 30 days.
    pub(crate) fn month(period: Duration) -> Self {
        Self {
            period,
            page: [
                BurnWindow::new(2.0, 5 * MINUTE, HOUR),
                BurnWindow::new(5.0, 30 * MINUTE, 6 * HOUR),
            ],
            ticket: [
                BurnWindow::new(10.0, 2 * HOUR, DAY),
                BurnWindow::new(10.0, 6 * HOUR, 3 * DAY),
            ],
        }
    }

    /// The burn rates of 30 days, for another period of a week or more: the shares follow.
    fn with_rates_of_month(period: Duration) -> Self {
        let month = Duration::from_secs(30 * DAY);
        let mut windows = Self::month(period);
        for window in windows.page.iter_mut().chain(&mut windows.ticket) {
            window.budget_percent *= month.as_secs_f64() / period.as_secs_f64();
        }
        windows
    }

    /// Every length, shortest first, each once.
    pub(crate) fn lengths(&self) -> Vec<Duration> {
        let pairs = self.page.iter().chain(&self.ticket);
        let mut lengths: Vec<Duration> = pairs.flat_map(|w| [w.short, w.long]).collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }
}

/// The windows of a period: of a catalogue, the built-in ones of 28 and 30 days, or, unless Sloth
/// is followed, those of 30 days with the same burn rates for any period of a week or more.
pub(crate) fn for_period<'w>(
    period: Duration,
    mut known: impl Iterator<Item = &'w AlertWindows>,
    like: Like,
) -> Option<AlertWindows> {
    if let Some(windows) = known.find(|windows| windows.period == period) {
        return Some(windows.clone());
    }
    let days = period.as_secs() / DAY;
    match days {
        28 | 30 if period.as_secs().is_multiple_of(DAY) => Some(AlertWindows::month(period)),
        7.. if like == Like::Bongsu => Some(AlertWindows::with_rates_of_month(period)),
        _ => None,
    }
}

/// Reads a catalogue.
pub(crate) fn read(reader: &mut Reader, node: &Node) -> Option<AlertWindows> {
    reader.keys(node, &["apiVersion", "kind", "metadata", "spec"]);
    let Some(spec) = node.get("spec") else {
        reader.missing(node, "spec");
        return None;
    };
    if !reader.keys(spec, &["sloPeriod", "page", "ticket"]) {
        return None;
    }
    let period = reader.need_duration(spec, "sloPeriod");
    let page = pair(reader, spec, "page");
    let ticket = pair(reader, spec, "ticket");
    Some(AlertWindows { period: period?, page: page?, ticket: ticket? })
}

fn pair(reader: &mut Reader, spec: &Node, key: &str) -> Option<[BurnWindow; 2]> {
    let Some(node) = spec.get(key) else {
        reader.missing(spec, key);
        return None;
    };
    if !reader.keys(node, &["quick", "slow"]) {
        return None;
    }
    let quick = window(reader, node, "quick");
    let slow = window(reader, node, "slow");
    Some([quick?, slow?])
}

fn window(reader: &mut Reader, pair: &Node, key: &str) -> Option<BurnWindow> {
    let Some(node) = pair.get(key) else {
        reader.missing(pair, key);
        return None;
    };
    if !reader.keys(node, &["errorBudgetPercent", "shortWindow", "longWindow"]) {
        return None;
    }
    let percent = match node.get("errorBudgetPercent") {
        Some(value) => reader.number(value).filter(|percent| {
            let fits = *percent > 0.0 && *percent <= 100.0;
            if !fits {
                reader.refuse(codes::REFUSED, value.place, "a percentage above 0, at most 100");
            }
            fits
        }),
        None => {
            reader.missing(node, "errorBudgetPercent");
            None
        }
    };
    let short = reader.need_duration(node, "shortWindow");
    let long = reader.need_duration(node, "longWindow");
    let window = BurnWindow { budget_percent: percent?, short: short?, long: long? };
    if window.short >= window.long {
        let message = "shortWindow must be shorter than longWindow";
        reader.refuse(codes::REFUSED, node.place, message);
        return None;
    }
    Some(window)
}
