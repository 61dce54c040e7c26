//! A bounded store of recent series.
//!
//! In: samples, from remote write, OTLP and scraping. Out: series for PromQL. Times are milliseconds
//! since 1970.
