//! Texts with `{% … %}` and `{{ … }}`.
//!
//! In: a text of the configuration and a [`Scope`]. Out: a text, within limits of work and length.
//! Values print as Python prints them, and nothing prints empty, so that a list in a text looks as in
//! texts without blocks. What a value says is never read as a template.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, LazyLock};

use minijinja::value::{Object, Value};
use minijinja::{Environment, ErrorKind, State, UndefinedBehavior};
use serde_json::Value as Json;

use super::{Data, Error, FUEL, Scope, convert, filters, methods, python};

/// Bytes a template may have.
const LENGTH: usize = 256 << 10;
/// Bytes a rendered text may have.
const OUTPUT: usize = 1 << 20;
/// The name templates have in the library's messages.
const NAME: &str = "text";

static STRICT: LazyLock<Environment<'static>> = LazyLock::new(|| environment(true));
static LENIENT: LazyLock<Environment<'static>> = LazyLock::new(|| environment(false));

fn environment(strict: bool) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(50);
    filters::add(&mut environment);
    environment.set_formatter(move |out, _, value| {
        if value.is_undefined() && strict {
            let message = "a value that is printed here is missing";
            return Err(minijinja::Error::new(ErrorKind::UndefinedError, message));
        }
        if value.is_undefined() || value.is_none() {
            return Ok(());
        }
        match value.as_str() {
            Some(text) => out.write_str(text)?,
            None => out.write_str(&python::text(&convert::to_json(value)))?,
        }
        Ok(())
    });
    environment.set_unknown_method_callback(|_, value, name, arguments| {
        let arguments: Vec<Json> = arguments.iter().map(convert::to_json).collect();
        match methods::method(&convert::to_json(value), name, &arguments) {
            Some(result) => outcome(result),
            None => Err(ErrorKind::UnknownMethod.into()),
        }
    });
    environment
}

fn outcome(result: Result<Json, String>) -> Result<Value, minijinja::Error> {
    result
        .map(|json| convert::of_json(&json))
        .map_err(|why| minijinja::Error::new(ErrorKind::InvalidOperation, why))
}

/// A parsed text.
#[derive(Clone, Debug)]
pub struct Template {
    text: Arc<str>,
}

impl Template {
    /// Parses; filters are looked up when it runs.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > LENGTH {
            return Err(Error(format!("longer than {LENGTH} bytes")));
        }
        STRICT.template_from_named_str(NAME, text).map_err(|error| with_line(&error))?;
        Ok(Self { text: text.into() })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names it uses without giving them a value itself, as [`super::Expression::names`].
    pub fn names(&self) -> Vec<String> {
        let parsed = STRICT.template_from_named_str(NAME, &self.text);
        let names = parsed.map(|template| template.undeclared_variables(true));
        let mut names: Vec<String> = names.unwrap_or_default().into_iter().collect();
        names.sort();
        names
    }

    /// Renders. `strict`: printing something that is missing is an error, else it is empty.
    pub fn render(&self, scope: &Scope, strict: bool) -> Result<String, Error> {
        let environment = if strict { &STRICT } else { &LENIENT };
        let template = environment.template_from_named_str(NAME, &self.text)?;
        let mut out = Limited(Vec::new());
        let names = Value::from_dyn_object(Arc::clone(&scope.0));
        match template.render_captured_to(names, &mut out) {
            Ok(_) => String::from_utf8(out.0).map_err(|_| Error("not text".to_owned())),
            Err(_) if out.0.len() >= OUTPUT => Err(Error(format!("longer than {OUTPUT} bytes"))),
            Err(error) => Err(with_line(&error)),
        }
    }
}

fn with_line(error: &minijinja::Error) -> Error {
    let text = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    Error(match error.line() {
        Some(line) => format!("line {line}: {text}"),
        None => text,
    })
}

/// Memory that ends.
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = OUTPUT - self.0.len();
        if bytes.len() > room {
            self.0.resize(OUTPUT, b' ');
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Functions a caller adds, as methods of one name: `keep.len(…)`.
pub trait Methods: fmt::Debug + Send + Sync {
    /// Calls one with its arguments in order.
    fn call(&self, name: &str, arguments: &[Json]) -> Result<Json, String>;
}

#[derive(Debug)]
struct Host(Arc<dyn Methods>);

impl Object for Host {
    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        name: &str,
        arguments: &[Value],
    ) -> Result<Value, minijinja::Error> {
        let arguments: Vec<Json> = arguments.iter().map(convert::to_json).collect();
        outcome(self.0.call(name, &arguments))
    }
}

impl Data {
    /// A value that has nothing but methods.
    pub fn methods(host: Arc<dyn Methods>) -> Self {
        Self(Value::from_object(Host(host)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::Template;
    use crate::jinja::{Data, Scope};

    fn scope() -> Scope {
        let mut scope = Scope::default();
        let alert =
            json!({"n": 2, "on": true, "list": ["a", 1], "evil": "{{ alert.n }}", "no": null});
        scope.set(&Arc::from("alert"), Data::of(&alert));
        scope
    }

    #[test]
    fn blocks_and_values() {
        for (text, want) in [
            ("{% for x in alert.list %}{{ loop.index }}{{ x }} {% endfor %}", "1a 21 "),
            ("{% if alert.n > 1 %}many{% else %}few{% endif %}", "many"),
            ("{{ alert.on }} {{ alert.list }} {{ alert.no }}", "True ['a', 1] "),
            ("{% for k in alert.keys() %}{{ k }},{% endfor %}", "n,on,list,evil,no,"),
            ("{{ alert.evil }}", "{{ alert.n }}"),
            ("{{ alert.gone.deep | default('-') }}", "-"),
            ("{{ 1536 | filesizeformat }} {{ 2000 | filesizeformat }}", "1.5 kB 2.0 kB"),
        ] {
            let got = Template::parse(text).unwrap().render(&scope(), true);
            assert_eq!(got.unwrap(), want, "{text}");
        }
    }

    #[test]
    fn limits_and_mistakes() {
        let missing = Template::parse("a\n{{ alert.gone }}").unwrap();
        assert!(missing.render(&scope(), true).unwrap_err().to_string().starts_with("line 2: "));
        assert_eq!(missing.render(&scope(), false).unwrap(), "a\n");
        assert!(Template::parse("{% for %}").unwrap_err().to_string().starts_with("line 1: "));
        let long = "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}";
        assert!(Template::parse(long).unwrap().render(&scope(), true).is_err());
        let wide = format!("{{% for a in range(100) %}}{}{{% endfor %}}", "x".repeat(20_000));
        let error = Template::parse(&wide).unwrap().render(&scope(), true).unwrap_err();
        assert!(error.to_string().starts_with("longer than"), "{error}");
    }
}
