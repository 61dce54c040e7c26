//! Functions that templates can call.

use std::collections::HashMap;

use super::limits::{Context, Limits};
use super::value::Value;

/// The Go type a parameter has; arguments are checked and literals read by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `interface {}`: anything.
    Any,
    /// Anything, including no value: the builtins' `reflect.Value`.
    Raw,
    /// `string`
    Str,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `float64`
    Float,
    /// `time.Time`
    Time,
    /// `time.Duration`
    Duration,
    /// `*time.Location`
    Zone,
    /// `[]string`
    Strings,
    /// `[]interface {}`
    List,
}

impl Parameter {
    /// Go's name of the type.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Raw => "reflect.Value",
            Self::Str => "string",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Float => "float64",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Zone => "*time.Location",
            Self::Strings => "[]string",
            Self::List => "[]interface {}",
        }
    }
}

/// Parameters of a function or method.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// In order.
    pub parameters: &'static [Parameter],
    /// Whether the last one may occur any number of times, also never.
    pub variadic: bool,
}

impl Signature {
    /// Exactly these parameters.
    pub const fn fixed(parameters: &'static [Parameter]) -> Self {
        Self { parameters, variadic: false }
    }

    /// The last parameter repeats.
    pub const fn variadic(parameters: &'static [Parameter]) -> Self {
        Self { parameters, variadic: true }
    }
}

/// What a function can reach besides its arguments.
pub struct Call<'a> {
    /// Now and the local zone.
    pub context: &'a Context,
    /// The data of the whole rendering (`$` of the outermost template).
    pub root: &'a Value,
    /// Bounds for what it builds.
    pub limits: &'a Limits,
    /// Renders another template text with the same data, at the same limits.
    pub render: &'a mut dyn FnMut(&str) -> Result<String, String>,
}

/// The body: checked arguments in, a value or the text of an error out.
pub type Body = fn(&mut Call<'_>, &[Value]) -> Result<Value, String>;

/// A named function of a [`FunctionSet`].
#[derive(Clone, Copy)]
pub struct Function {
    /// Its parameters.
    pub signature: Signature,
    /// Its body.
    pub body: Body,
}

/// The functions a family of templates may call, besides Go's builtins.
#[derive(Clone, Default)]
pub struct FunctionSet {
    functions: HashMap<&'static str, Function>,
}

impl FunctionSet {
    /// Adds a function; one of the same name is replaced.
    pub fn add(&mut self, name: &'static str, signature: Signature, body: Body) {
        self.functions.insert(name, Function { signature, body });
    }

    /// The function of that name.
    pub fn get(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }
}
