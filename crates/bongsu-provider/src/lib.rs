//! How bytes leave (and, for TLS, enter) the house: HTTP, SMTP, TLS, secret files, egress rules.
//!
//! In: transport settings as a person configured them, a prepared request or mail, a deadline.
//! Out: the peer's answer, or a typed error that says which step failed. Nothing here knows what
//! an alert is; what to send and whether to try again is decided above.
//!
//! - [`http`]: requests, with authorization, proxies, redirects and kept connections.
//! - [`tls`]: client and server TLS settings → `rustls` configurations, re-read when files change.
//!   The web server builds its side with [`tls::ServerTls`].
//! - [`egress`]: which addresses may be reached; the address checked is the address connected to.
//! - [`secret_file`]: credentials kept in files, read at every use.

pub mod egress;
mod error;
pub mod http;
pub mod secret_file;
mod stream;
pub mod tls;

pub use error::{TransportError, TransportErrorKind};
