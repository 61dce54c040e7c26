//! How bytes leave (and, for TLS, enter) the house: HTTP, SMTP, SQL, Redis, SSH, programs, TLS,
//! secret files, egress rules.
//!
//! In: transport settings as a person configured them, a prepared request, a deadline.
//! Out: the peer's answer, or a typed error that says which step failed. What to send and whether to
//! try again is decided above. Beside the transports stands what providers are: [`manifest`].
//!
//! - [`aws`]: AWS credentials of the surroundings.
//! - [`call`]: what a manifest says about requests becomes requests, and answers become results.
//! - [`Connector`]: carries out the requests of calls.
//! - [`config`]: `alertmanager.yml` blocks as settings of this crate.
//! - [`manifest`]: providers as data; what they send becomes alerts.
//! - [`http`]: requests, with authorization, proxies, redirects and kept connections.
//! - [`smtp`]: a finished mail, over plain text, STARTTLS or TLS.
//! - [`sql`]: one statement to PostgreSQL, MySQL, MariaDB or an SQLite file.
//! - [`redis`]: one command to Redis.
//! - [`ssh`]: one command on another machine; [`process`]: a program of this one.
//! - [`tls`]: client and server TLS settings → `rustls` configurations, re-read when files change.
//!   The web server builds its side with [`tls::ServerTls`].
//! - [`egress`]: which addresses may be reached; the address checked is the address connected to.
//! - [`secret`]: values behind references, and sealed values.
//! - [`kubernetes`]: calls to the API server of a cluster.
//! - [`secret_file`]: credentials kept in files, read at every use.

pub mod aws;
pub mod call;
mod command;
pub mod config;
mod connector;
pub mod egress;
mod error;
pub mod http;
pub mod kubernetes;
pub mod manifest;
pub mod process;
pub mod redis;
pub mod secret;
pub mod secret_file;
pub mod smtp;
pub mod sql;
pub mod ssh;
mod stream;
pub mod tls;
mod wire;

pub use command::{CommandAnswer, MAX_OUTPUT_BYTES};
pub use connector::{Connector, Fetched, furnished};
pub use error::{TransportError, TransportErrorKind};
