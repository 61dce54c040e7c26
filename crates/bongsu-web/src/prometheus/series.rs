//! What series, labels and metrics there are, and what this server is.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_engine::api::Window;
use serde_json::{Value, json};

use super::{Refusal, finish, limit, optional, parameters, success, time};
use crate::answer::{self, Answered};
use crate::query::Query;
use crate::service::{App, Call};

/// Selectors of one request.
const MAX_SELECTORS: usize = 100;

/// `GET|POST series`: `match[]`, `start`, `end`, `limit`.
pub(crate) async fn find(app: Arc<App>, call: Call) -> Answered {
    let asked = async {
        let query = parameters(&call);
        let selectors = selectors(&query)?;
        if selectors.is_empty() {
            return Err(Refusal::bad("no match[] parameter provided"));
        }
        let limit = limit(&query, "limit")?;
        let found = app.backend.series(selectors, window(&query)?, more(limit)).await?;
        Ok(cut(found, limit))
    };
    finish(asked.await)
}

/// `GET|POST labels`.
pub(crate) async fn names(app: Arc<App>, call: Call) -> Answered {
    let asked = async {
        let query = parameters(&call);
        let limit = limit(&query, "limit")?;
        let (selectors, window) = (selectors(&query)?, window(&query)?);
        let found = app.backend.label_names(selectors, window, more(limit)).await?;
        Ok(cut(found, limit))
    };
    finish(asked.await)
}

/// `GET label/{name}/values`.
pub(crate) async fn values(app: Arc<App>, call: Call) -> Answered {
    let asked = async {
        let query = parameters(&call);
        let name = plain(&call.parameter(0));
        if name.is_empty() {
            return Err(Refusal::bad("invalid label name: \"\""));
        }
        let limit = limit(&query, "limit")?;
        let (selectors, window) = (selectors(&query)?, window(&query)?);
        let found = app.backend.label_values(name, selectors, window, more(limit)).await?;
        Ok(cut(found, limit))
    };
    finish(asked.await)
}

/// `U__my_2e_name` is `my.name`, as clients write names that do not fit into a path.
fn plain(name: &str) -> String {
    let Some(escaped) = name.strip_prefix("U__") else { return name.to_owned() };
    let mut out = String::new();
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('_') {
            out.push('_');
            rest = after;
            continue;
        }
        let Some((code, after)) = rest.split_once('_') else { return name.to_owned() };
        let Some(c) = u32::from_str_radix(code, 16).ok().and_then(char::from_u32) else {
            return name.to_owned();
        };
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// One more than wanted tells whether something is left out.
fn more(limit: usize) -> usize {
    if limit == 0 { usize::MAX } else { limit + 1 }
}

fn cut<T: serde::Serialize>(mut found: Vec<T>, limit: usize) -> Answered {
    if limit == 0 || found.len() <= limit {
        return success(&found);
    }
    found.truncate(limit);
    let warnings = ["results truncated due to limit"];
    answer::json(
        http::StatusCode::OK,
        &json!({"status": "success", "data": found, "warnings": warnings}),
    )
}

fn selectors(query: &Query) -> Result<Vec<String>, Refusal> {
    let all: Vec<String> = query.all("match[]").map(str::to_owned).collect();
    if all.len() > MAX_SELECTORS {
        return Err(Refusal::parameter("match[]", format_args!("more than {MAX_SELECTORS}")));
    }
    Ok(all)
}

/// Without bounds, all there is.
fn window(query: &Query) -> Result<Window, Refusal> {
    let from = optional(query, "start", time)?.unwrap_or(i64::MIN);
    let to = optional(query, "end", time)?.unwrap_or(i64::MAX);
    if to < from {
        return Err(Refusal::bad("end timestamp must not be before start time"));
    }
    Ok(Window { from, to })
}

/// `GET metadata`: `metric`, `limit`.
pub(crate) async fn metadata(app: Arc<App>, call: Call) -> Answered {
    let made = || {
        let query = parameters(&call);
        let limit = limit(&query, "limit")?;
        let metric = query.last("metric").map(str::to_owned);
        let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for view in app.backend.metric_metadata(metric, if limit == 0 { usize::MAX } else { limit })
        {
            let entry = json!({"type": view.kind, "help": view.help, "unit": view.unit});
            all.entry(view.metric).or_default().push(entry);
        }
        Ok(success(&all))
    };
    finish(made())
}

/// `GET status/buildinfo`: clients look at the version for what they may ask.
pub(crate) async fn build(app: Arc<App>, _call: Call) -> Answered {
    let build = &app.options.build;
    success(&json!({
        "version": "3.5.3",
        "revision": build.revision,
        "branch": build.branch,
        "buildUser": build.build_user,
        "buildDate": build.build_date,
        "goVersion": "",
        // Grafana writes rules where it reads this.
        "features": {"bongsu": build.version, "ruler_config_api": "true"},
    }))
}

/// `GET status/tsdb`: figures of the series kept here.
pub(crate) async fn figures(app: Arc<App>, _call: Call) -> Answered {
    let figures = app.backend.series_figures().unwrap_or_default();
    success(&json!({"headStats": {
        "numSeries": figures.series,
        "numSamples": figures.samples,
        "memoryBytes": figures.bytes,
        "minTime": figures.from,
        "maxTime": figures.to,
    }}))
}

/// `GET targets`: what is scraped, and, beyond Prometheus, where targets are found.
pub(crate) async fn targets(app: Arc<App>, _call: Call) -> Answered {
    let targets = app.backend.targets().await;
    let shown: Vec<Value> = targets
        .into_iter()
        .map(|target| {
            let health = match target.up {
                None => "unknown",
                Some(true) => "up",
                Some(false) => "down",
            };
            let at = target.scraped_at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
            json!({
                "scrapePool": target.job,
                "scrapeUrl": target.url,
                "globalUrl": target.url,
                "discoveredLabels": {},
                "labels": target.labels,
                "health": health,
                "lastError": target.problem.unwrap_or_default(),
                "lastScrape": at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string()),
                "lastScrapeDuration": target.took.as_secs_f64(),
                "scrapeInterval": bongsu_lang::duration::print(target.interval),
                "scrapeTimeout": bongsu_lang::duration::print(target.timeout),
            })
        })
        .collect();
    let dropped = app.backend.dropped_targets().await;
    let discoveries = app.backend.discoveries().into_iter().map(|discovery| {
        json!({
            "scrapePool": discovery.job,
            "source": discovery.source,
            "targets": discovery.targets,
            "lastError": discovery.problem.unwrap_or_default(),
        })
    });
    let discoveries: Vec<Value> = discoveries.collect();
    success(&json!({
        "activeTargets": shown, "droppedTargets": [], "droppedTargetCounts": dropped,
        "discoveries": discoveries,
    }))
}

/// `GET query_exemplars`: none are kept.
pub(crate) async fn exemplars(_app: Arc<App>, _call: Call) -> Answered {
    success(&json!([]))
}

/// `GET alertmanagers`: alerts of rules are routed here.
pub(crate) async fn alertmanagers(_app: Arc<App>, _call: Call) -> Answered {
    success(&json!({"activeAlertmanagers": [], "droppedAlertmanagers": []}))
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn escaped_names() {
        for (text, expected) in [
            ("job", "job"),
            ("U__my_2e_name", "my.name"),
            ("U__a__b", "a_b"),
            ("U__a_zz_", "U__a_zz_"),
            ("U__a_2e", "U__a_2e"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }
}
