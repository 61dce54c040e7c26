//! Comments that disable lints: `# bongsu disable NAME, NAME` above or inside a rule,
//! `# bongsu disable-file NAME` anywhere in a file. Words after ` -- ` say why.

use std::sync::Arc;

use bongsu_model::{Diagnostic, Place, Source};

use super::Lint;
use super::catalogue::{self, by_name};
use crate::rule::{Group, Rule};

/// The comments of all files.
pub(super) struct Comments<'a> {
    /// In order of the groups.
    files: Vec<File<'a>>,
}

struct File<'a> {
    source: &'a Arc<Source>,
    lines: Vec<&'a str>,
    /// First lines of rules and groups, from 0, ascending.
    starts: Vec<usize>,
    comments: Vec<Comment<'a>>,
}

struct Comment<'a> {
    /// From 0.
    line: usize,
    whole_file: bool,
    names: Vec<&'a str>,
}

impl<'a> Comments<'a> {
    /// Reads the files the groups are from.
    pub(super) fn of(groups: &'a [Group]) -> Self {
        let mut files: Vec<File<'_>> = Vec::new();
        for group in groups {
            let rules = group.rules.iter().map(|rule| &rule.place);
            for place in rules.chain([&group.place]).flatten() {
                // Groups of one file mostly follow each other.
                let known = files.iter().rposition(|file| file.is(&place.source));
                let at = known.unwrap_or_else(|| {
                    files.push(File::of(&place.source));
                    files.len() - 1
                });
                let start = files[at].start(place.line.saturating_sub(1));
                files[at].starts.push(start);
            }
        }
        for file in &mut files {
            file.starts.sort_unstable();
            file.starts.dedup();
        }
        Self { files }
    }

    /// Whether a comment disables `lint` for `rule`.
    pub(super) fn disable(&self, rule: &Rule, lint: &Lint) -> bool {
        let Some((file, lines)) = self.lines_of(rule) else { return false };
        file.comments.iter().any(|comment| {
            (comment.whole_file || lines.contains(&comment.line))
                && comment.names.iter().any(|name| by_name(name) == Some(lint))
        })
    }

    /// Where one of `words` stands first in the text of `rule`.
    pub(super) fn find(&self, rule: &Rule, words: &[String]) -> Option<Place> {
        let (file, lines) = self.lines_of(rule)?;
        lines.into_iter().find_map(|line| {
            let text = file.lines.get(line)?;
            let at = words.iter().find_map(|word| text.find(word.as_str()))?;
            let column = text[..at].chars().count() + 1;
            Some(Place { source: Arc::clone(file.source), line: line + 1, column })
        })
    }

    /// Names in comments that are no lint's.
    pub(super) fn report_unknown(&self, found: &mut Vec<Diagnostic>) {
        for file in &self.files {
            for comment in &file.comments {
                for name in comment.names.iter().filter(|name| by_name(name).is_none()) {
                    let place = Place {
                        source: Arc::clone(file.source),
                        line: comment.line + 1,
                        column: 1,
                    };
                    let lint = &catalogue::UNKNOWN_LINT;
                    let message = format!("no lint is called {name} ({})", lint.name);
                    let known = catalogue::LINTS.iter().map(|lint| lint.name);
                    let help = match bongsu_lang::suggest::nearest(name, known) {
                        Some(nearest) => format!("did you mean {nearest}?"),
                        None => "docs/lints.md lists all".to_owned(),
                    };
                    found.push(Diagnostic::warning(lint.code, message).at(Some(place)).help(help));
                }
            }
        }
    }

    /// The lines of a rule, from 0, comments above it included.
    fn lines_of(&self, rule: &Rule) -> Option<(&File<'a>, std::ops::Range<usize>)> {
        let place = rule.place.as_ref()?;
        let file = self.files.iter().find(|file| file.is(&place.source))?;
        let start = file.start(place.line.saturating_sub(1));
        let next = file.starts.iter().find(|other| **other > start);
        Some((file, start..next.copied().unwrap_or(file.lines.len())))
    }
}

impl<'a> File<'a> {
    fn of(source: &'a Arc<Source>) -> Self {
        let lines: Vec<&str> = source.text.lines().collect();
        let comments = lines.iter().enumerate().filter_map(|(at, line)| comment(at, line));
        Self { source, comments: comments.collect(), starts: Vec::new(), lines }
    }

    fn is(&self, source: &Arc<Source>) -> bool {
        Arc::ptr_eq(self.source, source)
    }

    /// The first line of the list entry in which `line` is, comments directly above it included.
    fn start(&self, line: usize) -> usize {
        let is = |at: usize, start: &str| {
            self.lines.get(at).is_some_and(|line| line.trim_start().starts_with(start))
        };
        let mut start = line;
        while start > 0 && !is(start, "- ") {
            start -= 1;
        }
        while start > 0 && is(start - 1, "#") {
            start -= 1;
        }
        start
    }
}

fn comment(at: usize, line: &str) -> Option<Comment<'_>> {
    let (_, text) = line.split_once("# bongsu ")?;
    let text = text.split(" -- ").next().unwrap_or_default().trim();
    let (word, names) = text.split_once(' ')?;
    let whole_file = match word {
        "disable" => false,
        "disable-file" => true,
        _ => return None,
    };
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    Some(Comment { line: at, whole_file, names })
}
