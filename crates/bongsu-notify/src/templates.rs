//! The built-in notification templates.
//!
//! In: nothing but the embedded files. Out: a [`TemplateSet`] to which user files are added.

use bongsu_lang::gotmpl::{TemplateError, TemplateSet, functions};

const DEFAULT: &str = include_str!("../../../content/templates/default.tmpl");
const EMAIL: &str = include_str!("../../../content/templates/email.tmpl");

/// `default.tmpl` and `email.tmpl` with Alertmanager's functions; user files are added on top.
///
/// # Errors
/// Never for the embedded files; the type is that of [`TemplateSet::add_file`].
pub fn default_templates() -> Result<TemplateSet, TemplateError> {
    let mut set = TemplateSet::new(functions::alertmanager());
    set.add_file("default.tmpl", DEFAULT)?;
    set.add_file("email.tmpl", EMAIL)?;
    Ok(set)
}
