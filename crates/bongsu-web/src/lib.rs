//! The HTTP surface: Alertmanager's API v2, our API v1, Keep's REST, Prometheus' API for series,
//! probes, metrics and the page at `/`.
//!
//! In: connections. Out: calls to [`Backend`](bongsu_engine::api::Backend) and their answers.
//! Every route stands in one table with its policy; one service leads each request through rate,
//! credentials, concurrency and body bounds to its handler.

#![allow(clippy::result_large_err, reason = "an error here is the finished answer")]

mod access;
mod admin;
mod answer;
mod body;
mod cors;
mod decode;
mod keep;
mod metrics;
mod negotiate;
mod openapi;
mod options;
mod page;
mod prometheus;
mod query;
mod rate;
mod receive;
mod routes;
mod runbook;
mod serve;
mod service;
mod v1;
mod v2;
mod web_config;

pub use body::Body;
pub use openapi::openapi_json;
pub use options::{ALERTMANAGER_VERSION, BuildInfo, Limits, Rate, Runbook, WebOptions};
pub use routes::Policy;
pub use serve::{ServeError, serve};
pub use service::{Peer, WebService};
pub use web_config::{WebConfig, parse as parse_web_config, read as read_web_config};

/// Entry points of the fuzz targets.
#[cfg(fuzzing)]
pub mod fuzz {
    /// A body of `POST /api/v2/alerts`.
    pub fn alerts(body: &[u8]) {
        let bounds = crate::decode::alerts::Bounds { alerts: 1000, labels: 100 };
        if let Ok(alerts) = crate::decode::alerts::decode(body, bounds) {
            for alert in alerts {
                assert_eq!(alert.labels, bongsu_model::Labels::from_pairs(alert.labels.iter()));
            }
        }
    }

    /// A body of `POST /api/v2/silences`.
    pub fn silence(body: &[u8]) {
        drop(crate::decode::silence::decode(body));
    }
}
