//! Texts, conditions and values with texts in them.

use bongsu_lang::yaml::{Kind, Node};
use serde_json::Value;

use super::{Reader, codes};
use crate::expr::{Expr, Path, ROOTS, parse_condition};
use crate::form::{Condition, Form};
use crate::text::Template;

impl Reader {
    /// A value with texts to render.
    pub(super) fn form(&mut self, node: &Node) -> Form {
        match &node.kind {
            Kind::Scalar { .. } => match node.to_value().to_json() {
                Value::String(text) => self.template(node, &text),
                value => Form::Plain(value),
            },
            Kind::Sequence(items) => {
                let items: Vec<Form> = items.iter().map(|item| self.form(item)).collect();
                simple(Form::List(items))
            }
            Kind::Mapping(_) => simple(Form::Map(self.forms(node))),
        }
    }

    /// The pairs of a map as forms.
    pub(super) fn forms(&mut self, node: &Node) -> Vec<(String, Form)> {
        let Kind::Mapping(entries) = &node.kind else {
            if !node.is_null() {
                self.mistyped(node, "a mapping");
            }
            return Vec::new();
        };
        let mut forms: Vec<(String, Form)> = Vec::new();
        for entry in entries {
            let Some(key) = entry.key.text() else {
                self.mistyped(&entry.key, "text as key");
                continue;
            };
            let form = self.form(&entry.value);
            match forms.iter_mut().find(|(known, _)| known == key) {
                Some((_, old)) => *old = form,
                None => forms.push((key.to_owned(), form)),
            }
        }
        forms
    }

    /// Values that are known before a request is made: nothing secret may be in them.
    pub(super) fn open_forms(&mut self, node: &Node) -> Vec<(String, Form)> {
        let forms = self.forms(node);
        if forms.iter().any(|(_, form)| has_reference(form)) {
            let mistake = crate::text::secret_inside(0);
            self.mistake(node, &mistake);
        }
        forms
    }

    fn template(&mut self, node: &Node, text: &str) -> Form {
        match Template::parse(text) {
            Ok(template) if template.is_literal() && template.text() == text && !is_raw(text) => {
                Form::Plain(Value::String(text.to_owned()))
            }
            Ok(template) => {
                // Names a block or a section makes itself are not known here.
                let known = |path: &Path| ROOTS.contains(&&*path.root);
                template.expressions(&mut |expr, inside| {
                    expr.paths(&mut |path| {
                        if !inside || known(path) {
                            self.paths.push((node.place, path.clone()));
                        }
                    });
                });
                let paths = template.block_paths().into_iter().filter(known);
                self.paths.extend(paths.map(|path| (node.place, path)));
                Form::Text(template)
            }
            Err(mistake) => {
                self.mistake(node, &mistake);
                Form::Plain(Value::Null)
            }
        }
    }

    /// Keeps the paths of an expression for a look at the end.
    fn remember(&mut self, node: &Node, expr: &Expr) {
        expr.paths(&mut |path| self.paths.push((node.place, path.clone())));
    }

    /// A condition; nothing written is none.
    pub(super) fn condition(&mut self, node: &Node) -> Option<Condition> {
        let Some(text) = node.text().filter(|_| !node.is_null()) else {
            if !node.is_null() {
                self.mistyped(node, "a condition");
            }
            return None;
        };
        if text.trim().is_empty() {
            return None;
        }
        self.condition_text(node, text)
    }

    pub(super) fn condition_text(&mut self, node: &Node, text: &str) -> Option<Condition> {
        match parse_condition(text) {
            Ok(expr) => {
                let mut secret = false;
                expr.paths(&mut |path| secret |= matches!(&*path.root, "secrets" | "env"));
                if secret {
                    let mistake = crate::text::secret_inside(0);
                    self.refuse(codes::SECRET, node.place, mistake.message);
                }
                self.remember(node, &expr);
                Some(Condition { text: text.trim().into(), expr })
            }
            Err(mistake) => {
                self.mistake(node, &mistake);
                None
            }
        }
    }

    /// A value that may be chosen by a condition: `{{ value }} > 0.9 ? "critical" : "info"`.
    pub(super) fn chosen(&mut self, node: &Node) -> Form {
        match &node.kind {
            Kind::Scalar { text, .. } if text.contains('?') && text.contains(':') => {
                match parse_condition(text) {
                    Ok(expr @ Expr::Choose(_)) => {
                        Form::Chosen(Condition { text: text.trim().into(), expr })
                    }
                    _ => self.form(node),
                }
            }
            Kind::Mapping(entries) => {
                let pairs =
                    entries.iter().filter_map(|entry| Some((entry.key.text()?, &entry.value)));
                let forms: Vec<(String, Form)> =
                    pairs.map(|(key, value)| (key.to_owned(), self.chosen(value))).collect();
                simple(Form::Map(forms))
            }
            _ => self.form(node),
        }
    }
}

fn is_raw(text: &str) -> bool {
    text.trim().starts_with("raw_render_without_execution(")
}

fn has_reference(form: &Form) -> bool {
    match form {
        Form::Plain(_) | Form::Chosen(_) => false,
        Form::Text(template) | Form::Keyed(template, _) => template.has_reference(),
        Form::List(items) => items.iter().any(has_reference),
        Form::Map(entries) => entries.iter().any(|(_, form)| has_reference(form)),
    }
}

/// A tree without texts to render is one value.
fn simple(form: Form) -> Form {
    if !form.is_plain() {
        return form;
    }
    Form::Plain(plain(form))
}

fn plain(form: Form) -> Value {
    match form {
        Form::Plain(value) => value,
        Form::List(items) => items.into_iter().map(plain).collect(),
        Form::Map(entries) => {
            Value::Object(entries.into_iter().map(|(key, form)| (key, plain(form))).collect())
        }
        Form::Text(_) | Form::Keyed(..) | Form::Chosen(_) => Value::Null,
    }
}
