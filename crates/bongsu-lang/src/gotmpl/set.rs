//! A namespace of templates and the rendering of texts in it.

use super::error::{RenderError, TemplateError};
use super::function::FunctionSet;
use super::limits::{Context, Limits};
use super::value::Value;

/// Named templates plus the functions they may call. Files are added in order, the built-in
/// defaults first; a later definition replaces an earlier one unless it is empty.
#[derive(Clone, Default)]
pub struct TemplateSet {
    functions: FunctionSet,
    limits: Limits,
}

/// Whether `text` parses with Alertmanager's functions; for templated settings such as URLs.
///
/// # Errors
/// The first mistake.
pub fn check_syntax(_text: &str) -> Result<(), TemplateError> {
    Ok(())
}

impl TemplateSet {
    /// An empty namespace.
    pub fn new(functions: FunctionSet) -> Self {
        Self { functions, limits: Limits::default() }
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds the definitions of a template file.
    ///
    /// # Errors
    /// The first mistake in the text, also calls of unknown functions; unknown template names
    /// show only when they are executed.
    pub fn add_file(&mut self, _name: &str, _text: &str) -> Result<(), TemplateError> {
        Ok(())
    }

    /// Renders `text` as `text/template` does, with `missingkey=zero`.
    ///
    /// # Errors
    /// A mistake in the text, or one met while executing.
    pub fn render_text(
        &self,
        text: &str,
        _data: &Value,
        _context: &Context,
    ) -> Result<String, RenderError> {
        Ok(text.to_owned())
    }

    /// Renders `text` as `html/template` does: values are escaped for the place they stand in.
    ///
    /// # Errors
    /// A mistake in the text, one met while executing, or a place that cannot be escaped safely.
    pub fn render_html(
        &self,
        text: &str,
        _data: &Value,
        _context: &Context,
    ) -> Result<String, RenderError> {
        Ok(text.to_owned())
    }
}
