//! Which names the expressions of a place may use.

use bongsu_lang::jinja::Expression;
use bongsu_lang::yaml::Node;

use super::Reader;
use crate::manifest::Operation;

/// The names of a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed {
    /// The settings: what may stand after `auth.`.
    pub(super) settings: Vec<String>,
    /// What may stand after `params.`; anything, if not said.
    pub(super) params: Option<Vec<String>>,
    /// What may stand after `before.`.
    pub(super) before: Vec<String>,
    /// Whether the elements of a list are gone through.
    pub(super) each: bool,
    /// Names that stand alone.
    pub(super) roots: &'static [&'static str],
}

/// Before there is an answer, and after.
pub(super) const ASKING: &[&str] = &["auth", "params", "now"];
pub(super) const ANSWERED: &[&str] = &["auth", "params", "now", "status", "headers", "body"];
/// The same of a pull.
pub(super) const PULLING: &[&str] = &["auth", "now", "cursor"];
pub(super) const PULLED: &[&str] = &["auth", "now", "cursor", "status", "headers", "body", "items"];
/// Of a request that came in.
pub(super) const INCOMING: &[&str] = &["auth", "body", "headers", "query"];

/// What minijinja has by itself.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace"];

impl Reader {
    /// Other names from here on.
    pub(super) fn allow(&mut self, roots: &'static [&'static str]) {
        if let Some(allowed) = &mut self.allowed {
            allowed.roots = roots;
        }
    }

    /// Whether the element and its place in the list have names from here on.
    pub(super) fn allow_each(&mut self, each: bool) {
        if let Some(allowed) = &mut self.allowed {
            allowed.each = each;
        }
    }

    /// The requests that have come before from here on.
    pub(super) fn allow_before(&mut self, names: &[Operation]) {
        if let Some(allowed) = &mut self.allowed {
            allowed.before = names.iter().map(|before| before.name.clone()).collect();
        }
    }

    pub(super) fn check_names(&mut self, node: &Node, expression: &Expression) {
        let Some(allowed) = self.allowed.clone() else { return };
        let mut roots = allowed.roots.to_vec();
        if !allowed.before.is_empty() {
            roots.push("before");
        }
        if allowed.each {
            roots.extend(["item", "at"]);
        }
        for name in expression.names() {
            let mut parts = name.split('.');
            let (root, key) = (parts.next().unwrap_or_default(), parts.next());
            if FUNCTIONS.contains(&root) {
                continue;
            }
            if !roots.contains(&root) {
                let message = format!(
                    "{root} is not a name here: there are {}; a text has quotes of its own",
                    roots.join(", ")
                );
                self.refuse_word("BS1407", node.place, message, root, roots.iter().copied());
                continue;
            }
            let (known, section) = match (root, &allowed.params) {
                ("auth", _) => (&allowed.settings, "auth"),
                ("params", Some(params)) => (params, "the params of this operation"),
                ("before", _) => (&allowed.before, "what comes before"),
                _ => continue,
            };
            if let Some(key) = key.filter(|key| !known.iter().any(|name| name == key)) {
                let message = format!("{root}.{key} is not declared in {section}");
                let words = known.iter().map(String::as_str);
                self.refuse_word("BS1407", node.place, message, key, words);
            }
        }
    }
}
