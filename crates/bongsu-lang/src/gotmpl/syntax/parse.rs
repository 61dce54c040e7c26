//! From tokens to trees, with Go's rules and messages.

mod expressions;

use std::sync::Arc;

use super::ast::{Branch, Node, Template, TemplateCall, is_blank};
use super::lex::{Kind, LexError, Token, tokens};
use super::place;
use super::unquote::unquote;
use crate::gotmpl::error::TemplateError;
use crate::gotmpl::limits::Limits;

/// Tells which function names exist.
pub(crate) type Functions<'a> = &'a dyn Fn(&str) -> bool;

/// The definitions of `text`: the text itself under `name`, last, and what it `define`s.
///
/// # Errors
/// The first mistake, worded as Go words it.
pub(crate) fn parse(
    name: &str,
    text: &str,
    functions: Functions<'_>,
    limits: &Limits,
) -> Result<Vec<Template>, TemplateError> {
    let file: Arc<str> = Arc::from(name);
    let source: Arc<str> = Arc::from(text);
    let fail = |at: usize, message: String| error(&file, &source, at, message);
    if text.len() > limits.source {
        return Err(fail(0, format!("template is longer than {} bytes", limits.source)));
    }
    let tokens = tokens(text).map_err(|LexError { at, message }| fail(at, message))?;
    let mut parser = Parser {
        tokens,
        next: 0,
        functions,
        variables: vec!["$"],
        loops: 0,
        nesting: 0,
        most: limits.nesting,
        defined: Vec::new(),
    };
    let body = parser.top_level().map_err(|m| fail(m.at, m.message))?;
    let mut templates: Vec<Template> = Vec::new();
    // A file's own text is known by its name without the folder.
    let base = file.rsplit('/').next().unwrap_or_default();
    parser.defined.push((base.to_owned(), text.len(), body));
    for (name, at, body) in parser.defined {
        let template =
            Template { name: Arc::from(name), file: file.clone(), source: source.clone(), body };
        match templates.iter_mut().find(|known| known.name == template.name) {
            Some(known) if known.is_blank() => *known = template,
            Some(_) if is_blank(&template.body) => {}
            Some(_) => {
                let message =
                    format!("template: multiple definition of template {:?}", template.name);
                return Err(fail(at, message));
            }
            None => templates.push(template),
        }
    }
    Ok(templates)
}

fn error(file: &Arc<str>, source: &Arc<str>, at: usize, message: String) -> TemplateError {
    let (line, column) = place(source, at);
    TemplateError {
        text: format!("template: {file}:{line}: {message}"),
        message,
        template: Arc::clone(file),
        line,
        column,
        source_text: Arc::clone(source),
        syntax: true,
    }
}

struct Mistake {
    at: usize,
    message: String,
}

type Parsed<T> = Result<T, Mistake>;

/// How a list of nodes ended.
#[derive(PartialEq, Eq)]
enum Ending {
    End,
    Else,
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
    functions: Functions<'a>,
    variables: Vec<&'a str>,
    loops: usize,
    nesting: usize,
    most: usize,
    /// Name, offset and body of each definition.
    defined: Vec<(String, usize, Vec<Node>)>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        // The last token is `End` and is never passed.
        self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn peek_word(&mut self) -> Token<'a> {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
        self.peek()
    }

    fn take_word(&mut self) -> Token<'a> {
        self.peek_word();
        self.take()
    }

    fn is_keyword(token: Token<'_>, word: &str) -> bool {
        token.kind == Kind::Keyword && token.text == word
    }

    fn fail<T>(&self, at: usize, message: impl Into<String>) -> Parsed<T> {
        Err(Mistake { at, message: message.into() })
    }

    fn unexpected<T>(&self, token: Token<'_>, context: &str) -> Parsed<T> {
        let shown = match token.kind {
            Kind::End => "unexpected EOF".to_owned(),
            Kind::Keyword => format!("unexpected <{}> in {context}", token.text),
            Kind::Text if token.text.chars().count() > 10 => {
                let start: String = token.text.chars().take(10).collect();
                format!("unexpected {start:?}... in {context}")
            }
            _ => format!("unexpected {:?} in {context}", token.text),
        };
        self.fail(token.at, shown)
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'a>> {
        let token = self.take_word();
        if token.kind == kind { Ok(token) } else { self.unexpected(token, context) }
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let at = self.peek().at;
        if self.nesting >= self.most {
            return self.fail(at, format!("nested more than {} levels deep", self.most));
        }
        self.nesting += 1;
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    fn top_level(&mut self) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::End {
            if self.peek().kind == Kind::LeftDelim {
                let delim = self.take();
                if Self::is_keyword(self.peek_word(), "define") {
                    self.take();
                    self.definition()?;
                    continue;
                }
                match self.action(delim.at)? {
                    Item::Node(node) => nodes.push(*node),
                    Item::Ending(Ending::End) => {
                        return self.fail(delim.at, "unexpected {{end}}");
                    }
                    Item::Ending(Ending::Else) => {
                        return self.fail(delim.at, "unexpected {{else}}");
                    }
                }
            } else {
                nodes.push(self.text());
            }
        }
        Ok(nodes)
    }

    fn text(&mut self) -> Node {
        let token = self.take();
        Node::Text { at: token.at, text: Arc::from(token.text) }
    }

    fn definition(&mut self) -> Parsed<()> {
        let context = "define clause";
        let (name, at) = self.template_name(context)?;
        self.expect(Kind::RightDelim, context)?;
        self.separately(name, at, context)
    }

    /// Reads the body of a definition: its variables and loops are its own.
    fn separately(&mut self, name: String, at: usize, context: &str) -> Parsed<()> {
        let variables = std::mem::replace(&mut self.variables, vec!["$"]);
        let loops = std::mem::take(&mut self.loops);
        let (body, ending) = self.list()?;
        if ending != Ending::End {
            return self.fail(at, format!("unexpected {{{{else}}}} in {context}"));
        }
        self.variables = variables;
        self.loops = loops;
        self.defined.push((name, at, body));
        Ok(())
    }

    fn template_name(&mut self, context: &str) -> Parsed<(String, usize)> {
        let token = self.take_word();
        match token.kind {
            Kind::Quoted | Kind::Raw => Ok((self.literal(token)?, token.at)),
            _ => self.unexpected(token, context),
        }
    }

    fn literal(&self, token: Token<'_>) -> Parsed<String> {
        let value = match token.kind {
            Kind::Raw => Some(token.text.trim_matches('`').replace('\r', "")),
            _ => unquote(token.text),
        };
        value.map_or_else(|| self.fail(token.at, "invalid syntax"), Ok)
    }

    fn list(&mut self) -> Parsed<(Vec<Node>, Ending)> {
        self.deeper(|parser| {
            let mut nodes = Vec::new();
            loop {
                match parser.peek().kind {
                    Kind::End => return parser.fail(parser.peek().at, "unexpected EOF"),
                    Kind::LeftDelim => {
                        let delim = parser.take();
                        match parser.action(delim.at)? {
                            Item::Node(node) => nodes.push(*node),
                            Item::Ending(ending) => return Ok((nodes, ending)),
                        }
                    }
                    _ => nodes.push(parser.text()),
                }
            }
        })
    }

    fn action(&mut self, at: usize) -> Parsed<Item> {
        let token = self.peek_word();
        if token.kind == Kind::Keyword {
            self.take();
            let node = match token.text {
                "if" => Node::If(self.control(token.at, "if")?),
                "with" => Node::With(self.control(token.at, "with")?),
                "range" => Node::Range(self.control(token.at, "range")?),
                "template" => Node::Template(self.template_call(token.at)?),
                "block" => Node::Template(self.block(token.at)?),
                "break" | "continue" => self.jump(token)?,
                "end" => {
                    self.expect(Kind::RightDelim, "end")?;
                    return Ok(Item::Ending(Ending::End));
                }
                "else" => {
                    let next = self.peek_word();
                    if !Self::is_keyword(next, "if") && !Self::is_keyword(next, "with") {
                        self.expect(Kind::RightDelim, "else")?;
                    }
                    return Ok(Item::Ending(Ending::Else));
                }
                _ => return self.unexpected(token, "command"),
            };
            return Ok(Item::Node(Box::new(node)));
        }
        let pipe = self.pipe("command", Kind::RightDelim)?;
        Ok(Item::Node(Box::new(Node::Action { at, pipe })))
    }

    fn jump(&mut self, token: Token<'_>) -> Parsed<Node> {
        let after = self.take_word();
        if after.kind != Kind::RightDelim {
            return self.unexpected(after, &format!("{{{{{}}}}}", token.text));
        }
        if self.loops == 0 {
            return self.fail(token.at, format!("{{{{{}}}}} outside {{{{range}}}}", token.text));
        }
        Ok(if token.text == "break" { Node::Break } else { Node::Continue })
    }

    fn control(&mut self, at: usize, context: &str) -> Parsed<Branch> {
        let known = self.variables.len();
        let pipe = self.pipe(context, Kind::RightDelim)?;
        let looping = usize::from(context == "range");
        self.loops += looping;
        let (body, ending) = self.list()?;
        self.loops -= looping;
        let otherwise = match ending {
            Ending::End => None,
            Ending::Else => Some(self.otherwise(context)?),
        };
        self.variables.truncate(known);
        Ok(Branch { at, pipe, body, otherwise })
    }

    /// What follows `else`; `else if` and `else with` continue the chain and share its `end`.
    fn otherwise(&mut self, context: &str) -> Parsed<Vec<Node>> {
        let next = self.peek_word();
        if context != "range" && Self::is_keyword(next, context) {
            self.take();
            let branch = self.deeper(|parser| parser.control(next.at, context))?;
            return Ok(vec![if context == "if" { Node::If(branch) } else { Node::With(branch) }]);
        }
        // A keyword can only stand here inside the action of the `else` itself.
        if next.kind == Kind::Keyword {
            return self.unexpected(next, "input");
        }
        let (nodes, ending) = self.list()?;
        if ending != Ending::End {
            return self.fail(next.at, "expected end; found {{else}}");
        }
        Ok(nodes)
    }

    fn template_call(&mut self, at: usize) -> Parsed<TemplateCall> {
        let context = "template clause";
        let (name, _) = self.template_name(context)?;
        let pipe = match self.peek_word().kind {
            Kind::RightDelim => {
                self.take();
                None
            }
            _ => Some(self.pipe(context, Kind::RightDelim)?),
        };
        Ok(TemplateCall { at, name: Arc::from(name), pipe })
    }

    fn block(&mut self, at: usize) -> Parsed<TemplateCall> {
        let context = "block clause";
        let (name, name_at) = self.template_name(context)?;
        let pipe = self.pipe(context, Kind::RightDelim)?;
        self.separately(name.clone(), name_at, context)?;
        Ok(TemplateCall { at, name: Arc::from(name), pipe: Some(pipe) })
    }
}

/// What an action turned out to be.
enum Item {
    Node(Box<Node>),
    Ending(Ending),
}
