//! Building the tree from parser events.

use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::Error;
use super::node::{Entry, Kind, Node, Place};

/// What a document may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Nested lists and maps.
    pub depth: usize,
    /// Values, every alias counted with all it stands for.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 20, depth: 100, nodes: 1_000_000 }
    }
}

/// Reads the first document; `None` if there is none (empty text, only comments).
pub fn parse(text: &str, limits: &Limits) -> Result<Option<Arc<Node>>, Error> {
    with_tabs(text, |text| Reader::new(text, limits)?.document())
}

/// Reads every document of a stream.
pub fn parse_all(text: &str, limits: &Limits) -> Result<Vec<Arc<Node>>, Error> {
    with_tabs(text, |text| {
        let mut reader = Reader::new(text, limits)?;
        let mut documents = Vec::new();
        while let Some(document) = reader.document()? {
            documents.push(document);
        }
        Ok(documents)
    })
}

/// Keys followed by a tab that one text may have.
const MAX_TABS: usize = 200;

/// Reads a text in which tabs may follow the colon of a key, which YAML allows and the parser
/// refuses: each such tab is read as a space, so places stay what they are.
fn with_tabs<T>(text: &str, read: impl Fn(&str) -> Result<T, Error>) -> Result<T, Error> {
    let mut result = read(text);
    let mut spaced: Option<String> = None;
    for _ in 0..MAX_TABS {
        let Err(error) = &result else { break };
        let current = spaced.as_deref().unwrap_or(text);
        let Some(tabs) = tabs_after_colon(current, error) else { break };
        let mut next = current.to_owned();
        let spaces = " ".repeat(tabs.len());
        next.replace_range(tabs, &spaces);
        result = read(&next);
        spaced = Some(next);
    }
    result
}

/// Offsets of the tabs the error is about; it points behind them.
fn tabs_after_colon(text: &str, error: &Error) -> Option<std::ops::Range<usize>> {
    if !error.message.starts_with("':' must be followed by") {
        return None;
    }
    let lines = text.split_inclusive('\n').take(error.line.checked_sub(1)?);
    let start: usize = lines.map(str::len).sum();
    let line = text[start..].lines().next()?;
    let end = line.char_indices().nth(error.column - 1).map_or(line.len(), |(at, _)| at);
    let tab = start + line[..end].rfind(":\t")? + 1;
    let length = text[tab..].find(|c| c != '\t').unwrap_or(text.len() - tab);
    Some(tab..tab + length)
}

/// A finished node, how many values it stands for, and how deep it is.
#[derive(Clone)]
struct Sized {
    node: Arc<Node>,
    count: usize,
    height: usize,
}

/// A list or map being filled.
struct Open {
    place: Place,
    tag: Option<Box<str>>,
    anchor: usize,
    mapping: bool,
    children: Vec<Sized>,
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    limits: Limits,
    /// Finished anchored nodes by anchor number; the parser numbers from 1.
    anchors: std::collections::HashMap<usize, Sized>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, limits: &Limits) -> Result<Self, Error> {
        if text.len() > limits.bytes {
            return Err(Error {
                line: 1,
                column: 1,
                message: format!("the text is larger than {} bytes", limits.bytes),
            });
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        refuse_characters(text)?;
        Ok(Self {
            parser: Parser::new_from_str(text),
            limits: *limits,
            anchors: std::collections::HashMap::new(),
            nodes: 0,
        })
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Error> {
        self.parser.next_event().transpose().map_err(|e| syntax(&e))
    }

    fn document(&mut self) -> Result<Option<Arc<Node>>, Error> {
        let mut open: Vec<Open> = Vec::new();
        let mut root = None;
        self.anchors.clear();
        self.nodes = 0;
        while let Some((event, span)) = self.next()? {
            let place = place_of(&span);
            let (finished, anchor) = match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentEnd => return Ok(root),
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
                Event::SequenceStart(anchor, tag) => {
                    self.enter(&mut open, place, tag.as_deref(), anchor, false)?;
                    continue;
                }
                Event::MappingStart(anchor, tag) => {
                    self.enter(&mut open, place, tag.as_deref(), anchor, true)?;
                    continue;
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let kind =
                        Kind::Scalar { text: text.into(), plain: style == ScalarStyle::Plain };
                    let tag = tag.as_deref().map(short_tag);
                    let node = Arc::new(Node { place, tag, kind });
                    (Sized { node, count: 1, height: 0 }, anchor)
                }
                Event::Alias(id) => {
                    let Some(target) = self.anchors.get(&id) else {
                        return Err(at(place, "an alias may not stand inside its own anchor"));
                    };
                    (target.clone(), 0)
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Some(done) = open.pop() else {
                        return Err(at(place, "unexpected end of a list or mapping"));
                    };
                    let anchor = done.anchor;
                    (close(done)?, anchor)
                }
            };
            self.nodes += if anchor == 0 { finished.count } else { 1 };
            if self.nodes > self.limits.nodes {
                return Err(at(place, "document contains excessive aliasing"));
            }
            if open.len() + finished.height > self.limits.depth {
                return Err(at(place, "document is nested too deeply"));
            }
            if anchor != 0 {
                self.anchors.insert(anchor, finished.clone());
            }
            match open.last_mut() {
                Some(parent) => parent.children.push(finished),
                None => root = Some(finished.node),
            }
        }
        Ok(root)
    }

    fn enter(
        &self,
        open: &mut Vec<Open>,
        place: Place,
        tag: Option<&Tag>,
        anchor: usize,
        mapping: bool,
    ) -> Result<(), Error> {
        if open.len() >= self.limits.depth {
            return Err(at(place, "document is nested too deeply"));
        }
        let tag = tag.map(short_tag);
        open.push(Open { place, tag, anchor, mapping, children: Vec::new() });
        Ok(())
    }
}

/// Control characters anywhere, and a tab before the first content, are no YAML.
fn refuse_characters(text: &str) -> Result<(), Error> {
    let allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}')
            || (c >= '\u{a0}' && !matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
    };
    let unwanted = text.find(|c| !allowed(c));
    let first_tab = leading_tab(text);
    let (at, message) = match (unwanted, first_tab) {
        (Some(at), _) => (at, "control characters are not allowed"),
        (None, Some(at)) => (at, "found character that cannot start any token"),
        (None, None) => return Ok(()),
    };
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    Err(Error {
        line: text[..at].matches('\n').count() + 1,
        column: text[line_start..at].chars().count() + 1,
        message: message.to_owned(),
    })
}

/// The tab that stands before anything but spaces and comments.
fn leading_tab(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\r', '\n']);
        if content.starts_with('\t') {
            return Some(start + line.len() - content.len());
        }
        if !content.is_empty() && !content.starts_with('#') {
            return None;
        }
        start += line.len();
    }
    None
}

fn close(open: Open) -> Result<Sized, Error> {
    let count = open.children.iter().fold(1, |sum: usize, c| sum.saturating_add(c.count));
    let height = open.children.iter().map(|c| c.height + 1).max().unwrap_or(0);
    let kind = if open.mapping {
        let mut entries = Vec::with_capacity(open.children.len() / 2);
        let mut children = open.children.into_iter().map(|c| c.node);
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            if is_merge(&key) {
                merge(&value, &mut entries)?;
            } else {
                entries.push(Entry { key, value, merged: false });
            }
        }
        Kind::Mapping(entries)
    } else {
        Kind::Sequence(open.children.into_iter().map(|c| c.node).collect())
    };
    let node = Arc::new(Node { place: open.place, tag: open.tag, kind });
    Ok(Sized { node, count, height })
}

fn is_merge(key: &Node) -> bool {
    match &key.kind {
        Kind::Scalar { text, plain } => {
            &**text == "<<" && (*plain || key.tag.as_deref() == Some("!!merge"))
        }
        _ => false,
    }
}

/// A merged list of maps is applied from its end, so that the first map wins.
fn merge(value: &Node, into: &mut Vec<Entry>) -> Result<(), Error> {
    let mut add = |map: &Node| match &map.kind {
        Kind::Mapping(entries) => {
            into.extend(entries.iter().map(|e| Entry { merged: true, ..e.clone() }));
            Ok(())
        }
        _ => Err(at(map.place, "map merge requires map or sequence of maps as the value")),
    };
    match &value.kind {
        Kind::Sequence(maps) => maps.iter().rev().try_for_each(|map| add(map)),
        _ => add(value),
    }
}

fn short_tag(tag: &Tag) -> Box<str> {
    if tag.is_yaml_core_schema() || tag.handle == "!!" {
        format!("!!{}", tag.suffix).into()
    } else {
        match tag.suffix.strip_prefix("tag:yaml.org,2002:") {
            Some(name) => format!("!!{name}").into(),
            None => format!("{}{}", tag.handle, tag.suffix).into(),
        }
    }
}

fn place_of(span: &Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

fn at(place: Place, message: &str) -> Error {
    Error { line: place.line, column: place.column, message: message.to_owned() }
}

fn syntax(error: &ScanError) -> Error {
    Error {
        line: error.marker().line(),
        column: error.marker().col() + 1,
        message: error.info().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_places() {
        let root = parse("a:\n  b: [x, y]\n", &Limits::default()).unwrap().unwrap();
        let b = root.get("a").unwrap().get("b").unwrap();
        assert_eq!(b.place, Place { line: 2, column: 6 });
        let Kind::Sequence(items) = &b.kind else { panic!("a list") };
        assert_eq!(items[1].place, Place { line: 2, column: 10 });
    }

    #[test]
    fn only_the_first_document_unless_asked() {
        let text = "a: 1\n---\nb: 2\n";
        assert!(parse(text, &Limits::default()).unwrap().unwrap().get("a").is_some());
        assert_eq!(parse_all(text, &Limits::default()).unwrap().len(), 2);
        assert!(parse("# nothing\n", &Limits::default()).unwrap().is_none());
    }

    #[test]
    fn tabs_where_yaml_allows_them() {
        let text = "a:\tb\nc:\t\t'd: \te'\n";
        let root = parse(text, &Limits::default()).unwrap().unwrap();
        assert_eq!(root.get("a").unwrap().text(), Some("b"));
        assert_eq!(root.get("c").unwrap().text(), Some("d: \te"));
        assert_eq!(root.get("c").unwrap().place, Place { line: 2, column: 5 });
        for text in ["\ta: b", "# x\n \ta: b", "\t", "a: \u{7}"] {
            assert!(parse(text, &Limits::default()).is_err(), "{text:?}");
        }
        assert!(parse("# a\tb\na: b", &Limits::default()).is_ok());
    }

    #[test]
    fn refuses_bombs() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..9 {
            let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{aliases}]\n"));
        }
        let error = parse(&text, &Limits::default()).unwrap_err();
        assert_eq!(error.message, "document contains excessive aliasing");
        let deep = "[".repeat(500);
        assert!(parse(&deep, &Limits::default()).is_err());
        assert!(parse("&a [*a]", &Limits::default()).is_err());
    }

    #[test]
    fn repeated_keys_stay_visible_and_merges_are_marked() {
        let root = parse("b: &b {x: 1}\no: {<<: *b, x: 2, x: 3}\n", &Limits::default());
        let root = root.unwrap().unwrap();
        let Kind::Mapping(entries) = &root.get("o").unwrap().kind else { panic!("a map") };
        assert_eq!(entries.iter().map(|e| e.merged).collect::<Vec<_>>(), [true, false, false]);
    }
}
