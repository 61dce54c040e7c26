//! `template_defaults.json`

use serde_json::Value;

use super::Context;
use super::template_text_html::compare;
use crate::report::Verdict;

pub(super) fn judge(context: &Context, case: &Value) -> Verdict {
    compare(context, case).into()
}
