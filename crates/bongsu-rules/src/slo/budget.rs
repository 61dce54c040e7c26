//! What is left of an error budget.
//!
//! In: an objective and ratios of errors that were asked for elsewhere. Out: a [`Report`]. A window
//! without events has no ratio: `None` or NaN, which is neither good nor bad.

use std::time::Duration;

use super::objective::PolicyStep;

/// What was measured of one objective.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Ratio of errors in the period so far.
    pub period: Option<f64>,
    /// How much of a calendar's period has passed, from 0 to 1; `None` for rolling periods.
    pub elapsed: Option<f64>,
    /// Ratios of errors in shorter windows.
    pub windows: Vec<(Duration, Option<f64>)>,
    /// Events in the period, if they can be counted.
    pub events: Option<f64>,
}

/// How an objective stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The objective is kept.
    Met,
    /// Kept, but less than a quarter of the budget is left.
    AtRisk,
    /// The budget is used up.
    Missed,
    /// There were no events.
    NoTraffic,
}

/// An error budget at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Above 0, at most 100.
    pub objective: f64,
    /// Percent of good events; `None` without events.
    pub achieved: Option<f64>,
    /// Ratio of errors the objective allows.
    pub budget: f64,
    /// Time that may be lost in the whole period: `budget` of it.
    pub budget_time: Duration,
    /// Share of the budget that is used: 1 is all of it, more is too much; 0 without events.
    pub burned: f64,
    /// Share that is left; negative if it is more than used up.
    pub remaining: f64,
    /// Time that is left; zero if it is used up.
    pub remaining_time: Duration,
    /// Bad events that are still allowed, if events are counted.
    pub remaining_events: Option<f64>,
    /// How many times faster than evenly the budget was used in each window.
    pub burn_rates: Vec<(Duration, Option<f64>)>,
    /// The window whose rate is the present one, and the rate: the first of an hour or more, as
    /// shorter ones jump; the longest of them if all are shorter.
    pub pace: Option<(Duration, f64)>,
    /// When the budget is used up if the present rate goes on. `None`: not at that rate, which in a
    /// rolling period is one of 1 or less, in one of the calendar one that lasts until its end.
    pub exhausted_in: Option<Duration>,
    /// In one word.
    pub standing: Standing,
    /// Actions of the policy that are due, those of the fullest budget first.
    pub actions: Vec<String>,
}

/// Less than this share left is a risk.
const AT_RISK: f64 = 0.25;

/// Computes a report. `objective` is a percentage; it is taken as 100 if it is above, and ratios
/// are taken as 0 or 1 if they are outside.
pub fn report(
    objective: f64,
    period: Duration,
    measured: &Measured,
    policy: &[PolicyStep],
) -> Report {
    let objective = objective.clamp(0.0, 100.0);
    let budget = (100.0 - objective) / 100.0;
    let seen = measured.period.and_then(ratio);
    let elapsed = measured.elapsed.filter(|share| share.is_finite()).unwrap_or(1.0);
    let elapsed = elapsed.clamp(0.0, 1.0);
    // Of a calendar's period only what has passed can have used the budget.
    let burned = seen.map_or(0.0, |errors| burn(errors, budget) * elapsed);
    let remaining = 1.0 - burned;
    let budget_time = period.mul_f64(budget);
    let burn_rates: Vec<(Duration, Option<f64>)> = measured
        .windows
        .iter()
        .map(|(length, errors)| (*length, errors.and_then(ratio).map(|e| burn(e, budget))))
        .collect();
    let pace = pace(&burn_rates);
    let exhausted_in = match pace {
        _ if seen.is_none() => None,
        _ if remaining <= 0.0 => Some(Duration::ZERO),
        Some((_, rate)) if rate > 0.0 => {
            let share = remaining / rate;
            let goes_on = match measured.elapsed {
                Some(_) => share < 1.0 - elapsed,
                None => rate > 1.0,
            };
            let length = Duration::try_from_secs_f64(period.as_secs_f64() * share).ok();
            length.filter(|_| goes_on)
        }
        _ => None,
    };
    let standing = match seen {
        None => Standing::NoTraffic,
        Some(_) if remaining <= 0.0 && burned > 0.0 => Standing::Missed,
        Some(_) if remaining < AT_RISK => Standing::AtRisk,
        Some(_) => Standing::Met,
    };
    Report {
        objective,
        achieved: seen.map(|errors| 100.0 * (1.0 - errors)),
        budget,
        budget_time,
        burned,
        remaining,
        remaining_time: budget_time.mul_f64(remaining.clamp(0.0, 1.0)),
        remaining_events: measured
            .events
            .filter(|events| events.is_finite())
            .map(|events| events * budget - events * seen.unwrap_or(0.0)),
        burn_rates,
        pace,
        exhausted_in,
        standing,
        actions: due(policy, seen.is_some(), remaining),
    }
}

/// A rate that stands for the present.
const PRESENT: Duration = Duration::from_secs(3600);

fn pace(rates: &[(Duration, Option<f64>)]) -> Option<(Duration, f64)> {
    let known = || rates.iter().filter_map(|(length, rate)| Some((*length, (*rate)?)));
    known().find(|(length, _)| *length >= PRESENT).or_else(|| known().next_back())
}

/// A ratio that is a number.
fn ratio(value: f64) -> Option<f64> {
    (!value.is_nan()).then(|| value.clamp(0.0, 1.0))
}

/// A budget of nothing is used up by the first error, and by none is not.
fn burn(errors: f64, budget: f64) -> f64 {
    match (errors, budget) {
        (0.0, _) => 0.0,
        (_, budget) if budget > 0.0 => errors / budget,
        _ => f64::MAX,
    }
}

/// Actions of the steps that are reached. What nothing was measured of reaches none.
fn due(policy: &[PolicyStep], measured: bool, remaining: f64) -> Vec<String> {
    let mut reached: Vec<&PolicyStep> = policy
        .iter()
        .filter(|_| measured)
        .filter(|step| {
            let below = step.remaining_below;
            remaining < below || (below == 0.0 && remaining <= 0.0)
        })
        .collect();
    reached.sort_by(|a, b| b.remaining_below.total_cmp(&a.remaining_below));
    let mut actions: Vec<String> = Vec::new();
    for action in reached.into_iter().flat_map(|step| &step.actions) {
        if !actions.contains(action) {
            actions.push(action.clone());
        }
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn measured(period: Option<f64>, hour: Option<f64>) -> Measured {
        let windows = vec![(Duration::from_secs(3600), hour)];
        Measured { period, windows, ..Measured::default() }
    }

    #[test]
    fn a_month_of_three_nines_is_43_minutes() {
        let report = report(99.9, 30 * DAY, &measured(Some(0.000_25), Some(0.0144)), &[]);
        assert_eq!(report.budget_time.as_secs_f64().round(), 43.0 * 60.0 + 12.0);
        let near = |value: f64, wanted: f64| assert!((value - wanted).abs() < 1e-9, "{value}");
        near(report.burned, 0.25);
        near(report.remaining, 0.75);
        near(report.burn_rates[0].1.unwrap(), 14.4);
        // Three quarters of a month at 14.4 times the even rate.
        let left = report.exhausted_in.unwrap().as_secs_f64();
        assert_eq!(left.round(), 0.75 * 30.0 * 86_400.0 / 14.4);
        assert_eq!(report.standing, Standing::Met);
    }

    #[test]
    fn stands() {
        let policy = [
            PolicyStep { remaining_below: 0.0, actions: vec!["page".into(), "freeze".into()] },
            PolicyStep { remaining_below: 0.25, actions: vec!["freeze".into()] },
        ];
        for (errors, standing, actions) in [
            (None, Standing::NoTraffic, ""),
            (Some(f64::NAN), Standing::NoTraffic, ""),
            (Some(0.0), Standing::Met, ""),
            (Some(0.0007), Standing::Met, ""),
            (Some(0.0008), Standing::AtRisk, "freeze"),
            (Some(0.001), Standing::Missed, "freeze page"),
            (Some(0.5), Standing::Missed, "freeze page"),
            (Some(f64::INFINITY), Standing::Missed, "freeze page"),
        ] {
            let report = report(99.9, 30 * DAY, &measured(errors, None), &policy);
            assert_eq!((report.standing, report.actions.join(" ").as_str()), (standing, actions));
            assert!(report.burn_rates[0].1.is_none());
        }
    }

    #[test]
    fn a_calendars_period_has_used_only_what_passed() {
        let mut half = measured(Some(0.001), None);
        half.elapsed = Some(0.5);
        half.events = Some(10_000.0);
        let told = report(99.9, 30 * DAY, &half, &[]);
        assert!((told.remaining - 0.5).abs() < 1e-9);
        assert!(told.remaining_events.is_some_and(|events| events.abs() < 1e-6));
    }

    /// Half of the budget is left; the other numbers are days.
    #[test]
    fn ends_at_the_present_rate() {
        let hour = Duration::from_secs(3600);
        for (rates, elapsed, pace, end) in [
            // Five minutes say little; an hour is the present.
            (vec![(hour / 12, 40.0), (hour, 2.0), (6 * hour, 1.0)], None, Some(hour), Some(7.5)),
            (vec![(hour / 12, 2.0), (hour / 2, 3.0)], None, Some(hour / 2), Some(5.0)),
            // What is used evenly comes back at the other end of a rolling period.
            (vec![(hour, 0.99)], None, Some(hour), None),
            (vec![(hour, 0.0)], None, Some(hour), None),
            (Vec::new(), None, None, None),
            // Fifteen days are left of the calendar's month.
            (vec![(hour, 2.0)], Some(0.5), Some(hour), Some(7.5)),
            (vec![(hour, 0.9)], Some(0.5), Some(hour), None),
        ] {
            let windows = rates.iter().map(|(at, rate)| (*at, Some(rate / 1000.0))).collect();
            let errors = if elapsed.is_some() { 0.001 } else { 0.0005 };
            let measured =
                Measured { period: Some(errors), windows, elapsed, ..Measured::default() };
            let told = report(99.9, 30 * DAY, &measured, &[]);
            assert_eq!(told.pace.map(|(window, _)| window), pace, "{rates:?}");
            let days = told.exhausted_in.map(|left| left.as_secs_f64() / 86_400.0);
            let days = days.map(|days| (days * 1000.0).round() / 1000.0);
            assert_eq!(days, end, "{rates:?} {elapsed:?}");
        }
        let unknown = report(99.9, 30 * DAY, &measured(None, Some(1.0)), &[]);
        assert_eq!(unknown.exhausted_in, None);
    }

    #[test]
    fn an_objective_without_budget() {
        let of = |errors| report(100.0, DAY, &measured(Some(errors), Some(errors)), &[]);
        assert_eq!(of(0.0).standing, Standing::Met);
        assert_eq!(of(1e-9).standing, Standing::Missed);
        assert_eq!(of(1e-9).exhausted_in, Some(Duration::ZERO));
    }
}
