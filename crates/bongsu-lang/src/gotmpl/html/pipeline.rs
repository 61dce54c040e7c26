//! Appending escaping functions to a pipeline.

use std::collections::HashSet;
use std::sync::Arc;

use crate::gotmpl::syntax::{Command, Expression, Operand, Pipe};

/// Whether it is one of the escaping builtins.
pub(super) fn is_predefined(name: &str) -> bool {
    matches!(name, "html" | "urlquery")
}

/// The function a command calls.
pub(super) fn function(command: &Command) -> Option<&str> {
    match &command.arguments.first()?.operand {
        Operand::Function(name) => Some(name),
        _ => None,
    }
}

/// Escapers that do the same as a builtin are known by the builtin's name.
fn normal(name: &str) -> &str {
    match name {
        "_html_template_attrescaper"
        | "_html_template_htmlescaper"
        | "_html_template_rcdataescaper" => "html",
        "_html_template_urlescaper" | "_html_template_urlnormalizer" => "urlquery",
        other => other,
    }
}

/// Whether the output of `first` needs no `second`.
fn is_redundant(first: &str, second: &str) -> bool {
    match first {
        "_html_template_commentescaper" => {
            matches!(second, "_html_template_attrescaper" | "_html_template_htmlescaper")
        }
        "_html_template_cssescaper"
        | "_html_template_jsregexpescaper"
        | "_html_template_jsstrescaper"
        | "_html_template_jstmpllitescaper"
        | "_html_template_urlescaper" => second == "_html_template_attrescaper",
        _ => false,
    }
}

/// The pipeline with the escapers at its end; one the user wrote takes the place of its equal.
pub(super) fn with_escapers(pipe: &Pipe, names: Vec<&'static str>) -> Pipe {
    let mut pipe = pipe.clone();
    if names.is_empty() {
        return pipe;
    }
    let mut names: Vec<Arc<str>> = names.into_iter().map(Arc::from).collect();
    let last = pipe.commands.last().and_then(function).filter(|n| is_predefined(n));
    if let Some(own) = last.map(Arc::<str>::from) {
        let alone = pipe.commands.len() == 1;
        let (at, arguments) = pipe.commands.last().map_or((0, 0), |c| (c.at, c.arguments.len()));
        if alone && arguments > 1 {
            // `{{ html a b }}` becomes `{{ _eval_args_ a b | html }}`.
            if let Some(first) = pipe.commands.last_mut().and_then(|c| c.arguments.first_mut()) {
                first.operand = Operand::Function(Arc::from("_eval_args_"));
            }
            pipe.commands.push(command(&own, at));
        }
        let mut same = false;
        for name in &mut names {
            if normal(name) == normal(&own) {
                *name = Arc::clone(&own);
                same = true;
            }
        }
        if same {
            pipe.commands.pop();
        }
    }
    let present: HashSet<String> =
        pipe.commands.iter().filter_map(function).map(|n| normal(n).to_owned()).collect();
    for name in names {
        if present.contains(normal(&name)) {
            continue;
        }
        let covered =
            pipe.commands.last().and_then(function).is_some_and(|n| is_redundant(n, &name));
        if !covered {
            pipe.commands.push(command(&name, pipe.at));
        }
    }
    pipe
}

fn command(name: &Arc<str>, at: usize) -> Command {
    let operand = Operand::Function(Arc::clone(name));
    Command { at, arguments: vec![Expression { at, operand }] }
}
