//! The built-in notification templates.

use bongsu_lang::gotmpl::{TemplateError, TemplateSet, functions};

/// `default.tmpl` and `email.tmpl` with Alertmanager's functions; user files are added on top.
///
/// # Errors
/// Never for the embedded files; the type is that of [`TemplateSet::add_file`].
pub fn default_templates() -> Result<TemplateSet, TemplateError> {
    Ok(TemplateSet::new(functions::alertmanager()))
}
