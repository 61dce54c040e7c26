//! Configurations that load but probably do not do what was meant.

use std::sync::Arc;

use bongsu_lang::yaml::Node;
use bongsu_model::{Diagnostic, Source};

use super::config::Config;

/// Adds warnings about a sound configuration; `root` is the document it was read from.
pub(super) fn check(
    _config: &Config,
    _root: &Arc<Node>,
    _source: &Arc<Source>,
    _warnings: &mut Vec<Diagnostic>,
) {
}
