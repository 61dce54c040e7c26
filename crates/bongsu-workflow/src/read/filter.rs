//! Entries of `filters`.

use bongsu_lang::yaml::Node;
use bongsu_model::Diagnostic;
use regex::RegexBuilder;
use serde_json::Value;

use super::{Reader, codes};
use crate::expr::Comparison;
use crate::trigger::{Filter, Test};

/// Bytes a compiled regular expression may take.
const MAX_REGEX: usize = 1 << 20;

impl Reader {
    pub(super) fn filters(&mut self, list: &Node) -> Vec<Filter> {
        let mut filters = Vec::new();
        for node in self.items(list) {
            let pairs = self.pairs(node, &["key", "value", "exclude", "regex"]);
            let of =
                |key: &str| pairs.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
            let (Some(key), Some(value)) = (of("key"), of("value").or_else(|| of("regex"))) else {
                self.missing(node, "key or value");
                continue;
            };
            let Some(key) = self.text(key) else { continue };
            let exclude = of("exclude").is_some_and(|node| self.flag(node));
            let flagged = of("value").is_some()
                && of("regex").is_some_and(|node| node.text() == Some("true"));
            let pattern = of("value").is_none() || flagged;
            let Some(test) = self.filter_test(value, pattern) else { continue };
            let sign = if exclude { "!=" } else { "==" };
            let text = format!("{key} {sign} {}", value.text().unwrap_or_default());
            filters.push(Filter { key, test, exclude, text });
        }
        filters
    }

    /// `r"…"` is a regular expression, `> 80` an order, anything else the value itself.
    fn filter_test(&mut self, node: &Node, pattern: bool) -> Option<Test> {
        let value = match node.to_value().to_json() {
            Value::String(text) => text,
            Value::Array(_) | Value::Object(_) => {
                self.mistyped(node, "a text, a number, true or false");
                return None;
            }
            value => return Some(Test::Equals(value)),
        };
        let quoted = ['"', '\''].into_iter().find_map(|quote| {
            value.trim().strip_prefix('r')?.strip_prefix(quote)?.strip_suffix(quote)
        });
        let Some(text) = quoted.or_else(|| pattern.then_some(value.as_str())) else {
            return Some(order(&value).unwrap_or(Test::Equals(Value::String(value))));
        };
        if text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | ':' | '/' | '@'))
        {
            return Some(Test::Equals(Value::String(text.to_owned())));
        }
        match text {
            ".*" => return Some(Test::Present),
            "^$" => return Some(Test::Empty),
            _ => {}
        }
        let whole = format!("^(?s:{text})$");
        match RegexBuilder::new(&whole).size_limit(MAX_REGEX).nest_limit(100).build() {
            Ok(regex) => Some(Test::Matches(regex)),
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or(&text).trim();
                let finding = Diagnostic::error(
                    codes::CONDITION,
                    last.strip_prefix("error: ").unwrap_or(last),
                );
                self.note(
                    finding.help("the regular expression has to match the whole value"),
                    node.place,
                );
                None
            }
        }
    }
}

/// `> 80`, `<= 0.5`.
fn order(text: &str) -> Option<Test> {
    let text = text.trim();
    let signs = [
        (">=", Comparison::GreaterEqual),
        ("<=", Comparison::LessEqual),
        (">", Comparison::Greater),
        ("<", Comparison::Less),
        ("!=", Comparison::NotEqual),
    ];
    let (sign, rest) =
        signs.into_iter().find_map(|(sign, is)| text.strip_prefix(sign).map(|rest| (is, rest)))?;
    let number = rest.trim().trim_end_matches('%').parse::<f64>().ok()?;
    Some(Test::Order(sign, number))
}
