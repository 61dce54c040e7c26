//! Function sets.

mod casing;
mod collections;
mod encoding;
mod humanize;
mod network;
mod text;
mod times;
mod vector;
mod vmalert;

use super::function::{FunctionSet, Parameter, Signature};

pub use network::{graph_link, table_link};
pub use vector::{QuerySample, StringMap, query_result};

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

/// The functions of Prometheus' templates in labels and annotations of rules. `query`, `externalURL`
/// and `pathPrefix` need a [`super::Host`].
pub fn prometheus() -> FunctionSet {
    use Parameter::{Any, Str};
    let mut set = FunctionSet::default();
    let text = Signature::fixed(&[Str]);
    let any = Signature::fixed(&[Any]);
    let none = Signature::fixed(&[]);
    set.add("query", text, vector::query);
    set.add("first", any, vector::first);
    set.add("label", Signature::fixed(&[Str, Any]), vector::label);
    set.add("value", any, vector::value);
    set.add("strvalue", any, vector::string_value);
    set.add("sortByLabel", Signature::fixed(&[Str, Any]), vector::sort_by_label);
    set.add("args", Signature::variadic(&[Any]), vector::arguments);
    set.add("humanize", any, humanize::decimal);
    set.add("humanize1024", any, humanize::binary);
    set.add("humanizeDuration", any, humanize::duration);
    set.add("humanizePercentage", any, humanize::percentage);
    set.add("humanizeTimestamp", any, humanize::timestamp);
    set.add("toTime", any, humanize::time);
    set.add("toDuration", any, humanize::to_duration);
    set.add("now", none, times::unix_now);
    set.add("parseDuration", text, times::parse_duration);
    set.add("title", text, text::first_letters);
    set.add("toUpper", text, text::to_upper);
    set.add("toLower", text, text::to_lower);
    set.add("match", Signature::fixed(&[Str, Str]), text::matches);
    set.add("reReplaceAll", Signature::fixed(&[Str, Str, Str]), text::replace_all);
    set.add("safeHtml", text, text::safe_html);
    set.add("stripPort", text, network::strip_port);
    set.add("stripDomain", text, network::strip_domain);
    set.add("graphLink", text, network::graph);
    set.add("tableLink", text, network::table);
    set.add("urlQueryEscape", text, network::query_escape);
    set.add("externalURL", none, network::external_url);
    set.add("pathPrefix", none, network::path_prefix);
    set
}

/// The functions of vmalert's templates: Prometheus' and its own.
pub fn vmalert() -> FunctionSet {
    use Parameter::{Any, Str};
    let mut set = prometheus();
    let text = Signature::fixed(&[Str]);
    set.add("crlfEscape", text, vmalert::line_end_escape);
    set.add("quotesEscape", text, vmalert::quotes_escape);
    set.add("jsonEscape", text, vmalert::json_escape);
    set.add("htmlEscape", text, vmalert::html_escape);
    set.add("pathEscape", text, vmalert::path_escape);
    set.add("queryEscape", text, network::query_escape);
    set.add("parseDurationTime", text, vmalert::parse_duration_time);
    set.add("formatTime", Signature::fixed(&[Str, Any]), vmalert::format_time);
    set
}
