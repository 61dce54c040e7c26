//! The one shape in which a mistake in something a user wrote is reported.

use std::fmt::Write;
use std::sync::Arc;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; does not stop anything.
    Warning,
    /// The input is refused.
    Error,
}

/// A named text, for excerpts.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// File name as the user gave it.
    pub name: String,
    /// Whole text.
    pub text: String,
}

/// Where in a source, 1-based; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The text pointed into.
    pub source: Arc<Source>,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// One finding about something a user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, `BS` and four digits.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// Where, if it has a place.
    pub place: Option<Place>,
    /// One sentence: what is wrong. For Alertmanager files, the words `amtool` uses.
    pub message: String,
    /// One sentence: what to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, place: None, message: message.into(), help: None }
    }

    /// A warning without a place.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds the place.
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// Adds the hint.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it refuses the input.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// `file:line:column: message [BS1203] (help)` on one line, for logs and plain answers.
    pub fn on_one_line(&self) -> String {
        let mut out = String::new();
        if let Some(place) = &self.place {
            let _ = write!(out, "{}:{}:{}: ", place.source.name, place.line, place.column);
        }
        let _ = write!(out, "{} [{}]", self.message, self.code);
        if let Some(help) = &self.help {
            let _ = write!(out, " ({help})");
        }
        out.replace('\n', " ")
    }

    /// `error[BS1203]: message`, then `  --> file:line:column`, the line with a caret, the help.
    pub fn render(&self) -> String {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut out = format!("{word}[{}]: {}\n", self.code, self.message);
        if let Some(place) = &self.place {
            let _ = writeln!(out, "  --> {}:{}:{}", place.source.name, place.line, place.column);
            if let Some(line) = place.source.text.lines().nth(place.line.saturating_sub(1)) {
                let gutter = place.line.to_string();
                let blank = " ".repeat(gutter.len());
                let indent: String = line
                    .chars()
                    .take(place.column.saturating_sub(1))
                    .map(|c| if c == '\t' { '\t' } else { ' ' })
                    .collect();
                let _ = writeln!(out, " {blank} |\n {gutter} | {line}\n {blank} | {indent}^");
            }
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "  help: {help}");
        }
        out
    }
}

/// All findings, in file order, separated by blank lines.
pub fn render_diagnostics(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_at_the_column() {
        let source =
            Arc::new(Source { name: "a.yml".into(), text: "route:\n  recever: x\n".into() });
        let place = Some(Place { source, line: 2, column: 3 });
        let finding =
            Diagnostic::error("BS1001", "unknown key").at(place).help("did you mean receiver?");
        let line = finding.on_one_line();
        assert_eq!(line, "a.yml:2:3: unknown key [BS1001] (did you mean receiver?)");
        let text = finding.render();
        insta::assert_snapshot!(text, @r"
        error[BS1001]: unknown key
          --> a.yml:2:3
           |
         2 |   recever: x
           |   ^
          help: did you mean receiver?
        ");
    }
}
