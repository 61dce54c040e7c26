//! The tree of a template. Offsets are bytes into the template's text.

use std::fmt;
use std::sync::Arc;

/// One definition.
#[derive(Debug)]
pub(crate) struct Template {
    /// Its name; empty for a text given inline.
    pub(crate) name: Arc<str>,
    /// Name of the file it was read from.
    pub(crate) file: Arc<str>,
    /// Text of that file.
    pub(crate) source: Arc<str>,
    pub(crate) body: Vec<Node>,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Text { at: usize, text: Arc<str> },
    Action { at: usize, pipe: Pipe },
    If(Branch),
    With(Branch),
    Range(Branch),
    Template(TemplateCall),
    Break,
    Continue,
}

#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub(crate) at: usize,
    pub(crate) pipe: Pipe,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Option<Vec<Node>>,
}

#[derive(Clone, Debug)]
pub(crate) struct TemplateCall {
    pub(crate) at: usize,
    pub(crate) name: Arc<str>,
    pub(crate) pipe: Option<Pipe>,
}

#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    pub(crate) at: usize,
    /// `=` rather than `:=`.
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<Arc<str>>,
    pub(crate) commands: Vec<Command>,
}

#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) at: usize,
    pub(crate) arguments: Vec<Expression>,
}

#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) at: usize,
    pub(crate) operand: Operand,
}

#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Function(Arc<str>),
    /// `.A.B`
    Field(Vec<Arc<str>>),
    /// `$x.A.B`; the first entry has the dollar sign.
    Variable(Vec<Arc<str>>),
    /// Fields of a parenthesised pipeline or function.
    Chain(Box<Expression>, Vec<Arc<str>>),
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Number>),
    Text {
        quoted: Arc<str>,
        text: Arc<str>,
    },
    Pipe(Box<Pipe>),
}

/// A literal and everything it can be read as.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    pub(crate) text: Arc<str>,
    pub(crate) int: Option<i64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
    /// Too large for an `int` but not for an unsigned one.
    pub(crate) unsigned: bool,
}

/// Whether nothing but white space is left: such a definition does not replace another.
pub(crate) fn is_blank(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| match node {
        Node::Text { text, .. } => text.trim().is_empty(),
        _ => false,
    })
}

impl Template {
    pub(crate) fn is_blank(&self) -> bool {
        is_blank(&self.body)
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        joined(f, &self.commands, " | ")
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.arguments, " ")
    }
}

impl fmt::Display for TemplateCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{{template ")?;
        bongsu_model::go_quote(&self.name, f)?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.operand {
            Operand::Function(name) => f.write_str(name),
            Operand::Field(names) => names.iter().try_for_each(|name| write!(f, ".{name}")),
            Operand::Variable(names) => f.write_str(&names.join(".")),
            Operand::Chain(base, names) => {
                write!(f, "{base}")?;
                names.iter().try_for_each(|name| write!(f, ".{name}"))
            }
            Operand::Dot => f.write_str("."),
            Operand::Nil => f.write_str("nil"),
            Operand::Bool(b) => write!(f, "{b}"),
            Operand::Number(number) => f.write_str(&number.text),
            Operand::Text { quoted, .. } => f.write_str(quoted),
            Operand::Pipe(pipe) => write!(f, "({pipe})"),
        }
    }
}

fn joined<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], between: &str) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}
