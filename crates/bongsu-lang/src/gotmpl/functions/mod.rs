//! Function sets.

mod casing;
mod collections;
mod encoding;
mod humanize;
mod text;
mod times;

use super::function::{FunctionSet, Parameter, Signature};

/// The functions of Alertmanager's notification templates.
pub fn alertmanager() -> FunctionSet {
    use Parameter::{Any, List, Str, Strings, Time};
    let mut set = FunctionSet::default();
    let text = Signature::fixed(&[Str]);
    set.add("toUpper", text, text::to_upper);
    set.add("toLower", text, text::to_lower);
    set.add("title", text, text::title);
    set.add("trimSpace", text, text::trim_space);
    set.add("join", Signature::fixed(&[Str, Strings]), text::join);
    set.add("match", Signature::fixed(&[Str, Str]), text::matches);
    set.add("reReplaceAll", Signature::fixed(&[Str, Str, Str]), text::replace_all);
    set.add("stringSlice", Signature::variadic(&[Str]), text::string_slice);
    set.add("safeHtml", text, text::safe_html);
    set.add("safeUrl", text, text::safe_url);
    set.add("urlUnescape", text, encoding::url_unescape);
    set.add("base64encode", text, encoding::base64_encode);
    set.add("base64decode", text, encoding::base64_decode);
    set.add("toJson", Signature::fixed(&[Any]), encoding::to_json);
    set.add("routeLabels", text, collections::route_label);
    set.add("list", Signature::variadic(&[Any]), collections::list);
    set.add("append", Signature::variadic(&[List, Any]), collections::append);
    set.add("dict", Signature::variadic(&[Any]), collections::dict);
    set.add("date", Signature::fixed(&[Str, Time]), times::date);
    set.add("tz", Signature::fixed(&[Str, Time]), times::zoned);
    set.add("now", Signature::fixed(&[]), times::now);
    set.add("since", Signature::fixed(&[Time]), times::since);
    set.add("toDate", Signature::fixed(&[Str, Str]), times::to_date);
    set.add("mustToDate", Signature::fixed(&[Str, Str]), times::must_to_date);
    set.add("humanizeDuration", Signature::fixed(&[Any]), humanize::duration);
    set
}
