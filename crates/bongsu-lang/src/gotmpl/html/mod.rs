//! `html/template`: every value is escaped for the place it stands in.
//!
//! In: parsed templates. Out: the same trees with escaping functions added to their pipelines,
//! comments dropped and stray `<` escaped; then they run like any other template. A place that
//! cannot be understood, and branches that end in different places, are errors.

mod attributes;
mod context;
mod css;
mod escapers;
mod js;
mod pipeline;
mod rewrite;
mod strip;
mod text;
mod transition;
mod url;

pub(super) use escapers::escaper;
pub(super) use rewrite::escape;
