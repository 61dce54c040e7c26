//! Executes trees.

mod arguments;
mod budget;
mod builtins;
mod calls;
mod compare;
mod escape;
mod expressions;
mod nodes;

use std::sync::Arc;

use super::error::{RenderError, TemplateError};
use super::function::{Function, FunctionSet};
use super::limits::{Context, Limits};
use super::syntax::{Command, Expression, Pipe, Template, TemplateCall, parse, place};
use super::value::Value;

pub(super) use budget::Budget;
pub(super) use builtins::is_builtin;
pub(super) use escape::url_query;

/// Where templates and functions come from.
pub(super) trait Namespace {
    /// The definition of that name.
    fn template(&self, name: &str) -> Option<&Arc<Template>>;
    /// A function that is not a builtin.
    fn function(&self, name: &str) -> Option<&Function>;
    /// All functions, for parsing further texts.
    fn functions(&self) -> &FunctionSet;
}

/// What stays the same during one rendering.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) names: &'a dyn Namespace,
    pub(super) context: &'a Context,
    pub(super) limits: &'a Limits,
    pub(super) root: &'a Value,
}

/// Runs `template` on the root data and returns its output.
pub(super) fn run(
    world: World<'_>,
    template: &Arc<Template>,
    budget: &mut Budget,
) -> Result<String, RenderError> {
    let mut machine = Machine {
        world,
        template,
        out: String::new(),
        variables: vec![("$", world.root.clone())],
        at: Spot { at: 0, node: Shown::Nothing },
        budget,
    };
    match machine.nodes(world.root, &template.body) {
        Ok(_) => Ok(machine.out),
        Err(error) => Err(RenderError { error, partial: machine.out }),
    }
}

/// What an error message quotes.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Nothing,
    Expression(&'a Expression),
    Command(&'a Command),
    Pipe(&'a Pipe),
    Call(&'a TemplateCall),
}

/// The node being executed.
#[derive(Clone, Copy)]
struct Spot<'a> {
    at: usize,
    node: Shown<'a>,
}

type Stop = Box<TemplateError>;
type Outcome<T> = Result<T, Stop>;

struct Machine<'a, 'b> {
    world: World<'a>,
    template: &'a Arc<Template>,
    out: String,
    variables: Vec<(&'a str, Value)>,
    at: Spot<'a>,
    budget: &'b mut Budget,
}

impl<'a> Machine<'a, '_> {
    fn at_expression(&mut self, expression: &'a Expression) {
        self.at = Spot { at: expression.at, node: Shown::Expression(expression) };
    }

    fn at_command(&mut self, command: &'a Command) {
        self.at = Spot { at: command.at, node: Shown::Command(command) };
    }

    fn at_pipe(&mut self, pipe: &'a Pipe) {
        self.at = Spot { at: pipe.at, node: Shown::Pipe(pipe) };
    }

    /// An error at the current node, worded as Go words it.
    #[cold]
    fn fail<T>(&self, message: impl Into<String>) -> Outcome<T> {
        let message = message.into();
        let template = self.template;
        let shown = match self.at.node {
            Shown::Nothing => String::new(),
            Shown::Expression(expression) => expression.to_string(),
            Shown::Command(command) => command.to_string(),
            Shown::Pipe(pipe) => pipe.to_string(),
            Shown::Call(call) => call.to_string(),
        };
        let (line, column) = place(&template.source, self.at.at);
        let start = template.source[..self.at.at.min(template.source.len())]
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let text = format!(
            "template: {}:{line}:{}: executing {:?} at <{shown}>: {message}",
            template.file,
            self.at.at.saturating_sub(start),
            template.name,
        );
        Err(Box::new(TemplateError {
            text,
            message,
            template: Arc::clone(&template.name),
            line,
            column,
            source_text: Arc::clone(&template.source),
            syntax: false,
        }))
    }

    /// Counts work; an endless template ends here.
    fn spend(&mut self, steps: u64) -> Outcome<()> {
        match self.budget.spend(steps) {
            Ok(()) => Ok(()),
            Err(message) => self.fail(message),
        }
    }

    /// Renders a further text with the same data: what `routeLabels` does.
    fn render(world: World<'_>, budget: &mut Budget, text: &str) -> Result<String, String> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let functions = world.names.functions();
        let known = |name: &str| is_builtin(name) || functions.get(name).is_some();
        let templates = parse("", text, &known, world.limits).map_err(|error| error.to_string())?;
        let Some(main) = templates.into_iter().last() else { return Ok(String::new()) };
        budget.enter(world.limits)?;
        let result = run(world, &Arc::new(main), budget).map_err(|error| error.to_string());
        budget.leave();
        result
    }
}
