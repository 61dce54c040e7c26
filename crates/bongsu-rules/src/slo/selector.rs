//! Selectors of series: `name{label="value",…}`, read and printed.

use std::fmt::Write as _;

use bongsu_model::MatchOp;

/// A name and its matchers in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    pub(crate) matchers: Vec<Matcher>,
}

/// One matcher.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matcher {
    pub(crate) name: String,
    /// `=`, `!=`, `=~`, `!~`.
    pub(crate) op: &'static str,
    pub(crate) value: String,
}

impl Matcher {
    pub(crate) fn equal(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), op: "=", value: value.to_owned() }
    }

    pub(crate) fn is_regex(&self) -> bool {
        matches!(self.op, "=~" | "!~")
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.name, self.op)?;
        bongsu_model::go_quote(&self.value, f)
    }
}

impl Selector {
    /// Reads one; the message says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let matchers = bongsu_promql::parse_selector(text).map_err(|mistakes| {
            let mistakes: Vec<String> = mistakes.iter().map(|m| m.render(text)).collect();
            mistakes.join("; ")
        })?;
        let (mut name, mut rest) = (String::new(), Vec::new());
        for matcher in matchers {
            match (matcher.name(), matcher.op()) {
                ("__name__", MatchOp::Equal) => name = matcher.value().to_owned(),
                (label, op) => rest.push(Matcher {
                    name: label.to_owned(),
                    op: op.as_str(),
                    value: matcher.value().to_owned(),
                }),
            }
        }
        if name.is_empty() {
            return Err("the selector has no metric name".to_owned());
        }
        Ok(Self { name, matchers: rest })
    }

    /// The same series of another name, with more matchers.
    pub(crate) fn renamed(&self, name: &str, more: &[Matcher]) -> Self {
        let matchers = self.matchers.iter().chain(more).cloned().collect();
        Self { name: name.to_owned(), matchers }
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        for (i, matcher) in self.matchers.iter().enumerate() {
            f.write_char(if i == 0 { '{' } else { ',' })?;
            write!(f, "{matcher}")?;
        }
        if self.matchers.is_empty() { Ok(()) } else { f.write_char('}') }
    }
}

/// Whether a query is nothing but a selector, so that a range can stand behind it.
pub(crate) fn is_selector(query: &str) -> bool {
    Selector::parse(query).is_ok()
}

#[cfg(test)]
mod tests {
    use super::Selector;

    #[test]
    fn reads_and_prints() {
        for (text, printed) in [
            ("up", "up"),
            (" a:b_total { } ", "a:b_total"),
            (r#"x{a="b", c=~'d|"e',f!="",}"#, r#"x{a="b",c=~"d|\"e",f!=""}"#),
            (r#"{__name__="x",a!~`\d+`}"#, r#"x{a!~"\\d+"}"#),
        ] {
            assert_eq!(Selector::parse(text).unwrap().to_string(), printed, "{text}");
        }
        for text in
            ["", "{}", "1x", "x{", "x{a}", "x{a=b}", "x{a=\"b\" c=\"d\"}", "rate(x[5m])", "x + y"]
        {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }
}
