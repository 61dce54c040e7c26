//! From a group flush to the bytes a receiver gets; no I/O, clock or randomness.
//!
//! The way of a notification:
//!
//! 1. [`plan`] compares a flush with the [`NotificationLog`] entry of each integration: nothing to
//!    do, something to record, or alerts to send and why.
//! 2. [`secret_files`] names the files to read; the caller reads them.
//! 3. [`conversation`] renders everything and gives a [`Conversation`], a state machine that says
//!    which [`HttpRequest`] or [`Mail`] to send and judges the answers.
//! 4. After a failure [`Attempts`] says when to try again or gives the final error; every attempt
//!    is a new conversation. After a success the caller writes a [`LogEntry`] with the
//!    [`Outcome`]'s data.
//!
//! # Adding an integration
//!
//! - Settings: a struct in `bongsu-config` (`alertmanager/receivers`) and a line in its
//!   `integrations!` list; the compiler then asks for the rest.
//! - A file in `src/integration/` with `begin(config, input) -> Begun`: render with a `Renderer`
//!   (`text` for what people read, `detail` for decoration, `required` for addresses and keys),
//!   call `finish`, build the body and return an `Exchange`. Only an exchange whose next request
//!   depends on an answer needs a [`Conversation`] of its own (see `jira.rs`).
//! - A line in `conversation` and one in `secret_files`, and a snapshot in `tests/requests.rs`.
//! - Secrets never go into an error text, and `Debug` of a request shows neither URL nor headers.

mod conversation;
pub mod data;
mod dedup;
mod exchange;
mod input;
mod integration;
mod json_object;
mod log;
mod render;
mod retry;
mod stage;
pub mod templates;
mod truncate;
mod url_text;

pub use bongsu_lang::sigv4::AwsCredentials;
pub use conversation::{
    Conversation, HttpRequest, Mail, MailAuth, Outcome, Response, Session, Step, TimeLimit,
    TransportError,
};
pub use dedup::{AlertSet, FlushHashes, NotificationReason, due};
pub use input::{AttemptIds, NotifyInput, SecretFiles};
pub use integration::{PayloadError, conversation, render_payload, secret_files};
pub use log::{LogEntry, NotificationKey, NotificationLog, expires_at};
pub use retry::{Attempts, Ended, FailureReason, Next, NotifyError, StatusPolicy, backoff};
pub use stage::{Plan, hand_out, plan};
pub use truncate::{MARKER, truncate_bytes, truncate_runes};
