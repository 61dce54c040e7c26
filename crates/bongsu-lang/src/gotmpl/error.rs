//! Mistakes in templates, with their place.

use std::sync::Arc;

use bongsu_model::{Diagnostic, Place, Source};
use thiserror::Error;

/// A template that does not parse, or stopped while running.
///
/// `Display` is Go's wording: `template: name:line:column: executing "name" at <…>: …`.
#[derive(Clone, Debug, Error)]
#[error("{text}")]
pub struct TemplateError {
    /// The whole message as Go words it.
    pub text: String,
    /// The message without the place.
    pub message: String,
    /// Name of the template; empty for a text given inline.
    pub template: Arc<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The template text the place points into.
    pub source_text: Arc<str>,
    /// Whether it was found while parsing.
    pub syntax: bool,
}

impl TemplateError {
    /// The finding with its place; `BS1501` for syntax, `BS1502` for execution.
    pub fn diagnostic(&self) -> Diagnostic {
        let name = if self.template.is_empty() { "template" } else { &self.template };
        let source =
            Arc::new(Source { name: name.to_owned(), text: self.source_text.as_ref().to_owned() });
        let place = Place { source, line: self.line, column: self.column };
        let code = if self.syntax { "BS1501" } else { "BS1502" };
        let finding = Diagnostic::error(code, self.message.clone()).at(Some(place));
        match hint(&self.message) {
            Some(help) => finding.help(help),
            None => finding,
        }
    }
}

impl From<TemplateError> for Diagnostic {
    fn from(error: TemplateError) -> Self {
        error.diagnostic()
    }
}

/// A rendering that stopped, with what it had written until then.
#[derive(Clone, Debug, Error)]
#[error("{error}")]
pub struct RenderError {
    /// Where and why.
    #[source]
    pub error: Box<TemplateError>,
    /// Output before the mistake; Slack sends it nevertheless.
    pub partial: String,
}

impl RenderError {
    /// A mistake found before anything was written.
    pub(super) fn before_output(error: TemplateError) -> Self {
        Self { error: Box::new(error), partial: String::new() }
    }

    /// The finding with its place.
    pub fn diagnostic(&self) -> Diagnostic {
        self.error.diagnostic()
    }
}

/// What to write instead of the functions and fields people know from Helm, sprig and Grafana.
fn hint(message: &str) -> Option<&'static str> {
    const HINTS: &[(&str, &str)] = &[
        ("function \"default\" not defined", "write {{ or .X \"fallback\" }}"),
        ("function \"ternary\" not defined", "write {{ if .X }}a{{ else }}b{{ end }}"),
        ("function \"replace\" not defined", "write {{ reReplaceAll \"old\" \"new\" .X }}"),
        ("function \"trunc\" not defined", "write {{ printf \"%.20s\" .X }}"),
        ("function \"contains\" not defined", "write {{ match \"part\" .X }}"),
        ("function \"hasPrefix\" not defined", "write {{ match \"^start\" .X }}"),
        ("function \"hasSuffix\" not defined", "write {{ match \"end$\" .X }}"),
        ("function \"upper\" not defined", "the function is called toUpper"),
        ("function \"lower\" not defined", "the function is called toLower"),
        ("function \"trim\" not defined", "the function is called trimSpace"),
        ("function \"quote\" not defined", "write {{ printf \"%q\" .X }}"),
        ("function \"b64enc\" not defined", "the function is called base64encode"),
        ("field ValueString", "only Grafana has .ValueString; put the value in an annotation"),
        ("field Value ", "alerts carry no .Value; put {{ $value }} in an annotation of the rule"),
        ("field DashboardURL", "only Grafana has .DashboardURL; use an annotation"),
        ("field PanelURL", "only Grafana has .PanelURL; use an annotation"),
        ("field SilenceURL", "only Grafana has .SilenceURL; build it from .ExternalURL"),
    ];
    HINTS.iter().find(|(part, _)| message.contains(part)).map(|(_, help)| *help)
}
