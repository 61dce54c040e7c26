//! From a text to its parts.

use bongsu_lang::jinja;

use super::{Applied, Kind, Part, Reference, Template};
use crate::expr::{Mistake, Path, parse, parse_call};
use crate::functions::Function;

/// Bytes a text may have.
const MAX_LENGTH: usize = 256 << 10;
/// Sections inside sections.
const MAX_DEPTH: usize = 20;

pub(super) fn template(text: &str) -> Result<Template, Mistake> {
    if text.len() > MAX_LENGTH {
        return Err(Mistake::new(0, format!("a text has at most {MAX_LENGTH} bytes")));
    }
    if text.contains("{%") && text.contains("%}") {
        return jinja_text(text);
    }
    let trimmed = text.trim();
    let raw = trimmed.strip_prefix("raw_render_without_execution(");
    if let Some(inner) = raw.and_then(|inner| inner.strip_suffix(')')) {
        return parts(text, inner, false);
    }
    parts(text, text, true)
}

pub(super) fn quoted(text: &str) -> Result<Template, Mistake> {
    parts(text, text, false)
}

fn parts(whole: &str, text: &str, calls: bool) -> Result<Template, Mistake> {
    let mut parser = Parser { text, at: 0, calls, lenient: false };
    let parts = parser.until(None, 0)?;
    Ok(Template { text: whole.into(), kind: Kind::Parts { parts, lenient: parser.lenient } })
}

fn jinja_text(text: &str) -> Result<Template, Mistake> {
    let plain = plain_names(text);
    let template = jinja::Template::parse(&plain).map_err(|error| {
        let message = error.to_string();
        let line =
            message.strip_prefix("line ").and_then(|rest| rest.split(':').next()?.parse().ok());
        let before = text.split_inclusive('\n').take(line.unwrap_or(1usize).saturating_sub(1));
        Mistake::new(before.map(str::len).sum(), message)
    })?;
    if template.names().iter().any(|name| matches!(name.split('.').next(), Some("secrets" | "env")))
    {
        return Err(secret_inside(0));
    }
    Ok(Template { text: text.into(), kind: Kind::Jinja(template) })
}

pub(crate) fn secret_inside(offset: usize) -> Mistake {
    Mistake::new(offset, "a secret can only be named alone between braces: {{ secrets.NAME }}")
        .help("its value is filled in when the request is made; nothing can be computed from it")
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    calls: bool,
    lenient: bool,
}

impl Parser<'_> {
    /// Parts up to the end, or to the end of a section.
    fn until(&mut self, section: Option<&str>, depth: usize) -> Result<Vec<Part>, Mistake> {
        if depth > MAX_DEPTH {
            return Err(Mistake::new(self.at, "sections are nested too deep"));
        }
        let opened = self.at;
        let mut parts = Vec::new();
        let mut literal = String::new();
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let brace = rest.find("{{");
            let call = if self.calls { rest.find("keep.") } else { None };
            let next = [brace, call].into_iter().flatten().min().unwrap_or(rest.len());
            literal.push_str(&rest[..next]);
            self.at += next;
            let rest = &self.text[self.at..];
            if let Some(name) = rest.strip_prefix("keep.") {
                let inside_word = self.text[..self.at].chars().next_back().is_some_and(|c| {
                    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '@')
                });
                let end =
                    name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                let is_call = name[end..].starts_with('(') && end > 0;
                // Prose about a function that does not exist stays prose unless it is nearly one.
                let prose = Function::named(&name[..end]).is_none()
                    && bongsu_lang::suggest::nearest(&name[..end], Function::names()).is_none();
                if inside_word || !is_call || prose {
                    literal.push_str("keep.");
                    self.at += "keep.".len();
                    continue;
                }
                let (call, length) = parse_call(rest).map_err(|mut mistake| {
                    mistake.offset += self.at;
                    mistake
                })?;
                flush(&mut literal, &mut parts);
                parts.push(Part::Call(call));
                self.at += length;
            } else if rest.starts_with("{{") {
                flush(&mut literal, &mut parts);
                if self.tag(section, depth, &mut parts)? {
                    return Ok(parts);
                }
            }
        }
        if let Some(name) = section {
            return Err(Mistake::new(opened, format!("the section {name} is not closed")));
        }
        flush(&mut literal, &mut parts);
        Ok(parts)
    }

    /// One tag; true if it closes the section.
    fn tag(
        &mut self,
        section: Option<&str>,
        depth: usize,
        parts: &mut Vec<Part>,
    ) -> Result<bool, Mistake> {
        let start = self.at;
        let rest = &self.text[start..];
        let (open, close) = if rest.starts_with("{{{") { (3, "}}}") } else { (2, "}}") };
        let Some(length) = rest[open..].find(close) else {
            return Err(Mistake::new(start, format!("{} is not closed by {close}", &rest[..open])));
        };
        let content = &rest[open..open + length];
        self.at += open + length + close.len();
        let place = start + open;
        let name = content.get(1..).map(str::trim).unwrap_or_default();
        let sign = if open == 3 { None } else { content.chars().next() };
        match sign {
            Some('!') if !content.starts_with("!=") && !looks_negated(content) => {}
            Some('>') => {
                return Err(Mistake::new(place, "other files cannot be included"));
            }
            Some('#' | '^') => {
                let inverted = sign == Some('^');
                let (function, path) = section_head(name, place)?;
                self.lenient |= inverted || function.is_some();
                let inner = self.until(Some(name), depth + 1)?;
                parts.push(match function {
                    Some(function) => Part::Applied { function, parts: inner },
                    None => Part::Section { path, inverted, parts: inner },
                });
            }
            Some('/') => {
                if section != Some(name) {
                    return Err(Mistake::new(place, format!("no section {name} is open here")));
                }
                return Ok(true);
            }
            Some('&') => parts.push(expression(&content[1..], place + 1)?),
            _ => parts.push(expression(content, place)?),
        }
        Ok(false)
    }
}

/// `{{!alert.x}}` might be a comment; one that starts with the name of a value is a negation.
fn looks_negated(content: &str) -> bool {
    let name = content[1..].trim_start();
    crate::expr::ROOTS
        .iter()
        .any(|root| name.strip_prefix(root).is_some_and(|rest| rest.starts_with('.')))
}

fn section_head(name: &str, place: usize) -> Result<(Option<Applied>, Path), Mistake> {
    let function = match name {
        "fn.default" => Some(Applied::Default),
        "fn.na" => Some(Applied::Na),
        "fn.upper" => Some(Applied::Upper),
        "fn.lower" => Some(Applied::Lower),
        "fn.strip" => Some(Applied::Strip),
        _ => None,
    };
    match Path::parse(name) {
        Some(path) => Ok((function, path)),
        None => Err(Mistake::new(place, "a section needs the path of a value")),
    }
}

fn expression(content: &str, place: usize) -> Result<Part, Mistake> {
    if content.trim().is_empty() {
        return Err(Mistake::new(place, "nothing stands between the braces"));
    }
    let expr = parse(content).map_err(|mut mistake| {
        mistake.offset += place;
        mistake
    })?;
    if let crate::expr::Expr::Path(path) = &expr
        && let [name] = path.keys.as_slice()
    {
        match &*path.root {
            "secrets" => return Ok(Part::Reference(Reference::Secret(name.to_string()))),
            "env" => return Ok(Part::Reference(Reference::Env(name.to_string()))),
            _ => {}
        }
    }
    let mut secret = false;
    expr.paths(&mut |path| secret |= matches!(&*path.root, "secrets" | "env"));
    if secret { Err(secret_inside(place)) } else { Ok(Part::Value(expr)) }
}

fn flush(literal: &mut String, parts: &mut Vec<Part>) {
    if !literal.is_empty() {
        parts.push(Part::Text(std::mem::take(literal).into()));
    }
}

/// Jinja's grammar has no names with dashes: `steps.get-pods.results` becomes
/// `steps['get-pods'].results` inside tags and blocks, outside quotes.
fn plain_names(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let close = if rest[open..].starts_with("{{") { "}}" } else { "%}" };
        let Some(length) = rest[open + 2..].find(close) else { break };
        let end = open + 2 + length;
        out.push_str(&rest[..open + 2]);
        names_in(&rest[open + 2..end], &mut out);
        out.push_str(close);
        rest = &rest[end + 2..];
    }
    out.push_str(rest);
    out
}

/// `{{ a.b-c }}` and `{{ a.b | … }}` of a text with blocks.
pub(super) fn plain_paths(text: &str) -> Vec<Path> {
    let tags = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
    let first = tags.filter_map(|tag| tag.split('|').next());
    first.filter_map(|path| Path::parse(path.trim_matches(['-', ' ', '\n']))).collect()
}

fn names_in(code: &str, out: &mut String) {
    let mut quote = None;
    let mut chars = code.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        let opens_key = quote.is_none()
            && c == '.'
            && (before.is_alphanumeric() || matches!(before, '_' | ']' | ')'))
            && !ends_in_number(&code[..at]);
        before = c;
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
        if !opens_key {
            out.push(c);
            continue;
        }
        let key = &code[at + 1..];
        let bytes = key.as_bytes();
        let mut end = 0;
        for (i, c) in key.char_indices() {
            let next = bytes.get(i + 1).copied().unwrap_or(b' ');
            let dash = c == '-' && i > 0 && (next.is_ascii_alphanumeric() || next == b'_');
            if !(c.is_alphanumeric() || c == '_' || dash) {
                break;
            }
            end = i + c.len_utf8();
        }
        let key = &key[..end];
        if key.contains('-') {
            out.push_str(&format!("['{key}']"));
        } else if !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit()) {
            out.push_str(&format!("[{key}]"));
        } else {
            out.push('.');
            out.push_str(key);
        }
        while chars.peek().is_some_and(|(i, _)| *i < at + 1 + end) {
            if let Some((_, c)) = chars.next() {
                before = c;
            }
        }
    }
}

/// `1`, not `a1` or `a.1`: what follows its dot is a fraction.
fn ends_in_number(code: &str) -> bool {
    let before = code.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
    let word = &code[before.len()..];
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) && !before.ends_with('.')
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_with_dashes() {
        for (text, want) in [
            ("{% if steps.a-b.x %}-{% endif %}", "{% if steps['a-b'].x %}-{% endif %}"),
            ("a.b-c {{ a.b - c }} {{ l.0 }}", "a.b-c {{ a.b - c }} {{ l[0] }}"),
            ("{{ 'x.y-z' }}{%- set a = 1.5 -%}", "{{ 'x.y-z' }}{%- set a = 1.5 -%}"),
        ] {
            assert_eq!(super::plain_names(text), want);
        }
    }
}
