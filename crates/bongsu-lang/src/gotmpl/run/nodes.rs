//! Statements: text, actions, branches, loops, template calls.

use std::sync::Arc;

use super::{Machine, Outcome, Shown, Spot};
use crate::gotmpl::gofmt;
use crate::gotmpl::syntax::{Branch, Node, TemplateCall};
use crate::gotmpl::value::{Shape, Value};

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl<'a> Machine<'a, '_> {
    pub(super) fn nodes(&mut self, dot: &Value, nodes: &'a [Node]) -> Outcome<Flow> {
        if let Err(message) = self.budget.descend() {
            return self.fail(message);
        }
        let mut flow = Flow::Next;
        for node in nodes {
            flow = self.node(dot, node)?;
            if flow != Flow::Next {
                break;
            }
        }
        self.budget.ascend();
        Ok(flow)
    }

    fn node(&mut self, dot: &Value, node: &'a Node) -> Outcome<Flow> {
        self.spend(1)?;
        match node {
            Node::Text { at, text } => {
                self.at = Spot { at: *at, node: Shown::Nothing };
                self.write(text)?;
            }
            Node::Action { pipe, .. } => {
                let value = self.pipe(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.at_pipe(pipe);
                    match &value {
                        Value::Str(text) | Value::Text(_, text) => self.write(text)?,
                        other => self.write(&gofmt::printed(other))?,
                    }
                }
            }
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template(call) => self.call_template(dot, call)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn write(&mut self, text: &str) -> Outcome<()> {
        if self.out.len() + text.len() > self.world.limits.output {
            let most = self.world.limits.output;
            return self.fail(format!("output is longer than {most} bytes"));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn branch(&mut self, dot: &Value, branch: &'a Branch, moves_dot: bool) -> Outcome<Flow> {
        let known = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let flow = if value.is_true() {
            self.nodes(if moves_dot { &value } else { dot }, &branch.body)?
        } else if let Some(otherwise) = &branch.otherwise {
            self.nodes(dot, otherwise)?
        } else {
            Flow::Next
        };
        self.variables.truncate(known);
        Ok(flow)
    }

    fn range(&mut self, dot: &Value, branch: &'a Branch) -> Outcome<Flow> {
        let known = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        let turns = self.variables.len();
        self.at_pipe(&branch.pipe);
        let mut ran = false;
        for turn in self.turns(&value)? {
            let (index, element) = turn.resolve(&value);
            ran = true;
            self.spend(1)?;
            self.bind(branch, index, &element)?;
            let flow = self.nodes(&element, &branch.body)?;
            self.variables.truncate(turns);
            if flow == Flow::Break {
                break;
            }
        }
        self.variables.truncate(known);
        match &branch.otherwise {
            Some(otherwise) if !ran => self.nodes(dot, otherwise),
            _ => Ok(Flow::Next),
        }
    }

    /// The loop variables of one turn. With two the first is the index, with one it is the element.
    fn bind(&mut self, branch: &'a Branch, index: Value, element: &Value) -> Outcome<()> {
        let pipe = &branch.pipe;
        let top = self.variables.len();
        match (pipe.variables.as_slice(), pipe.assigns) {
            ([], _) => {}
            ([only], true) => self.assign(only, element.clone())?,
            ([first, second, ..], true) => {
                self.assign(first, index)?;
                self.assign(second, element.clone())?;
            }
            ([_], false) => self.variables[top - 1].1 = element.clone(),
            ([..], false) => {
                self.variables[top - 1].1 = element.clone();
                self.variables[top - 2].1 = index;
            }
        }
        Ok(())
    }

    fn turns(&self, value: &Value) -> Outcome<Turns> {
        match value {
            Value::Absent | Value::Nil => Ok(Turns::Count(0..0)),
            Value::Int(n, _) => Ok(Turns::Number(0..(*n).max(0))),
            Value::List(list) => Ok(Turns::Count(0..list.items().len())),
            Value::Map(map) => {
                Ok(Turns::Keys(map.entries().keys().cloned().collect::<Vec<_>>().into_iter()))
            }
            Value::Object(object) => match object.shape() {
                Shape::List => Ok(Turns::Count(0..object.len())),
                Shape::Map => Ok(Turns::Keys(object.keys().into_iter())),
                _ => self.cannot_range(value),
            },
            _ => self.cannot_range(value),
        }
    }

    fn cannot_range<T>(&self, value: &Value) -> Outcome<T> {
        self.fail(format!("range can't iterate over {}", gofmt::display(value)))
    }

    fn call_template(&mut self, dot: &Value, call: &'a TemplateCall) -> Outcome<()> {
        self.at = Spot { at: call.at, node: Shown::Call(call) };
        let Some(template) = self.world.names.template(&call.name) else {
            return self.fail(format!("template {:?} not defined", &*call.name));
        };
        let data = match &call.pipe {
            Some(pipe) => self.pipe(dot, pipe)?,
            None => Value::Absent,
        };
        self.at = Spot { at: call.at, node: Shown::Call(call) };
        if let Err(message) = self.budget.enter(self.world.limits) {
            return self.fail(message);
        }
        // The called template sees none of the caller's variables.
        let variables = std::mem::replace(&mut self.variables, vec![("$", data.clone())]);
        let caller = std::mem::replace(&mut self.template, template);
        self.nodes(&data, &template.body)?;
        self.template = caller;
        self.variables = variables;
        self.budget.leave();
        Ok(())
    }
}

/// What a loop runs over.
enum Turns {
    Count(std::ops::Range<usize>),
    Number(std::ops::Range<i64>),
    Keys(std::vec::IntoIter<Arc<str>>),
}

/// One turn, before the element is fetched.
enum Turn {
    Index(usize),
    Number(i64),
    Key(Arc<str>),
}

impl Iterator for Turns {
    type Item = Turn;
    fn next(&mut self) -> Option<Turn> {
        match self {
            Self::Count(range) => range.next().map(Turn::Index),
            Self::Number(range) => range.next().map(Turn::Number),
            Self::Keys(keys) => keys.next().map(Turn::Key),
        }
    }
}

impl Turn {
    /// Index and element.
    fn resolve(self, value: &Value) -> (Value, Value) {
        match (self, value) {
            (Self::Number(n), _) => (Value::int(n), Value::int(n)),
            (Self::Index(i), Value::List(list)) => {
                (Value::int(i as i64), list.items().get(i).cloned().unwrap_or_default())
            }
            (Self::Index(i), Value::Object(object)) => {
                (Value::int(i as i64), object.item(i).unwrap_or_default())
            }
            (Self::Key(key), Value::Map(map)) => {
                let element = map.entries().get(&key).cloned().unwrap_or_default();
                (Value::Str(key), element)
            }
            (Self::Key(key), Value::Object(object)) => {
                let element = object.entry(&key).unwrap_or_default();
                (Value::Str(key), element)
            }
            _ => (Value::Absent, Value::Absent),
        }
    }
}
