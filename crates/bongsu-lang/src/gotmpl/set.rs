//! A namespace of templates and the rendering of texts in it.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::{RenderError, TemplateError};
use super::function::{Function, FunctionSet};
use super::functions;
use super::html;
use super::limits::{Context, Limits};
use super::run::{Budget, Namespace, World, is_builtin, run};
use super::syntax::{Template, parse};
use super::value::Value;

/// Named templates plus the functions they may call. Files are added in order, the built-in
/// defaults first; a later definition replaces an earlier one unless it is empty.
///
/// Cloning is cheap enough for a configuration reload: the trees are shared.
#[derive(Clone, Default)]
pub struct TemplateSet {
    functions: FunctionSet,
    limits: Limits,
    templates: HashMap<Arc<str>, Arc<Template>>,
}

/// Whether `text` parses with Alertmanager's functions; for templated settings such as URLs.
///
/// # Errors
/// The first mistake.
pub fn check_syntax(text: &str) -> Result<(), TemplateError> {
    if !text.contains("{{") {
        return Ok(());
    }
    TemplateSet::new(functions::alertmanager()).check_text(text)
}

impl TemplateSet {
    /// An empty namespace.
    pub fn new(functions: FunctionSet) -> Self {
        Self { functions, limits: Limits::default(), templates: HashMap::new() }
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds the definitions of a template file, also the file's own text under its name.
    ///
    /// # Errors
    /// The first mistake in the text, also calls of unknown functions; unknown template names
    /// show only when they are executed.
    pub fn add_file(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        for template in self.parse(name, text)? {
            let known = self.templates.contains_key(&template.name);
            if !(known && template.is_blank()) {
                self.templates.insert(Arc::clone(&template.name), Arc::new(template));
            }
        }
        Ok(())
    }

    /// Whether a template of that name is defined.
    pub fn defines(&self, name: &str) -> bool {
        self.templates.contains_key(name)
    }

    /// Whether `text` parses with the set's functions.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check_text(&self, text: &str) -> Result<(), TemplateError> {
        self.check_named("", text)
    }

    /// [`Self::check_text`] of a text that errors call by a name.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check_named(&self, name: &str, text: &str) -> Result<(), TemplateError> {
        self.parse(name, text).map(|_| ())
    }

    /// Renders `text` as `text/template` does, with `missingkey=zero`. A text without `{{` is
    /// returned as it is.
    ///
    /// # Errors
    /// A mistake in the text, or one met while executing.
    pub fn render_text(
        &self,
        text: &str,
        data: &Value,
        context: &Context,
    ) -> Result<String, RenderError> {
        self.render_named("", text, data, context)
    }

    /// [`Self::render_text`] of a text that errors call by a name.
    ///
    /// # Errors
    /// A mistake in the text, or one met while executing.
    pub fn render_named(
        &self,
        name: &str,
        text: &str,
        data: &Value,
        context: &Context,
    ) -> Result<String, RenderError> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let overlay = self.overlay(name, text)?;
        let Some(main) = overlay.main().cloned() else { return Ok(String::new()) };
        let world = World { names: &overlay, context, limits: &self.limits, root: data };
        run(world, &main, &mut Budget::new(&self.limits))
    }

    /// Renders `text` as `html/template` does: values are escaped for the place they stand in.
    ///
    /// # Errors
    /// A mistake in the text, one met while executing, or a place that cannot be escaped safely.
    pub fn render_html(
        &self,
        text: &str,
        data: &Value,
        context: &Context,
    ) -> Result<String, RenderError> {
        let overlay = self.overlay("", text)?;
        let Some(main) = overlay.template("") else { return Ok(String::new()) };
        let lookup = |name: &str| overlay.template(name);
        let templates =
            html::escape(main, &lookup, &self.limits).map_err(RenderError::before_output)?;
        let Some(main) = templates.get("").cloned() else { return Ok(String::new()) };
        let names = Escaped { templates, set: self };
        let world = World { names: &names, context, limits: &self.limits, root: data };
        run(world, &main, &mut Budget::new(&self.limits))
    }

    fn parse(&self, name: &str, text: &str) -> Result<Vec<Template>, TemplateError> {
        let known = |name: &str| is_builtin(name) || self.functions.get(name).is_some();
        parse(name, text, &known, &self.limits)
    }

    /// The set plus the definitions of a text.
    fn overlay(&self, name: &str, text: &str) -> Result<Overlay<'_>, RenderError> {
        let parsed = self.parse(name, text).map_err(RenderError::before_output)?;
        let own = parsed
            .into_iter()
            .filter(|t| !(t.is_blank() && self.templates.contains_key(&t.name)))
            .map(Arc::new)
            .collect();
        Ok(Overlay { own, set: self })
    }
}

/// A text's own definitions before those of the set.
struct Overlay<'a> {
    own: Vec<Arc<Template>>,
    set: &'a TemplateSet,
}

impl Overlay<'_> {
    /// The text itself: the parser puts it last.
    fn main(&self) -> Option<&Arc<Template>> {
        self.own.last()
    }
}

impl Namespace for Overlay<'_> {
    fn template(&self, name: &str) -> Option<&Arc<Template>> {
        self.own.iter().find(|t| &*t.name == name).or_else(|| self.set.templates.get(name))
    }
    fn function(&self, name: &str) -> Option<&Function> {
        self.set.functions.get(name)
    }
    fn functions(&self) -> &FunctionSet {
        &self.set.functions
    }
}

/// The escaped forms of what an HTML rendering calls.
struct Escaped<'a> {
    templates: HashMap<Arc<str>, Arc<Template>>,
    set: &'a TemplateSet,
}

impl Namespace for Escaped<'_> {
    fn template(&self, name: &str) -> Option<&Arc<Template>> {
        self.templates.get(name)
    }
    fn function(&self, name: &str) -> Option<&Function> {
        self.set.functions.get(name)
    }
    fn functions(&self) -> &FunctionSet {
        &self.set.functions
    }
}
