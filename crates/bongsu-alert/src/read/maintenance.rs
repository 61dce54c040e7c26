//! `maintenance.yaml`: windows.
//!
//! In: the document, a list of windows in the plain form or as Keep's API gives them. Out: the windows
//! in order.

use std::collections::HashSet;

use bongsu_lang::yaml::{Kind, Node};
use bongsu_lang::{Mode, matcher};
use bongsu_model::{AlertState, Matchers, Timestamp};
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Reader;
use crate::maintenance::{HoldAction, MAX_DURATION, Maintenance, Schedule, Scope, Window};
use crate::recurrence::{Recurrence, zone_named};

/// Windows there may be.
const MAX_WINDOWS: usize = 10_000;

const KEYS: [&str; 18] = [
    "id",
    "name",
    "description",
    "scope",
    "matchers",
    "once",
    "recurring",
    "action",
    "ignore_statuses",
    "enabled",
    "created_by",
    "cel_query",
    "start_time",
    "end_time",
    "duration_seconds",
    "suppress",
    "created_at",
    "updated_at",
];

impl Reader {
    pub(super) fn maintenance(&mut self, node: &Node) -> Maintenance {
        let list = match &node.kind {
            Kind::Sequence(_) => Some(node),
            _ => self.pairs(node, &["maintenance"]).first().map(|(_, value)| &***value),
        };
        let items = list.map(|list| self.items(list)).unwrap_or_default();
        if items.len() > MAX_WINDOWS {
            self.refuse("BS1708", node.place, format!("at most {MAX_WINDOWS} windows"));
            return Maintenance::default();
        }
        let mut ids = HashSet::new();
        let mut windows = Vec::new();
        for item in items {
            let Some(window) = self.window(item) else { continue };
            self.unique(&mut ids, &window.id, "windows", item);
            windows.push(window);
        }
        Maintenance::new(windows)
    }

    fn window(&mut self, node: &Node) -> Option<Window> {
        let pairs = self.pairs(node, &KEYS);
        if pairs.is_empty() {
            return None;
        }
        let of = |wanted: &str| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, v)| &***v);
        let name = of("name").and_then(|value| self.text(value));
        if of("name").is_none() {
            self.missing(node, "name");
        }
        let scopes = [of("scope"), of("cel_query"), of("matchers")];
        let scope = match scopes {
            [Some(text), None, None] | [None, Some(text), None] => {
                self.condition(text).map(Scope::Cel)
            }
            [None, None, Some(list)] => self.label_matchers(list).map(Scope::Matchers),
            _ => {
                self.one_of(node, "scope and matchers (scope: 'true' is everything)");
                None
            }
        };
        let schedule = match (of("once"), of("recurring"), of("start_time")) {
            (Some(once), None, None) => self.once(once),
            (None, Some(recurring), None) => self.recurring(recurring),
            (None, None, Some(_)) => self.once(node),
            _ => {
                self.one_of(node, "once, recurring and start_time");
                None
            }
        };
        let action = self.action(of("action"), of("suppress"), of("start_time"), node);
        let ignore_statuses = match of("ignore_statuses") {
            Some(list) if !list.is_null() => self.states(list),
            _ => vec![AlertState::Resolved, AlertState::Acknowledged],
        };
        let id = of("id").and_then(|value| self.optional(value));
        let description = of("description").and_then(|value| self.optional(value));
        let created_by = of("created_by").and_then(|value| self.optional(value));
        let enabled = of("enabled").is_none_or(|value| self.flag(value));
        let (name, scope, schedule) = (name?, scope?, schedule?);
        Some(Window {
            id: id.unwrap_or_else(|| name.clone()),
            name,
            description,
            scope,
            schedule,
            action,
            ignore_statuses,
            enabled,
            created_by,
        })
    }

    fn action(
        &mut self,
        action: Option<&Node>,
        suppress: Option<&Node>,
        from_keep: Option<&Node>,
        node: &Node,
    ) -> HoldAction {
        match (action, suppress) {
            (Some(action), None) => match action.text() {
                Some("suppress") => HoldAction::Suppress,
                Some("hold") => HoldAction::Hold,
                _ => {
                    self.refuse("BS1707", action.place, "action is neither suppress nor hold");
                    HoldAction::Hold
                }
            },
            (None, Some(suppress)) if self.flag(suppress) => HoldAction::Suppress,
            (None, suppress) => {
                if suppress.or(from_keep).is_some() {
                    let message = "without suppress Keep drops alerts; they are held instead";
                    self.warn("BS1723", suppress.unwrap_or(node).place, message);
                }
                HoldAction::Hold
            }
            (Some(action), Some(_)) => {
                let message = "action and suppress say the same: write one of them";
                self.refuse("BS1703", action.place, message);
                HoldAction::Hold
            }
        }
    }

    fn states(&mut self, node: &Node) -> Vec<AlertState> {
        let mut states = Vec::new();
        for item in self.items(node) {
            match self.text(item).map(|text| text.to_ascii_lowercase().parse()) {
                Some(Ok(state)) => states.push(state),
                Some(Err(_)) => {
                    let message = "none of firing, resolved, acknowledged, suppressed, pending, \
                                   maintenance";
                    self.refuse("BS1707", item.place, message);
                }
                None => {}
            }
        }
        states
    }

    fn label_matchers(&mut self, node: &Node) -> Option<Matchers> {
        let mut all = Vec::new();
        let texts: Vec<&Node> = match &node.kind {
            Kind::Sequence(items) => items.iter().map(|item| &**item).collect(),
            _ => vec![node],
        };
        let mut failed = false;
        for item in texts {
            match self.text(item).map(|text| matcher::parse_list(&text, Mode::Fallback)) {
                Some(Ok(matchers)) => all.extend(matchers.0),
                Some(Err(message)) => {
                    failed = true;
                    self.refuse("BS1706", item.place, message);
                }
                None => failed = true,
            }
        }
        if all.is_empty() && !failed {
            self.missing(node, "a matcher");
        }
        (!all.is_empty() && !failed).then_some(Matchers(all))
    }

    /// `once`, or a window as Keep writes it.
    fn once(&mut self, node: &Node) -> Option<Schedule> {
        const OWN: [&str; 4] = ["start", "end", "duration", "zone"];
        let known: Vec<&str> = OWN.into_iter().chain(KEYS).collect();
        // A window of Keep's was read already and has no mistakes in its keys.
        let keep = node.get("start_time").is_some();
        let pairs = self.pairs(node, if keep { &known } else { &OWN });
        let of = |wanted: &str| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, v)| &***v);
        let zone = of("zone").map_or(Some(TimeZone::UTC), |zone| self.zone(zone))?;
        let [start, end, duration] = match keep {
            true => [of("start_time"), of("end_time"), of("duration_seconds")],
            false => [of("start"), of("end"), of("duration")],
        };
        let end = end.filter(|end| !end.is_null());
        let Some(start_node) = start else {
            self.missing(node, "start");
            return None;
        };
        let start = self.instant(start_node, &zone);
        // Keep's API gives both; the duration is what was entered.
        let end = match (end, duration) {
            (_, Some(seconds)) if keep => {
                let seconds = SignedDuration::from_secs(self.number(seconds));
                start?.checked_add(seconds).ok()
            }
            (Some(end), None) => self.instant(end, &zone),
            (None, Some(duration)) => {
                let duration = self.duration(duration)?;
                start?.checked_add(duration).ok()
            }
            _ => {
                self.one_of(node, "end and duration");
                return None;
            }
        };
        let (start, end) = (start?, end?);
        if end <= start {
            self.refuse("BS1711", start_node.place, "the window ends before it begins");
        }
        Some(Schedule::Once { start, end })
    }

    fn recurring(&mut self, node: &Node) -> Option<Schedule> {
        let keys = ["start", "zone", "rule", "calendar", "duration"];
        let pairs = self.pairs(node, &keys);
        let of = |wanted: &str| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, v)| &***v);
        let duration = match of("duration") {
            Some(duration) => self.duration(duration),
            None => {
                self.missing(node, "duration");
                None
            }
        };
        let duration = duration.and_then(|d| SignedDuration::try_from(d).ok());
        if duration.is_some_and(|duration| duration > MAX_DURATION) {
            self.refuse("BS1711", node.place, "a window that repeats is open for at most 366d");
        }
        let rule = match (of("calendar"), of("start"), of("rule")) {
            (Some(calendar), None, None) => {
                let text = self.text(calendar)?;
                Recurrence::parse_lines(&text).map_err(|error| (calendar, error))
            }
            (None, Some(start), Some(rule)) => {
                let zone = of("zone").map_or(Some("UTC".to_owned()), |zone| self.text(zone));
                let (text, zone) = (self.text(rule), zone);
                let local = self.local(start);
                Recurrence::new(&text?, local?, &zone?).map_err(|error| (rule, error))
            }
            _ => {
                self.one_of(node, "start with rule, and calendar");
                return None;
            }
        };
        match rule {
            Ok(rule) => Some(Schedule::Recurring { rule, duration: duration? }),
            Err((at, error)) => {
                self.refuse("BS1711", at.place, error.to_string());
                None
            }
        }
    }

    fn zone(&mut self, node: &Node) -> Option<TimeZone> {
        let name = self.text(node)?;
        let zone = zone_named(&name);
        if zone.is_none() {
            self.refuse("BS1711", node.place, format!("unknown time zone {name:?}"));
        }
        zone
    }

    fn local(&mut self, node: &Node) -> Option<DateTime> {
        let text = self.text(node)?;
        // A civil time would be read from a text with an offset, and the offset forgotten.
        let zoned = text.ends_with(['Z', 'z']) || text.parse::<Timestamp>().is_ok();
        let local = if zoned { None } else { text.parse::<DateTime>().ok() };
        if local.is_none() {
            let message = format!("{text:?} is no local time like 2026-01-03T02:00:00");
            self.refuse("BS1711", node.place, message);
        }
        local
    }

    /// With an offset, or in `zone` without one.
    fn instant(&mut self, node: &Node, zone: &TimeZone) -> Option<Timestamp> {
        let text = self.text(node)?;
        let at = text.parse::<Timestamp>().ok().or_else(|| {
            text.parse::<DateTime>().ok().and_then(|local| zone.to_timestamp(local).ok())
        });
        if at.is_none() {
            let message = format!("{text:?} is no instant like 2026-01-03T02:00:00+09:00");
            self.refuse("BS1711", node.place, message);
        }
        at
    }
}
