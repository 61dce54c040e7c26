//! `silence.json`

use std::collections::HashMap;
use std::time::Duration;

use bongsu_lang::Mode;
use bongsu_model::{Labels, MatchOp, Matchers, Silence, SilenceState, Timestamp};
use bongsu_route::silence::{
    Draft, MatcherDraft, SilenceError, StateFilter, check_posted_times, editable_in_place,
    validate_matchers,
};
use bongsu_route::{SilenceLimits, Silences};
use serde_json::{Value, json};

use super::Context;
use super::read::{equal, labels, op, seconds, strings};
use crate::report::Verdict;

type Outcome = Result<Value, String>;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let kind = case["kind"].as_str().unwrap_or_default();
    let got = match kind {
        "validate_matcher" => return validate_matcher(case),
        "validate_silence" => return validate_silence(case),
        "sequence" => return Sequence::new(case).run(case).into(),
        "storage_read" => storage_read(case),
        "state" => state_of(case).map(|state| json!({"state": state.as_str()})),
        "state_filter" => state_of(case)
            .map(|state| json!({"keep": strings(&case["states"]).contains(&state.as_str())})),
        "matches" => matches(case),
        "can_update" => can_update(case),
        "list_filter" | "list_order" => list(case),
        "merge" => merge(case),
        "http_post" => http_post(case),
        _ => Err(format!("unknown kind {kind}")),
    };
    match got {
        Ok(got) => equal(&case["expected"], &got),
        Err(message) => Verdict::Failed(message),
    }
}

/// Silences without limits of size.
pub(super) fn silences(max_silences: usize, retention: u64) -> Silences {
    let retention = Duration::from_secs(retention);
    Silences::new(SilenceLimits { max_silences, max_bytes: 0, retention })
}

pub(super) fn draft(
    id: Option<&str>,
    matchers: Vec<MatcherDraft>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
) -> Draft {
    Draft {
        id: id.map(str::to_owned),
        matchers,
        starts_at,
        ends_at,
        created_by: "someone".to_owned(),
        comment: String::new(),
        annotations: Labels::default(),
    }
}

fn mode(value: &Value) -> Mode {
    match value.as_str() {
        Some("classic") => Mode::Classic,
        Some("utf8") => Mode::Utf8,
        _ => Mode::Fallback,
    }
}

/// `name`, operator, value without quoting.
fn loose(text: &str) -> Result<MatcherDraft, String> {
    let at = text.find(['=', '!']).ok_or_else(|| format!("no operator in {text}"))?;
    let (name, rest) = text.split_at(at);
    let op = [MatchOp::Regex, MatchOp::Equal, MatchOp::NotEqual, MatchOp::NotRegex]
        .into_iter()
        .find(|op| rest.starts_with(op.as_str()))
        .ok_or_else(|| format!("no operator in {text}"))?;
    let value = rest[op.as_str().len()..].to_owned();
    Ok(MatcherDraft { name: name.to_owned(), op, value })
}

fn sets(value: &Value) -> Result<Vec<Vec<MatcherDraft>>, String> {
    let sets = value.as_array().into_iter().flatten();
    sets.map(|set| strings(set).into_iter().map(loose).collect()).collect()
}

/// The one set a silence of this build can have.
fn only_set(value: &Value) -> Result<Vec<MatcherDraft>, String> {
    let mut sets = sets(value)?;
    match sets.len() {
        0 => Ok(Vec::new()),
        1 => Ok(sets.remove(0)),
        _ => Err("a silence has one set of matchers".to_owned()),
    }
}

fn checked(sets: &[Vec<MatcherDraft>], mode: Mode) -> Result<Vec<Matchers>, String> {
    let sets: Vec<&[MatcherDraft]> = sets.iter().map(Vec::as_slice).collect();
    validate_matchers(&sets, mode)
}

fn validate_matcher(case: &Value) -> Verdict {
    let matcher = &case["matcher"];
    let expected = &case["expected"];
    let result = match (op(&matcher["type"]), matcher["pattern"].as_str()) {
        (Err(message), _) => Err(message),
        // The value is not UTF-8: no text of this program can hold it.
        (_, None) => Err("invalid label value".to_owned()),
        (Ok(op), Some(value)) => {
            let name = matcher["name"].as_str().unwrap_or_default().to_owned();
            // A second matcher keeps "matches the empty string" out of this.
            let other = MatcherDraft { name: "z".into(), op: MatchOp::Equal, value: "z".into() };
            let set = vec![MatcherDraft { name, op, value: value.to_owned() }, other];
            checked(&[set], mode(&case["mode"])).map(drop)
        }
    };
    match (expected["ok"].as_bool(), result) {
        (Some(true), Ok(())) => Verdict::Passed,
        (Some(false), Err(message))
            if message.contains(expected["error_contains"].as_str().unwrap_or_default()) =>
        {
            Verdict::Passed
        }
        (_, result) => Verdict::Failed(format!("want {expected}, got {result:?}")),
    }
}

fn validate_silence(case: &Value) -> Verdict {
    let silence = &case["silence"];
    let mode = mode(&silence["mode"]);
    let result = sets(&silence["matcher_sets"]).and_then(|sets| {
        checked(&sets, mode)?;
        if let [set] = &sets[..] {
            // The rest of the rules, as they meet somebody who sets it at the instant 0.
            let now = seconds(&json!(0)).unwrap_or_default();
            let times = (seconds(&silence["startsAt"]), seconds(&silence["endsAt"]));
            let draft = draft(None, set.clone(), times.0, times.1);
            let refused = silences(0, 0).set(now, "id", &draft, mode).err();
            if let Some(SilenceError::Invalid(message)) = refused {
                return Err(message.trim_start_matches("invalid silence: ").to_owned());
            }
        }
        Ok(())
    });
    let got = match result {
        Ok(()) => json!({"ok": true}),
        Err(message) => json!({"ok": false, "error": message}),
    };
    equal(&case["expected"], &got)
}

/// A silence with the given times.
fn stored(value: &Value, matchers: Matchers) -> Result<Silence, String> {
    let time = |key: &str| seconds(&value[key]).unwrap_or_default();
    Ok(Silence {
        id: value["id"].as_str().unwrap_or("id").into(),
        matchers,
        starts_at: time("startsAt"),
        ends_at: time("endsAt"),
        updated_at: time("updatedAt"),
        created_by: "".into(),
        comment: value["comment"].as_str().unwrap_or_default().into(),
        annotations: Labels::default(),
    })
}

fn now_of(case: &Value) -> Result<Timestamp, String> {
    seconds(&case["now"]).ok_or_else(|| "no now".to_owned())
}

/// The stored form, written as Alertmanager writes its file, read as a server that takes over.
fn storage_read(case: &Value) -> Outcome {
    let matcher = |matcher: &MatcherDraft| {
        let kind = match matcher.op {
            MatchOp::Equal => 0,
            MatchOp::Regex => 1,
            MatchOp::NotEqual => 2,
            MatchOp::NotRegex => 3,
        };
        let texts = [field(2, matcher.name.as_bytes()), field(3, matcher.value.as_bytes())];
        [vec![1 << 3, kind], texts.concat()].concat()
    };
    let stored = &case["stored"];
    let mut silence = field(1, b"id");
    for text in strings(&stored["matchers"]) {
        silence.extend(field(2, &matcher(&loose(text)?)));
    }
    // From the year 1970 to some day in 2096, changed in 1970.
    let (past, future) = ([1 << 3, 1], [1 << 3, 0xff, 0xff, 0xff, 0xff, 0x0e]);
    for (number, time) in [(3, &past[..]), (4, &future), (5, &past)] {
        silence.extend(field(number, time));
    }
    for set in sets(&stored["matcher_sets"])? {
        let matchers: Vec<u8> = set.iter().flat_map(|m| field(1, &matcher(m))).collect();
        silence.extend(field(10, &matchers));
    }
    let message = field(1, &silence);
    let file = [length(message.len()), message].concat();
    let now = seconds(&json!(0)).unwrap_or_default();
    let mut fresh = || "another".to_owned();
    let taken = bongsu_engine::migrate::read_silences(&file, now, Duration::ZERO, &mut fresh)
        .map_err(|error| error.to_string())?;
    if !taken.refused.is_empty() {
        return Err(taken.refused.join("; "));
    }
    // A silence of this build has one set, and no list beside it.
    let sets: Vec<Vec<String>> = taken.records.iter().map(|s| unquoted(&s.matchers)).collect();
    Ok(json!({"matcher_sets": sets, "matchers": null}))
}

/// A field that holds text or a message, on the wire.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], length(content.len()), content.to_vec()].concat()
}

/// A number of variable length.
fn length(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

fn unquoted(matchers: &Matchers) -> Vec<String> {
    let matchers = matchers.0.iter();
    matchers.map(|m| format!("{}{}{}", m.name(), m.op().as_str(), m.value())).collect()
}

fn state_of(case: &Value) -> Result<SilenceState, String> {
    Ok(stored(&case["silence"], Matchers::default())?.state_at(now_of(case)?))
}

fn matches(case: &Value) -> Outcome {
    let labels = labels(&case["labels"]);
    let now = seconds(&json!(0)).unwrap_or_default();
    let mut any = false;
    for set in sets(&case["matcher_sets"])? {
        // Each set mutes on its own: as a silence of its own.
        let matchers = set
            .iter()
            .map(|m| bongsu_model::Matcher::new(m.name.as_str(), m.op, m.value.as_str()))
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?;
        let mut all = silences(0, 3600);
        let mut silence = stored(&case["silence"], Matchers(matchers))?;
        (silence.starts_at, silence.ends_at) = (now, now);
        all.restore(silence);
        any |= all.mutes(&labels, now);
    }
    Ok(json!({"matches": any}))
}

fn can_update(case: &Value) -> Outcome {
    let side = |value: &Value| {
        let sets = checked(&sets(&value["matcher_sets"])?, Mode::Fallback)?;
        let first = sets.first().cloned().unwrap_or_default();
        Ok::<_, String>((stored(value, first)?, sets))
    };
    let ((old, old_sets), (new, new_sets)) = (side(&case["old"])?, side(&case["new"])?);
    // Silences of this build have one set; several must be equal one by one.
    let editable = old_sets == new_sets && editable_in_place(&old, &new, now_of(case)?);
    Ok(json!({ "in_place": editable }))
}

fn list(case: &Value) -> Outcome {
    let mut all = silences(0, 1_000_000);
    for silence in case["silences"].as_array().into_iter().flatten() {
        all.restore(stored(silence, Matchers::default())?);
    }
    let query = |key: &str| case["query"][key].as_bool().unwrap_or(true);
    let states = StateFilter {
        active: query("active"),
        pending: query("pending"),
        expired: query("expired"),
    };
    let listed = all.list(now_of(case)?, &Matchers::default(), states);
    let mut got = serde_json::Map::new();
    for key in case["expected"].as_object().into_iter().flatten().map(|(key, _)| key) {
        let values = match key.as_str() {
            "states" => {
                // Which states are shown, not in which order.
                let mut states: Vec<_> = listed.iter().map(|(_, s)| s.as_str()).collect();
                states.sort_unstable();
                json!(states)
            }
            _ => json!(listed.iter().map(|(silence, _)| &*silence.id).collect::<Vec<_>>()),
        };
        got.insert(key.clone(), values);
    }
    Ok(Value::Object(got))
}

fn merge(case: &Value) -> Outcome {
    let now = now_of(case)?;
    let mut all = silences(0, 1_000_000);
    for side in ["local", "incoming"] {
        for value in case[side].as_array().into_iter().flatten() {
            let gc_at = seconds(&value["gcAt"]).ok_or("no gcAt")?;
            let silence = stored(value, Matchers::default())?;
            // What is known locally got there some time, whatever its age now.
            let at = if side == "local" { Timestamp::MIN } else { now };
            all.merge(at, silence, gc_at);
        }
    }
    let mut state: Vec<_> = all.iter().collect();
    state.sort_by(|a, b| a.id.cmp(&b.id));
    let relative = |at: Timestamp| relative(at);
    let state: Vec<_> = state
        .iter()
        .map(|s| json!({"id": s.id, "updatedAt": relative(s.updated_at), "comment": s.comment}))
        .collect();
    Ok(json!({"state": state}))
}

fn relative(at: Timestamp) -> i64 {
    at.as_second() - seconds(&json!(0)).unwrap_or_default().as_second()
}

/// `POST /silences` against one silence that is active, pending or expired.
fn http_post(case: &Value) -> Outcome {
    let now = seconds(&json!(0)).unwrap_or_default();
    let matchers = || Ok::<_, String>(vec![loose("a=b")?]);
    let mut all = silences(0, 3600);
    for (id, starts_at, ends_at) in
        [("active", -3600, 3600), ("pending", 3600, 7200), ("expired", -7200, -3600)]
    {
        let mut silence =
            stored(&json!({"id": id}), checked(&[matchers()?], Mode::Fallback)?.remove(0))?;
        silence.starts_at = seconds(&json!(starts_at)).unwrap_or_default();
        silence.ends_at = seconds(&json!(ends_at)).unwrap_or_default();
        all.restore(silence);
    }
    let (starts_at, ends_at) = (
        seconds(&case["startsAt"]).unwrap_or_default(),
        seconds(&case["endsAt"]).unwrap_or_default(),
    );
    let id = case["silence"].as_str().filter(|id| !id.is_empty());
    let posted = draft(id, matchers()?, Some(starts_at), Some(ends_at));
    let outcome = check_posted_times(now, starts_at, ends_at)
        .and_then(|()| all.set(now, "fresh", &posted, Mode::Fallback));
    let status = match outcome {
        Ok(_) => 200,
        Err(SilenceError::NotFound) => 404,
        Err(SilenceError::Invalid(_)) => 400,
    };
    Ok(json!({"status": status}))
}

/// A life told step by step.
struct Sequence {
    all: Silences,
    /// Ids by the names the steps use.
    ids: HashMap<String, String>,
    fresh: u32,
}

impl Sequence {
    fn new(case: &Value) -> Self {
        let limit = case["max_silences"].as_u64().unwrap_or(0) as usize;
        let retention = case["retention"].as_u64().unwrap_or(0);
        Self { all: silences(limit, retention), ids: HashMap::new(), fresh: 0 }
    }

    fn run(mut self, case: &Value) -> Result<(), String> {
        for (at, step) in case["steps"].as_array().into_iter().flatten().enumerate() {
            let now = seconds(&step["at"]).ok_or("no time")?;
            let got = match step["op"].as_str() {
                Some("set") => self.set(now, step),
                Some("expire") => self.expire(now, step),
                Some("list") => self.list(now),
                Some("gc") => {
                    let removed = self.all.gc(now).len();
                    Ok(json!({"removed": removed, "left": self.all.len()}))
                }
                Some("mutes") => self.mutes(now, step),
                _ => Err("unknown step".to_owned()),
            };
            let got = got.map_err(|message| format!("step {at}: {message}"))?;
            if got != step["expect"] {
                return Err(format!("step {at}: want {}, got {got}", step["expect"]));
            }
        }
        Ok(())
    }

    fn id(&self, name: &Value) -> String {
        let name = name.as_str().unwrap_or_default();
        self.ids.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn name(&self, id: &str) -> String {
        let known = self.ids.iter().filter(|(_, known)| *known == id).map(|(name, _)| name);
        // In-place edits save a second name for the same id: the first one is meant.
        known.min().cloned().unwrap_or_else(|| id.to_owned())
    }

    fn set(&mut self, now: Timestamp, step: &Value) -> Outcome {
        let silence = &step["silence"];
        let former = silence["ref"].as_str().map(|_| self.id(&silence["ref"]));
        let mut draft = draft(
            former.as_deref(),
            only_set(&silence["matcher_sets"])?,
            seconds(&silence["startsAt"]),
            seconds(&silence["endsAt"]),
        );
        draft.comment = silence["comment"].as_str().unwrap_or_default().to_owned();
        self.fresh += 1;
        let fresh = format!("fresh {}", self.fresh);
        let change = match self.all.set(now, &fresh, &draft, Mode::Fallback) {
            Ok(change) => change,
            Err(error) => return Ok(json!({"result": "error", "error": error.to_string()})),
        };
        let result = match &former {
            None => "created",
            Some(id) if **id == *change.id => "updated",
            Some(_) => "replaced",
        };
        let same = (result == "updated").then(|| self.name(&change.id));
        if let Some(name) = step["save"].as_str() {
            self.ids.insert(name.to_owned(), change.id.to_string());
        }
        Ok(json!({"result": result, "same_id_as": same}))
    }

    fn expire(&mut self, now: Timestamp, step: &Value) -> Outcome {
        let error = self.all.expire(now, &self.id(&step["ref"])).err();
        Ok(json!({"error": error.map(|error| error.to_string())}))
    }

    fn list(&self, now: Timestamp) -> Outcome {
        let mut listed = serde_json::Map::new();
        for (silence, state) in self.all.list(now, &Matchers::default(), StateFilter::default()) {
            let value = json!({
                "state": state.as_str(),
                "startsAt": relative(silence.starts_at),
                "endsAt": relative(silence.ends_at),
                "updatedAt": relative(silence.updated_at),
                "comment": silence.comment,
                "matcher_sets": [unquoted(&silence.matchers)],
            });
            listed.insert(self.name(&silence.id), value);
        }
        Ok(json!({"silences": listed}))
    }

    fn mutes(&self, now: Timestamp, step: &Value) -> Outcome {
        let labels = labels(&step["labels"]);
        let by = self.all.silenced_by(&labels, now);
        let mut by: Vec<_> = by.iter().map(|id| self.name(id)).collect();
        by.sort_unstable();
        Ok(json!({"muted": self.all.mutes(&labels, now), "by": by}))
    }
}
