//! Questions in PromQL.

use std::sync::Arc;
use std::time::Duration;

use bongsu_engine::api::{QueryOptions, Window};
use bongsu_promql::Features;

use super::{Refusal, finish, length, limit, optional, parameters, required, success, time, value};
use crate::answer::Answered;
use crate::query::Query;
use crate::service::{App, Call};

/// Points of one series in an answer.
const MAX_POINTS: i64 = 11_000;

/// `GET|POST query`: `query`, `time`, `timeout`, `lookback_delta`, `limit`.
pub(crate) async fn instant(app: Arc<App>, call: Call) -> Answered {
    let asked = async {
        let query = parameters(&call);
        let at = optional(&query, "time", time)?;
        let options = options(&query)?;
        let text = query.last("query").unwrap_or_default().to_owned();
        let answer = app.backend.query(text, at, options).await?;
        Ok(value::answered(&answer))
    };
    finish(asked.await)
}

/// `GET|POST query_range`: `query`, `start`, `end`, `step` and the options of an instant one.
pub(crate) async fn range(app: Arc<App>, call: Call) -> Answered {
    let asked = async {
        let query = parameters(&call);
        let from = required(&query, "start", time)?;
        let to = required(&query, "end", time)?;
        if to < from {
            let message = "end timestamp must not be before start time";
            return Err(Refusal::parameter("end", message));
        }
        let step = required(&query, "step", length)?;
        if step <= 0 {
            let message = "zero or negative query resolution step widths are not accepted. \
                           Try a positive integer";
            return Err(Refusal::parameter("step", message));
        }
        if (to - from) / step > MAX_POINTS {
            let message = "exceeded maximum resolution of 11,000 points per timeseries. \
                           Try decreasing the query resolution (?step=XX)";
            return Err(Refusal::bad(message));
        }
        let options = options(&query)?;
        let text = query.last("query").unwrap_or_default().to_owned();
        let answer = app.backend.query_range(text, Window { from, to }, step, options).await?;
        Ok(value::answered(&answer))
    };
    finish(asked.await)
}

fn options(query: &Query) -> Result<QueryOptions, Refusal> {
    let millis = |text: &str| {
        let length = length(text)?;
        let length = u64::try_from(length).map_err(|_| "it must not be negative".to_owned())?;
        Ok(Duration::from_millis(length))
    };
    Ok(QueryOptions {
        timeout: optional(query, "timeout", millis)?,
        lookback: optional(query, "lookback_delta", millis)?,
        limit: limit(query, "limit")?,
    })
}

/// `GET|POST format_query`: the expression as it is printed.
pub(crate) async fn format(_app: Arc<App>, call: Call) -> Answered {
    finish(parsed(&call).map(|expr| success(&bongsu_promql::pretty(&expr))))
}

/// `GET|POST parse_query`: the expression as a tree.
pub(crate) async fn tree(_app: Arc<App>, call: Call) -> Answered {
    finish(parsed(&call).map(|expr| success(&bongsu_promql::json::tree(&expr))))
}

fn parsed(call: &Call) -> Result<bongsu_promql::Expr, Refusal> {
    let query = parameters(call);
    let text = query.last("query").unwrap_or_default();
    bongsu_promql::parse_with(text, &Features::all()).map_err(|errors| {
        let first = errors.first().map(|error| error.render(text));
        Refusal::parameter("query", first.unwrap_or_default())
    })
}
