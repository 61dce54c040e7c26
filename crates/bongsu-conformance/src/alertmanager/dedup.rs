//! `dedup.json`

use serde_json::Value;

use super::Context;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, _case: &Value) -> Verdict {
    Verdict::Failed("not judged yet".to_owned())
}
