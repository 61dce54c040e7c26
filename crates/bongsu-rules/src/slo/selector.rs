//! Selectors of series: `name{label="value",…}`, read and printed.

use std::fmt::Write as _;

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
        let mut rest = text.trim();
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = rest[end..].trim_start();
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("{name:?} is no metric name"));
        }
        let mut matchers = Vec::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner.trim_start();
            loop {
                if let Some(after) = rest.strip_prefix('}') {
                    rest = after.trim_start();
                    break;
                }
                let (matcher, after) = matcher(rest)?;
                matchers.push(matcher);
                rest = after.trim_start();
                match rest.strip_prefix(',') {
                    Some(after) => rest = after.trim_start(),
                    None if rest.starts_with('}') => {}
                    None => return Err("a comma or } is missing between matchers".to_owned()),
                }
            }
        }
        if !rest.is_empty() {
            return Err(format!("{rest:?} is more than a selector of series"));
        }
        let name = match matchers.iter().position(|m| m.name == "__name__" && m.op == "=") {
            Some(at) if name.is_empty() => matchers.remove(at).value,
            _ => name,
        };
        if name.is_empty() {
            return Err("the selector has no metric name".to_owned());
        }
        Ok(Self { name, matchers })
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

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':')
}

fn matcher(text: &str) -> Result<(Matcher, &str), String> {
    let end = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Err("a label name is missing".to_owned());
    }
    let rest = rest.trim_start();
    let op = ["=~", "!~", "!=", "="].into_iter().find(|op| rest.starts_with(op));
    let op = op.ok_or_else(|| format!("=, !=, =~ or !~ is missing after {name}"))?;
    let (value, rest) = quoted(rest[op.len()..].trim_start())
        .ok_or_else(|| format!("the value of {name} is not a text in quotes"))?;
    Ok((Matcher { name: name.to_owned(), op, value }, rest))
}

/// A text in any of PromQL's three quotes.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let mut value = String::new();
    let mut chars = text[1..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some((value, &text[1 + at + 1..])),
            '\\' if quote != '`' => match chars.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                c @ ('\\' | '"' | '\'') => value.push(c),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    None
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
