//! The small languages people write: durations, matchers, label names, time intervals, YAML, CEL; the
//! wire format of files other programs wrote; the text of mails and the signature AWS wants.
//!
//! In: text or bytes. Out: values of `bongsu-model` or of this crate, or the message Alertmanager gives.

pub mod cel;
pub mod duration;
pub mod go_json;
pub mod gotmpl;
pub mod jinja;
pub mod label_name;
pub mod matcher;
pub mod mime;
pub mod protobuf;
pub mod sigv4;
pub mod suggest;
pub mod time_interval;
pub mod yaml;

/// Which grammar matchers and label names follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Both matcher parsers run; where they disagree the classic one wins. UTF-8 label names.
    #[default]
    Fallback,
    /// `--enable-feature=classic-mode`: the classic parser and ASCII label names only.
    Classic,
    /// `--enable-feature=utf8-strict-mode`: the UTF-8 parser only.
    Utf8,
}
