//! From tokens to an expression.
//!
//! In: the text of a tag, of a condition, or a text in which a call of `keep.…( )` starts. Out: an
//! [`Expr`], or where it is wrong. Names of functions and filters are known here.

use std::sync::Arc;

use bongsu_lang::suggest::nearest;
use serde_json::Value;

use super::lex::{Kind, Lexer, Token};
use super::{Arguments, Arithmetic, Builtin, Comparison, Expr, Filter, Mistake, Path};
use crate::functions::Function;
use crate::text::Template;

/// Bytes an expression may have.
const MAX_LENGTH: usize = 16 << 10;
/// Brackets inside brackets.
const MAX_DEPTH: usize = 40;
/// Operators, keys and filters one after another: each is a level of the expression.
const MAX_LINKS: usize = 300;

/// What stands between braces.
pub(crate) fn parse(text: &str) -> Result<Expr, Mistake> {
    let trimmed = text.trim();
    let skipped = text.len() - text.trim_start().len();
    if let Some(path) = Path::parse(trimmed)
        && !is_word(trimmed)
    {
        return Ok(Expr::Path(path));
    }
    // `alert.labels.app/name` is a key; a quotient has blanks or a number.
    let slash = trimmed.split_once('/').is_some_and(|(_, right)| {
        right.starts_with(|c: char| c.is_alphabetic()) && !trimmed.contains(char::is_whitespace)
    });
    if let Some(path) = odd_key(trimmed).filter(|_| slash) {
        return Ok(path);
    }
    match whole(text, false) {
        Ok(expr) => Ok(expr),
        Err(mistake) => odd_key(trimmed).ok_or(mistake),
    }
    .map_err(|mut mistake| {
        mistake.offset = mistake.offset.max(skipped);
        mistake
    })
}

/// A condition: values stand in braces or bare.
pub(crate) fn parse_condition(text: &str) -> Result<Expr, Mistake> {
    whole(text, true)
}

/// A call of `keep.…( )` at the start of a text; how many bytes it takes.
pub(crate) fn parse_call(text: &str) -> Result<(Expr, usize), Mistake> {
    let length = text.floor_char_boundary(MAX_LENGTH.min(text.len()));
    let mut parser = Parser::new(&text[..length], true)?;
    parser.prefix = true;
    let call = parser.keep_call()?;
    Ok((call, parser.before))
}

fn whole(text: &str, tags: bool) -> Result<Expr, Mistake> {
    if text.len() > MAX_LENGTH {
        return Err(Mistake::new(0, format!("an expression has at most {MAX_LENGTH} bytes")));
    }
    let mut parser = Parser::new(text, tags)?;
    let expr = parser.expression()?;
    match &parser.token.kind {
        Kind::End => Ok(expr),
        _ => Err(parser.unexpected()),
    }
}

/// `alert.labels.app/name`, `alert.tags.some key`: no expression, but a key people have.
fn odd_key(text: &str) -> Option<Expr> {
    let is_path = text.contains('.')
        && !text
            .contains(['|', '=', '<', '>', '(', ')', '\'', '"', '[', ']', '{', '}', '&', '!', '?'])
        && text.split('.').all(|part| !part.is_empty() && part.trim() == part);
    let mut parts = text.split('.').map(Box::from);
    let root = parts.next()?;
    (is_path && ROOTS.contains(&&*root)).then(|| Expr::Path(Path { root, keys: parts.collect() }))
}

/// Names of values a run has.
pub(crate) const ROOTS: [&str; 20] = [
    "alert",
    "event",
    "incident",
    "steps",
    "actions",
    "foreach",
    "item",
    "consts",
    "vars",
    "aliases",
    "inputs",
    "secrets",
    "env",
    "trigger",
    "workflow",
    "providers",
    "last_workflow_results",
    "last_workflow_run_time",
    "fn",
    "value",
];

fn is_word(name: &str) -> bool {
    matches!(
        name,
        "true"
            | "false"
            | "none"
            | "null"
            | "True"
            | "False"
            | "None"
            | "not"
            | "and"
            | "or"
            | "in"
            | "is"
    )
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    token: Token,
    /// End of the token before.
    before: usize,
    depth: usize,
    /// Only one call is read, whatever follows it.
    prefix: bool,
    links: usize,
    /// Inside a call a bare word is a text, as in Keep.
    words: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, tags: bool) -> Result<Self, Mistake> {
        let mut lexer = Lexer { text, at: 0, tags };
        let token = lexer.next()?;
        Ok(Self { lexer, token, before: 0, depth: 0, prefix: false, links: 0, words: false })
    }

    fn link(&mut self) -> Result<(), Mistake> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Mistake::new(self.token.at, "the expression is too long"));
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<Token, Mistake> {
        self.before = self.token.end;
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn unexpected(&self) -> Mistake {
        let what = match &self.token.kind {
            Kind::End => return Mistake::new(self.token.at, "the expression ends too early"),
            _ => &self.lexer.text[self.token.at..self.token.end],
        };
        Mistake::new(self.token.at, format!("{what} is not expected here"))
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.token.kind, Kind::Sign(s) if s == sign)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(&self.token.kind, Kind::Name(n) if n == name)
    }

    fn eat(&mut self, sign: &str) -> Result<bool, Mistake> {
        let is = self.is(sign);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn eat_name(&mut self, name: &str) -> Result<bool, Mistake> {
        let is = self.is_name(name);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn expect(&mut self, sign: &str) -> Result<(), Mistake> {
        if self.eat(sign)? {
            Ok(())
        } else {
            Err(self.unexpected().help(format!("{sign} is wanted")))
        }
    }

    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Mistake::new(self.token.at, "the expression is nested too deep"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// `a if b else c`, `b ? a : c`.
    fn expression(&mut self) -> Result<Expr, Mistake> {
        self.deeper(|p| {
            let first = p.any()?;
            if p.eat("?")? {
                let yes = p.expression()?;
                p.expect(":")?;
                let no = p.expression()?;
                return Ok(Expr::Choose(Box::new([first, yes, no])));
            }
            if p.eat_name("if")? {
                let condition = p.any()?;
                let no =
                    if p.eat_name("else")? { p.expression()? } else { Expr::Const(Value::Null) };
                return Ok(Expr::Choose(Box::new([condition, first, no])));
            }
            Ok(first)
        })
    }

    fn any(&mut self) -> Result<Expr, Mistake> {
        let mut terms = vec![self.all()?];
        while self.eat("||")? || self.eat_name("or")? {
            terms.push(self.all()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::Any(terms) })
    }

    fn all(&mut self) -> Result<Expr, Mistake> {
        let mut terms = vec![self.not()?];
        while self.eat("&&")? || self.eat_name("and")? {
            terms.push(self.not()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::All(terms) })
    }

    fn not(&mut self) -> Result<Expr, Mistake> {
        if self.is("!") || self.is_name("not") {
            // `!a == b` is `!(a == b)` in Python and `(!a) == b` in C; bare `!` binds to one value.
            let tight = self.is("!");
            self.advance()?;
            return self.deeper(|p| {
                let of = if tight { p.unary()? } else { p.not()? };
                Ok(Expr::Not(Box::new(of)))
            });
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<Expr, Mistake> {
        let first = self.sum()?;
        let mut rest = Vec::new();
        loop {
            let comparison = match &self.token.kind {
                Kind::Sign("==") => Comparison::Equal,
                Kind::Sign("!=") => Comparison::NotEqual,
                Kind::Sign("<") => Comparison::Less,
                Kind::Sign("<=") => Comparison::LessEqual,
                Kind::Sign(">") => Comparison::Greater,
                Kind::Sign(">=") => Comparison::GreaterEqual,
                Kind::Name(name) if name == "in" => Comparison::In,
                Kind::Name(name) if name == "not" => {
                    self.advance()?;
                    if !self.is_name("in") {
                        return Err(self.unexpected().help("`not in` is wanted"));
                    }
                    Comparison::NotIn
                }
                Kind::Name(name) if name == "is" && rest.is_empty() => {
                    self.advance()?;
                    return self.test(first);
                }
                _ => break,
            };
            self.advance()?;
            rest.push((comparison, self.sum()?));
        }
        Ok(if rest.is_empty() { first } else { Expr::Compare(Box::new(first), rest) })
    }

    /// After `is`.
    fn test(&mut self, of: Expr) -> Result<Expr, Mistake> {
        let negated = self.eat_name("not")?;
        let (at, name) = self.name()?;
        match name.as_str() {
            "defined" => return Ok(Expr::Defined(Box::new(of), !negated)),
            "undefined" => return Ok(Expr::Defined(Box::new(of), negated)),
            "None" | "null" => {
                let none = Box::new(Filter::test("none", 0).ok_or_else(|| self.unexpected())?);
                return Ok(Expr::Test(
                    Box::new(of),
                    Arc::from(none),
                    Arguments::default(),
                    negated,
                ));
            }
            _ => {}
        }
        let arguments = if self.is("(") {
            self.arguments()?
        } else if matches!(self.token.kind, Kind::Const(_) | Kind::Text(..)) {
            Arguments { positional: vec![self.unary()?], named: Vec::new() }
        } else {
            Arguments::default()
        };
        match Filter::test(&name, arguments.positional.len()) {
            Some(test) => Ok(Expr::Test(Box::new(of), Arc::new(test), arguments, negated)),
            None => Err(Mistake::new(at, format!("there is no test named {name}"))),
        }
    }

    fn name(&mut self) -> Result<(usize, String), Mistake> {
        let at = self.token.at;
        match &self.token.kind {
            Kind::Name(name) => {
                let name = name.clone();
                self.advance()?;
                Ok((at, name))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn sum(&mut self) -> Result<Expr, Mistake> {
        let mut left = self.product()?;
        loop {
            let sign = match self.token.kind {
                Kind::Sign("+") => Arithmetic::Add,
                Kind::Sign("-") => Arithmetic::Subtract,
                Kind::Sign("~") => Arithmetic::Concat,
                _ => return Ok(left),
            };
            self.link()?;
            self.advance()?;
            let right = self.product()?;
            left = Expr::Arithmetic(sign, Box::new(left), Box::new(right));
        }
    }

    fn product(&mut self) -> Result<Expr, Mistake> {
        let mut left = self.unary()?;
        loop {
            let sign = match self.token.kind {
                Kind::Sign("*") => Arithmetic::Multiply,
                Kind::Sign("/") => Arithmetic::Divide,
                Kind::Sign("//") => Arithmetic::Floor,
                Kind::Sign("%") => Arithmetic::Remainder,
                Kind::Sign("**") => Arithmetic::Power,
                _ => return Ok(left),
            };
            self.link()?;
            self.advance()?;
            let right = self.unary()?;
            left = Expr::Arithmetic(sign, Box::new(left), Box::new(right));
        }
    }

    fn unary(&mut self) -> Result<Expr, Mistake> {
        if self.eat("-")? {
            return self.deeper(|p| {
                let of = p.unary()?;
                Ok(match of {
                    Expr::Const(Value::Number(n)) if n.as_i64().is_some() => {
                        Expr::Const(Value::from(-n.as_i64().unwrap_or_default()))
                    }
                    of => Expr::Negate(Box::new(of)),
                })
            });
        }
        if self.eat("+")? {
            return self.deeper(Self::unary);
        }
        if self.eat("!")? {
            return self.deeper(|p| Ok(Expr::Not(Box::new(p.unary()?))));
        }
        let primary = self.primary()?;
        self.postfix(primary)
    }

    fn postfix(&mut self, mut of: Expr) -> Result<Expr, Mistake> {
        loop {
            self.link()?;
            if self.is(".") {
                let dashes = matches!(&of, Expr::Path(path) if path.keys.is_empty()
                    && matches!(&*path.root, "steps" | "actions" | "consts" | "vars" | "inputs"));
                // The lexer stands behind the dot; a key is no ordinary token.
                self.before = self.token.end;
                let Some(key) = self.lexer.key(dashes) else {
                    self.token = self.lexer.next()?;
                    return Err(self.unexpected().help("a name is wanted after the dot"));
                };
                self.before = self.lexer.at;
                self.token = self.lexer.next()?;
                if self.is("(") {
                    let arguments = self.arguments()?;
                    of = Expr::Method(Box::new(of), key.into(), arguments);
                    continue;
                }
                of = match of {
                    Expr::Path(mut path) => {
                        path.keys.push(key.into());
                        Expr::Path(path)
                    }
                    of => Expr::Member(Box::new(of), key.into()),
                };
            } else if self.is("[") {
                self.advance()?;
                of = self.index(of)?;
            } else if self.is("|") {
                self.advance()?;
                of = self.filter(of)?;
            } else {
                return Ok(of);
            }
        }
    }

    fn index(&mut self, of: Expr) -> Result<Expr, Mistake> {
        let from = if self.is(":") { None } else { Some(Box::new(self.expression()?)) };
        if self.eat(":")? {
            let to = if self.is("]") { None } else { Some(Box::new(self.expression()?)) };
            self.expect("]")?;
            return Ok(Expr::Slice(Box::new(of), from, to));
        }
        self.expect("]")?;
        let Some(index) = from else { return Err(self.unexpected()) };
        Ok(match (of, *index) {
            (Expr::Path(mut path), Expr::Const(Value::String(key))) => {
                path.keys.push(key.into());
                Expr::Path(path)
            }
            (Expr::Path(mut path), Expr::Const(Value::Number(at))) if at.is_i64() => {
                path.keys.push(at.to_string().into());
                Expr::Path(path)
            }
            (of, index) => Expr::Index(Box::new(of), Box::new(index)),
        })
    }

    fn filter(&mut self, of: Expr) -> Result<Expr, Mistake> {
        let (at, name) = self.name()?;
        let arguments = if self.is("(") { self.arguments()? } else { Arguments::default() };
        let named: Vec<&str> = arguments.named.iter().map(|(name, _)| &**name).collect();
        let Some(known) = Filter::named(&name, arguments.positional.len(), &named) else {
            let mut mistake = Mistake::new(at, format!("there is no filter named {name}"));
            mistake.help =
                nearest(&name, FILTERS.into_iter()).map(|n| format!("did you mean {n}?"));
            return Err(mistake);
        };
        Ok(Expr::Filter(Box::new(of), Arc::new(known), arguments))
    }

    fn arguments(&mut self) -> Result<Arguments, Mistake> {
        let arguments = self.open_arguments()?;
        self.expect(")")?;
        Ok(arguments)
    }

    /// All but the last bracket.
    fn open_arguments(&mut self) -> Result<Arguments, Mistake> {
        self.expect("(")?;
        let mut arguments = Arguments::default();
        while !self.is(")") {
            let after = self.lexer.text[self.token.end..].trim_start();
            if let Kind::Name(name) = &self.token.kind
                && after.starts_with('=')
                && !after.starts_with("==")
            {
                let name = name.as_str().into();
                self.advance()?;
                self.expect("=")?;
                arguments.named.push((name, self.expression()?));
            } else if arguments.named.is_empty() {
                arguments.positional.push(self.expression()?);
            } else {
                return Err(self.unexpected().help("arguments with names come last"));
            }
            if !self.eat(",")? {
                break;
            }
        }
        if self.is(")") { Ok(arguments) } else { Err(self.unexpected().help(") is wanted")) }
    }

    fn primary(&mut self) -> Result<Expr, Mistake> {
        let at = self.token.at;
        match self.token.kind.clone() {
            Kind::Const(value) => {
                self.advance()?;
                Ok(Expr::Const(value))
            }
            Kind::Text(text, braces) => {
                self.advance()?;
                if !braces {
                    return Ok(Expr::Const(Value::String(text)));
                }
                let template = Template::parse_quoted(&text);
                template
                    .map(|t| Expr::Text(Arc::new(t)))
                    .map_err(|mistake| Mistake { offset: at + 1 + mistake.offset, ..mistake })
            }
            Kind::Tag(content, start) => {
                self.advance()?;
                let nested =
                    |mistake: Mistake| Mistake { offset: start + mistake.offset, ..mistake };
                self.deeper(|_| parse(&content).map_err(nested))
            }
            Kind::Sign("(") => {
                self.advance()?;
                let expr = self.expression()?;
                self.expect(")")?;
                Ok(expr)
            }
            Kind::Sign("[") => {
                self.advance()?;
                let mut items = Vec::new();
                while !self.is("]") {
                    items.push(self.expression()?);
                    if !self.eat(",")? {
                        break;
                    }
                }
                self.expect("]")?;
                Ok(Expr::List(items))
            }
            Kind::Sign("{") => self.map(),
            Kind::Name(name) => self.named(at, &name),
            _ => Err(self.unexpected()),
        }
    }

    fn map(&mut self) -> Result<Expr, Mistake> {
        self.advance()?;
        let mut entries = Vec::new();
        while !self.is("}") {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if !self.eat(",")? {
                break;
            }
        }
        self.expect("}")?;
        Ok(Expr::Map(entries))
    }

    fn named(&mut self, at: usize, name: &str) -> Result<Expr, Mistake> {
        let constant = match name {
            "true" | "True" => Some(Value::Bool(true)),
            "false" | "False" => Some(Value::Bool(false)),
            "none" | "None" | "null" => Some(Value::Null),
            _ => None,
        };
        if let Some(value) = constant {
            self.advance()?;
            return Ok(Expr::Const(value));
        }
        if name == "keep" {
            return self.keep_call();
        }
        let builtin = match name {
            "int" => Some(Builtin::Int),
            "float" => Some(Builtin::Float),
            "len" => Some(Builtin::Len),
            "str" => Some(Builtin::Str),
            "bool" => Some(Builtin::Bool),
            "abs" => Some(Builtin::Abs),
            "min" => Some(Builtin::Min),
            "max" => Some(Builtin::Max),
            "round" => Some(Builtin::Round),
            _ => None,
        };
        self.advance()?;
        if self.is("(") {
            let Some(builtin) = builtin else {
                let mut mistake = Mistake::new(at, format!("there is no function named {name}"));
                mistake.help = Function::named(name).map(|_| format!("write keep.{name}(…)"));
                return Err(mistake);
            };
            return Ok(Expr::Builtin(builtin, self.arguments()?));
        }
        if self.words && !ROOTS.contains(&name) && !self.is(".") && !self.is("[") {
            return Ok(Expr::Const(name.into()));
        }
        // Outside braces a bare word is a mistake unless it is the name of a value.
        if self.lexer.tags && !ROOTS.contains(&name) {
            let message = format!("{name} is not the name of a value");
            return Err(Mistake::new(at, message)
                .help(format!("write '{name}' for the text, or {{{{ {name} }}}} for a value")));
        }
        Ok(Expr::Path(Path { root: name.into(), keys: Vec::new() }))
    }

    fn keep_call(&mut self) -> Result<Expr, Mistake> {
        if !self.is_name("keep") {
            return Err(self.unexpected());
        }
        self.advance()?;
        if !self.is(".") {
            return Err(self.unexpected().help("a function is wanted: keep.len(…)"));
        }
        self.advance()?;
        let (at, name) = self.name()?;
        let Some(function) = Function::named(&name) else {
            let mut mistake = Mistake::new(at, format!("there is no function keep.{name}"));
            mistake.help =
                nearest(&name, Function::names()).map(|n| format!("did you mean keep.{n}?"));
            return Err(mistake);
        };
        let inner = std::mem::replace(&mut self.prefix, false);
        let outside = std::mem::replace(&mut self.words, true);
        let arguments = self.deeper(Self::open_arguments)?;
        self.words = outside;
        self.prefix = inner;
        if self.prefix {
            // What follows a call in a text is no token.
            self.before = self.token.end;
        } else {
            self.advance()?;
        }
        Ok(Expr::Keep(function, arguments))
    }
}

/// Filters named in hints.
const FILTERS: [&str; 24] = [
    "default",
    "length",
    "join",
    "tojson",
    "lower",
    "upper",
    "title",
    "trim",
    "replace",
    "first",
    "last",
    "sort",
    "unique",
    "map",
    "select",
    "selectattr",
    "reject",
    "rejectattr",
    "list",
    "int",
    "float",
    "round",
    "filesizeformat",
    "truncate",
];
