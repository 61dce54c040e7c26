//! Jinja's filters and tests on JSON.
//!
//! In: the name of a filter and the shape of its arguments. Out: a [`Filter`] that gives values; the
//! filters are those of provider manifests, run by the same interpreter.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use bongsu_lang::jinja;
use serde_json::Value;

use super::Fault;

/// A filter or a test with places for its arguments.
#[derive(Debug)]
pub(crate) struct Filter {
    name: Box<str>,
    expression: jinja::Expression,
}

static OF: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("of"));

impl Filter {
    /// `None` if there is no such filter.
    pub(crate) fn named(name: &str, positional: usize, named: &[&str]) -> Option<Self> {
        Self::build("|", name, positional, named)
    }

    /// `None` if there is no such test.
    pub(crate) fn test(name: &str, positional: usize) -> Option<Self> {
        Self::build("is", name, positional, &[])
    }

    fn build(sign: &str, name: &str, positional: usize, named: &[&str]) -> Option<Self> {
        let mut text = format!("of {sign} {name}");
        if positional + named.len() > 0 {
            text.push('(');
            for at in 0..positional {
                let _ = write!(text, "a{at},");
            }
            for (at, name) in named.iter().enumerate() {
                let _ = write!(text, "{name}=a{},", positional + at);
            }
            text.push(')');
        }
        let expression = jinja::Expression::parse(&text).ok()?;
        // Names are looked up when it runs: a run on nothing tells.
        if let Err(error) = expression.eval(&jinja::Scope::default())
            && error.to_string().starts_with("unknown ")
        {
            return None;
        }
        Some(Self { name: name.into(), expression })
    }

    /// As it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is there for what is missing.
    pub(crate) fn is_default(&self) -> bool {
        matches!(&*self.name, "default" | "d")
    }

    /// Applies; what is missing is not given a value, so that `default` sees it.
    pub(crate) fn apply(
        &self,
        of: Option<&Value>,
        arguments: &[Value],
    ) -> Result<Option<Value>, Fault> {
        let mut scope = jinja::Scope::default();
        if let Some(of) = of {
            scope.set(&OF, jinja::Data::of(of));
        }
        for (at, argument) in arguments.iter().enumerate() {
            scope.set(&Arc::from(format!("a{at}")), jinja::Data::of(argument));
        }
        let data = self
            .expression
            .eval(&scope)
            .map_err(|error| Fault(format!("{}: {error}", self.name)))?;
        Ok((!data.is_missing()).then(|| data.to_json()))
    }
}
