//! Named time intervals as they mute whole notifications of a route.
//!
//! In: intervals by name, a route, the tick. Out: the names that mute it. Semantics: Alertmanager
//! `notify/mute.go`: active intervals are looked at before mute intervals.

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_lang::time_interval::{TimeInterval, any_contains};
use bongsu_model::Timestamp;
use foldhash::fast::FixedState;

use crate::tree::Route;

/// Why alerts were left out of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suppression {
    /// A silence matches.
    Silence,
    /// Another alert inhibits them.
    Inhibition,
    /// A mute time interval of the route contains the tick.
    MuteTimeInterval,
    /// No active time interval of the route contains the tick.
    ActiveTimeInterval,
    /// Its own state: acknowledged, suppressed or in maintenance.
    Held,
}

/// The time intervals of a configuration.
#[derive(Clone, Debug, Default)]
pub struct MuteTimes {
    intervals: HashMap<Arc<str>, Vec<TimeInterval>, FixedState>,
}

impl MuteTimes {
    /// Intervals by name; for a repeated name the last one counts.
    pub fn new(intervals: impl IntoIterator<Item = (Arc<str>, Vec<TimeInterval>)>) -> Self {
        Self { intervals: intervals.into_iter().collect() }
    }

    /// Those of `names` that contain `now`, in the order given. Unknown names contain nothing.
    pub fn containing<'a>(
        &'a self,
        names: &'a [Arc<str>],
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Arc<str>> {
        names.iter().filter(move |name| {
            self.intervals.get(*name).is_some_and(|intervals| any_contains(intervals, now))
        })
    }

    /// Whether and by what kind of interval the route is mute at `now`.
    pub fn suppression(&self, route: &Route, now: Timestamp) -> Option<Suppression> {
        let any = |names| self.containing(names, now).next().is_some();
        if !route.active_time_intervals.is_empty() && !any(&route.active_time_intervals) {
            return Some(Suppression::ActiveTimeInterval);
        }
        any(&route.mute_time_intervals).then_some(Suppression::MuteTimeInterval)
    }

    /// The names shown as `mutedBy`: all active intervals if none of them contains `now`, else the
    /// mute intervals that do.
    pub fn muted_by(&self, route: &Route, now: Timestamp) -> Vec<Arc<str>> {
        match self.suppression(route, now) {
            None => Vec::new(),
            Some(Suppression::ActiveTimeInterval) => route.active_time_intervals.clone(),
            Some(_) => self.containing(&route.mute_time_intervals, now).cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_lang::time_interval::{TimeRange, WeekdayRange};

    use super::*;
    use crate::tree::{RouteSpec, RouteTree};

    #[test]
    fn active_before_mute() {
        let weekend = TimeInterval {
            weekdays: Some(vec![
                WeekdayRange::parse("saturday").unwrap(),
                WeekdayRange::parse("sunday").unwrap(),
            ]),
            ..TimeInterval::default()
        };
        let night = TimeInterval {
            times: Some(vec![TimeRange::parse("00:00", "06:00").unwrap()]),
            ..TimeInterval::default()
        };
        let mutes = MuteTimes::new([
            (Arc::from("weekend"), vec![weekend]),
            (Arc::from("night"), vec![night]),
            (Arc::from("never"), vec![]),
        ]);
        let route = |active: &[&str], mute: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
            RouteTree::new(&RouteSpec {
                active_time_intervals: names(active),
                mute_time_intervals: names(mute),
                ..RouteSpec::default()
            })
        };
        use Suppression::{ActiveTimeInterval, MuteTimeInterval};
        let saturday_night: Timestamp = "2024-03-09T03:00:00Z".parse().unwrap();
        for (active, mute, reason, names) in [
            (&[][..], &[][..], None, &[][..]),
            (&[], &["never", "night"], Some(MuteTimeInterval), &["night"]),
            (&["never"], &["night"], Some(ActiveTimeInterval), &["never"]),
            (
                &["never", "weekend"],
                &["weekend", "night"],
                Some(MuteTimeInterval),
                &["weekend", "night"],
            ),
            (&["weekend"], &["never"], None, &[]),
        ] {
            let tree = route(active, mute);
            let muted_by = mutes.muted_by(tree.route(0), saturday_night);
            assert_eq!(mutes.suppression(tree.route(0), saturday_night), reason);
            assert_eq!(muted_by.iter().map(|name| &**name).collect::<Vec<_>>(), names);
        }
    }
}
