//! Walks the trees, tracks the place and appends the escaping functions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::context::{Context, Delim, State, UrlPart};
use super::pipeline::{function, is_predefined, with_escapers};
use super::text::follow;
use crate::gotmpl::error::TemplateError;
use crate::gotmpl::limits::Limits;
use crate::gotmpl::syntax::{Branch, Node, Pipe, Template, TemplateCall, place};

/// The escaped form of `main` and of every template it calls, by (mangled) name.
///
/// # Errors
/// A place that cannot be escaped safely, branches that end in different places, or a called
/// template that does not exist.
pub(in crate::gotmpl) fn escape<'a>(
    main: &'a Arc<Template>,
    lookup: &'a dyn Fn(&str) -> Option<&'a Arc<Template>>,
    limits: &Limits,
) -> Result<HashMap<Arc<str>, Arc<Template>>, TemplateError> {
    let mut rewriter = Rewriter {
        lookup,
        done: Progress::default(),
        current: main,
        loops: Vec::new(),
        steps: limits.steps / 4,
        depth: 0,
    };
    let (after, _) = rewriter.template(&Context::default(), &main.name, 0)?;
    if after.state != State::Text {
        let message = format!("ends in a non-text context: {after:?}");
        return Err(rewriter.error(0, message));
    }
    Ok(rewriter.done.escaped)
}

/// Results so far; put back when an assumption turns out wrong.
#[derive(Clone, Default)]
struct Progress {
    escaped: HashMap<Arc<str>, Arc<Template>>,
    /// The place after each template, first assumed to be the place before it.
    after: HashMap<Arc<str>, Context>,
    called: HashSet<Arc<str>>,
}

struct Rewriter<'a> {
    lookup: &'a dyn Fn(&str) -> Option<&'a Arc<Template>>,
    done: Progress,
    /// The template being walked, for error places.
    current: &'a Arc<Template>,
    /// Places at `break` and `continue` of each enclosing loop.
    loops: Vec<Vec<Context>>,
    /// Nodes still allowed to be visited: nested loops are walked twice each.
    steps: u64,
    depth: usize,
}

type Outcome<T> = Result<T, TemplateError>;

/// Templates inside templates that are followed.
const MOST_NESTED: usize = 60;

impl<'a> Rewriter<'a> {
    fn error(&self, at: usize, message: impl Into<String>) -> TemplateError {
        let message = message.into();
        let template = self.current;
        let (line, column) = place(&template.source, at);
        TemplateError {
            text: format!("html/template:{}:{line}: {message}", template.name),
            message,
            template: Arc::clone(&template.name),
            line,
            column,
            source_text: Arc::clone(&template.source),
            syntax: false,
        }
    }

    /// Escapes a template for the place it is called from; gives the place after it and the name
    /// of the escaped form.
    fn template(
        &mut self,
        context: &Context,
        name: &Arc<str>,
        at: usize,
    ) -> Outcome<(Context, Arc<str>)> {
        let mangled = match context.state {
            State::Text => Arc::clone(name),
            _ => Arc::from(format!("{name}$htmltemplate_{context:?}")),
        };
        self.done.called.insert(Arc::clone(&mangled));
        if let Some(after) = self.done.after.get(&mangled) {
            return Ok((after.clone(), mangled));
        }
        let Some(template) = (self.lookup)(name) else {
            return Err(self.error(at, format!("no such template {:?}", &**name)));
        };
        if self.depth >= MOST_NESTED {
            return Err(self.error(at, "templates are nested too deeply"));
        }
        self.depth += 1;
        let caller = std::mem::replace(&mut self.current, template);
        let loops = std::mem::take(&mut self.loops);
        let after = self.body(context, &mangled)?;
        self.loops = loops;
        self.current = caller;
        self.depth -= 1;
        Ok((after, mangled))
    }

    /// The place after the current template. A recursive one is assumed to end where it begins;
    /// if that is wrong, where the first attempt ended.
    fn body(&mut self, context: &Context, mangled: &Arc<str>) -> Outcome<Context> {
        let first = match self.attempt(context, context, mangled)? {
            (after, true) => return Ok(after),
            (after, false) => after,
        };
        match self.attempt(context, &first, mangled)? {
            (after, true) => Ok(after),
            (_, false) => {
                let name = &self.current.name;
                Err(self.error(0, format!("cannot compute output context for template {name}")))
            }
        }
    }

    fn attempt(
        &mut self,
        context: &Context,
        assumed: &Context,
        mangled: &Arc<str>,
    ) -> Outcome<(Context, bool)> {
        let before = self.done.clone();
        self.done.called.remove(mangled);
        self.done.after.insert(Arc::clone(mangled), assumed.clone());
        let template = self.current;
        let (after, body) = self.list(context, &template.body)?;
        if self.done.called.contains(mangled) && after != *assumed {
            self.done = before;
            return Ok((after, false));
        }
        self.done.called.extend(before.called);
        self.done.after.insert(Arc::clone(mangled), after.clone());
        let escaped = Template {
            name: Arc::clone(&template.name),
            file: Arc::clone(&template.file),
            source: Arc::clone(&template.source),
            body,
        };
        self.done.escaped.insert(Arc::clone(mangled), Arc::new(escaped));
        Ok((after, true))
    }

    fn list(&mut self, context: &Context, nodes: &'a [Node]) -> Outcome<(Context, Vec<Node>)> {
        let mut context = context.clone();
        let mut out = Vec::with_capacity(nodes.len());
        for node in nodes {
            self.steps = match self.steps.checked_sub(1) {
                Some(left) => left,
                None => return Err(self.error(0, "template takes too many steps to escape")),
            };
            let (after, node) = self.node(&context, node)?;
            out.push(node);
            context = after;
            if context.state == State::Dead {
                break;
            }
        }
        Ok((context, out))
    }

    fn node(&mut self, context: &Context, node: &'a Node) -> Outcome<(Context, Node)> {
        match node {
            Node::Text { at, text } => {
                let (after, text) =
                    follow(context, text).map_err(|message| self.error(*at, message))?;
                Ok((after, Node::Text { at: *at, text }))
            }
            Node::Action { at, pipe } => {
                let (after, pipe) = self.action(context, pipe, *at)?;
                Ok((after, Node::Action { at: *at, pipe }))
            }
            Node::If(branch) => {
                let (after, branch) = self.branch(context, branch, "if")?;
                Ok((after, Node::If(branch)))
            }
            Node::With(branch) => {
                let (after, branch) = self.branch(context, branch, "with")?;
                Ok((after, Node::With(branch)))
            }
            Node::Range(branch) => {
                let (after, branch) = self.branch(context, branch, "range")?;
                Ok((after, Node::Range(branch)))
            }
            Node::Template(call) => {
                let (after, name) = self.template(context, &call.name, call.at)?;
                Ok((after, Node::Template(TemplateCall { name, ..call.clone() })))
            }
            Node::Break | Node::Continue => {
                if let Some(places) = self.loops.last_mut() {
                    places.push(context.clone());
                }
                Ok((Context { state: State::Dead, ..Context::default() }, node.clone()))
            }
        }
    }

    fn branch(
        &mut self,
        context: &Context,
        branch: &'a Branch,
        word: &str,
    ) -> Outcome<(Context, Branch)> {
        let looping = word == "range";
        let (mut after, body) = match looping {
            true => self.turn(context, branch)?,
            false => self.list(context, &branch.body)?,
        };
        if looping {
            // A second turn must leave the loop where the first one did.
            let before = self.done.clone();
            let (again, _) = self.turn(&after, branch).map_err(on_re_entry)?;
            self.done = before;
            after = self.join(&after, &again, branch.at, "on range loop re-entry: ", word)?;
        }
        let (other, otherwise) = match &branch.otherwise {
            Some(nodes) => {
                let (other, nodes) = self.list(context, nodes)?;
                (other, Some(nodes))
            }
            None => (context.clone(), None),
        };
        let after = self.join(&after, &other, branch.at, "", word)?;
        Ok((after, Branch { at: branch.at, pipe: branch.pipe.clone(), body, otherwise }))
    }

    /// One turn of a loop, with the places at which it is left early.
    fn turn(&mut self, context: &Context, branch: &'a Branch) -> Outcome<(Context, Vec<Node>)> {
        self.loops.push(Vec::new());
        let (mut after, body) = self.list(context, &branch.body)?;
        for early in self.loops.pop().unwrap_or_default() {
            after = self.join(&after, &early, branch.at, "", "range")?;
        }
        Ok((after, body))
    }

    fn join(
        &self,
        a: &Context,
        b: &Context,
        at: usize,
        prefix: &str,
        word: &str,
    ) -> Outcome<Context> {
        a.join(b).ok_or_else(|| {
            let message =
                format!("{prefix}{{{{{word}}}}} branches end in different contexts: {a:?}, {b:?}");
            self.error(at, message)
        })
    }

    fn action(&self, context: &Context, pipe: &Pipe, at: usize) -> Outcome<(Context, Pipe)> {
        if !pipe.variables.is_empty() {
            return Ok((context.clone(), pipe.clone()));
        }
        let mut context = context.nudged();
        self.refuse_own_escapers(&context, pipe)?;
        let mut names: Vec<&'static str> = Vec::with_capacity(3);
        match context.state {
            State::Url
            | State::CssDouble
            | State::CssSingle
            | State::CssDoubleUrl
            | State::CssSingleUrl
            | State::CssUrl => self.url_escapers(&context, pipe, at, &mut names)?,
            State::MetaContentUrl => names.push("_html_template_urlfilter"),
            State::Js => {
                names.push("_html_template_jsvalescaper");
                context.slash = super::context::Slash::Division;
            }
            State::JsDouble | State::JsSingle => names.push("_html_template_jsstrescaper"),
            State::JsTemplate => names.push("_html_template_jstmpllitescaper"),
            State::JsRegexp => names.push("_html_template_jsregexpescaper"),
            State::Css => names.push("_html_template_cssvaluefilter"),
            State::Text => names.push("_html_template_htmlescaper"),
            State::RcData => names.push("_html_template_rcdataescaper"),
            State::AttributeName | State::Tag => {
                context.state = State::AttributeName;
                names.push("_html_template_htmlnamefilter");
            }
            State::Srcset => names.push("_html_template_srcsetescaper"),
            state if state.is_comment() => names.push("_html_template_commentescaper"),
            _ => {}
        }
        match context.delim {
            Delim::None => {}
            Delim::SpaceOrTagEnd => names.push("_html_template_nospaceescaper"),
            Delim::Double | Delim::Single => names.push("_html_template_attrescaper"),
        }
        Ok((context, with_escapers(pipe, names)))
    }

    fn url_escapers(
        &self,
        context: &Context,
        pipe: &Pipe,
        at: usize,
        names: &mut Vec<&'static str>,
    ) -> Outcome<()> {
        let in_string = matches!(context.state, State::CssDouble | State::CssSingle);
        match context.url_part {
            UrlPart::Unknown => {
                let message =
                    format!("{{{{{pipe}}}}} appears in an ambiguous context within a URL");
                return Err(self.error(at, message));
            }
            UrlPart::QueryOrFragment => names.push("_html_template_urlescaper"),
            part => {
                if part == UrlPart::None {
                    names.push("_html_template_urlfilter");
                }
                names.push(if in_string {
                    "_html_template_cssescaper"
                } else {
                    "_html_template_urlnormalizer"
                });
            }
        }
        Ok(())
    }

    /// `html` and `urlquery` may only come last, and not where they would not be enough.
    fn refuse_own_escapers(&self, context: &Context, pipe: &Pipe) -> Outcome<()> {
        for (stage, command) in pipe.commands.iter().enumerate() {
            let Some(name) = function(command).filter(|name| is_predefined(name)) else {
                continue;
            };
            let unquoted = context.state == State::Attribute
                && context.delim == Delim::SpaceOrTagEnd
                && name == "html";
            if stage + 1 < pipe.commands.len() || unquoted {
                let message = format!("predefined escaper {name:?} disallowed in template");
                return Err(self.error(command.at, message));
            }
        }
        Ok(())
    }
}

/// The second turn of a loop is easily overlooked, so its mistakes say so.
fn on_re_entry(mut error: TemplateError) -> TemplateError {
    error.text =
        error.text.replace(&error.message, &format!("on range loop re-entry: {}", error.message));
    error.message = format!("on range loop re-entry: {}", error.message);
    error
}
