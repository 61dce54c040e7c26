//! Instances from variables, as Keep reads them.

use bongsu_model::{Diagnostic, Source};

use super::{ProvidersFile, codes, read};

/// Variable with a map of instances.
const ALL: &str = "KEEP_PROVIDERS";

/// What the variables of single instances begin with.
const ONE: &str = "KEEP_PROVIDER_";

/// Reads `KEEP_PROVIDERS` (the map of instances as JSON) and `KEEP_PROVIDER_<NAME>` (one
/// instance, its name in lower case with `-` for `_`); a single one wins over the map. A
/// `KEEP_PROVIDERS` that holds no JSON is the path of a file, which the caller reads: see
/// [`path_in_variables`]. Places name the variable; its text is never quoted.
///
/// # Errors
/// Every mistake in every variable.
pub fn from_variables(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<(ProvidersFile, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (mut all, mut single) = (ProvidersFile::default(), ProvidersFile::default());
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    for (variable, text) in variables {
        let source = Source { name: variable, text };
        let loaded = if source.name == ALL {
            if !is_inline(&source.text) {
                continue;
            }
            read::file(&source)
        } else if let Some(name) = source.name.strip_prefix(ONE) {
            let name = name.replace('_', "-").to_lowercase();
            match source.text.trim() {
                "" => Err(vec![Diagnostic::error(
                    codes::MISSING,
                    format!("{} is empty", source.name),
                )]),
                _ => read::single(&name, &source),
            }
        } else {
            continue;
        };
        match loaded {
            Ok((file, more)) => {
                warnings.extend(more.into_iter().map(unquoted));
                let target = if source.name == ALL { &mut all } else { &mut single };
                *target = std::mem::take(target).overlaid(file);
            }
            Err(more) => found.extend(more.into_iter().map(unquoted)),
        }
    }
    if found.is_empty() { Ok((all.overlaid(single), warnings)) } else { Err(found) }
}

/// The path of a file of instances, if `KEEP_PROVIDERS` holds one.
pub fn path_in_variables(lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
    lookup(ALL).map(|text| text.trim().to_owned()).filter(|t| !t.is_empty() && !is_inline(t))
}

fn is_inline(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// A variable is one long line, of which an excerpt would say nothing.
fn unquoted(mut diagnostic: Diagnostic) -> Diagnostic {
    if let Some(place) = &mut diagnostic.place {
        let name = place.source.name.clone();
        place.source = std::sync::Arc::new(Source { name, text: String::new() });
    }
    diagnostic
}
