//! Alertmanager's API, version 2.
//!
//! In: requests as amtool, Prometheus, Grafana and karma make them. Out: the answers they expect,
//! to the byte where they print or compare them.

pub(crate) mod alerts;
pub(crate) mod model;
pub(crate) mod server;
pub(crate) mod silences;
