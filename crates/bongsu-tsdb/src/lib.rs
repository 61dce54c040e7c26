//! A bounded store of recent series.
//!
//! In: samples, from remote write, OTLP and scraping ([`wire`]). Out: series for PromQL. Times are
//! milliseconds since 1970; the clock is an argument.
//!
//! A [`Store`] holds the newest samples of each series in compressed chunks in memory (`head`), beside a
//! log from which a start restores them (`wal`). Closed chunks beyond a share of the memory go to files
//! that are read where they lie (`segment`) and deleted when their time is over. `index` finds series by
//! matchers. `docs/adr/0012-series-store.md` says why.

mod chunk;
mod codec;
mod frame;
mod head;
mod index;
mod limits;
mod record;
mod sample;
mod segment;
mod store;
mod wal;
pub mod wire;

pub use limits::Limits;
pub use sample::{
    AppendError, Appended, Metadata, MetricKind, Pair, Reason, Refused, SeriesSamples,
};
pub use store::{OpenError, Recovered, Stats, Store};
