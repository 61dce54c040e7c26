//! Text to expression.
//!
//! In: text. Out: an `Expr`, or the first mistake. The grammar is the `cel` crate's; around it stand
//! bounds on what it recurses over, and after it names, functions, macros and patterns are resolved.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr as Ast, IdedExpr, LiteralValue, SelectExpr,
    operators,
};
use cel::parser::PrattParser;
use cel::parser::pratt_parser::{Lexer, Token, TokenKind};

use super::ast::{Arithmetic, Comparison, Const, Each, EachKind, Expr, Function};
use super::{Error, MAX_DEPTH, MAX_LENGTH, MAX_REGEX, MAX_REGEXES};
use crate::suggest;

/// Operators one text may have. Chains of them become as deep as they are long before their depth
/// is seen.
const MAX_OPERATORS: usize = 1500;
/// `?` one text may have: the parser recurses over them.
const MAX_CHOICES: usize = 32;
/// Name of the whole alert.
const ALERT: &str = "alert";
/// Functions that the grammar or this module treats specially.
const SPECIAL: [&str; 8] =
    ["matches", "has", "all", "exists", "exists_one", "existsOne", "filter", "map"];

pub(super) fn parse(text: &str) -> Result<Expr, Error> {
    if text.len() > MAX_LENGTH {
        return Err(Error::at(
            text,
            MAX_LENGTH,
            format!("the expression has {} bytes; {MAX_LENGTH} are allowed", text.len()),
        ));
    }
    let tokens = tokens(text)?;
    let prefixed = Prefixed::new(text, &tokens);
    let tree = PrattParser::new()
        .max_recursion_depth(2 * MAX_DEPTH as u16)
        .enable_variadic_operator_asts(true)
        .enable_ident_escape_syntax(true)
        .parse(&prefixed.text)
        .map_err(|errors| {
            // An error without a place is a limit reached; those with one come first otherwise.
            let first = errors.errors.iter().find(|e| e.pos.0 > 0).or(errors.errors.first());
            let Some(first) = first else { return Error::at(text, 0, "not an expression") };
            let message = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg);
            Error::at(text, prefixed.original(first.pos), message)
        })?;
    Lowering { text, tokens: &tokens, locals: Vec::new(), regexes: 0 }.lower(&tree, 0)
}

/// The tokens, if they are within what the parser may be given.
fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer::new(text);
    let mut tokens = Vec::new();
    let (mut depth, mut operators, mut choices) = (0usize, 0usize, 0usize);
    loop {
        let token = lexer.lex();
        match token.kind {
            TokenKind::TokEnd => return Ok(tokens),
            TokenKind::TokError => {
                let message = lexer.get_error().map_or("not an expression", |e| &e.message);
                return Err(Error::at(text, token.start, message));
            }
            TokenKind::TokWhitespace | TokenKind::TokComment => continue,
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => {
                depth += 1;
                operators += 1;
            }
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                depth = depth.saturating_sub(1);
            }
            TokenKind::TokQuestion => choices += 1,
            TokenKind::TokDot
            | TokenKind::TokMinus
            | TokenKind::TokPlus
            | TokenKind::TokAsterisk
            | TokenKind::TokSlash
            | TokenKind::TokPercent
            | TokenKind::TokExclamation
            | TokenKind::TokEqualEqual
            | TokenKind::TokExclamationEqual
            | TokenKind::TokLess
            | TokenKind::TokLessEqual
            | TokenKind::TokGreater
            | TokenKind::TokGreaterEqual
            | TokenKind::TokIn => operators += 1,
            _ => {}
        }
        if depth > MAX_DEPTH || choices > MAX_CHOICES {
            return Err(too_deep(text, token.start));
        }
        if operators > MAX_OPERATORS {
            return Err(Error::at(
                text,
                token.start,
                format!("more than {MAX_OPERATORS} operators in one expression"),
            ));
        }
        tokens.push(token);
    }
}

fn too_deep(text: &str, offset: usize) -> Error {
    Error::at(text, offset, format!("nested more than {MAX_DEPTH} deep"))
}

/// The text with `has(name)` written `has(alert.name)`: the grammar wants a member there, people
/// and converted filters write the bare field.
struct Prefixed {
    text: String,
    /// Where the prefix was put in, as offsets of the result.
    places: Vec<usize>,
}

impl Prefixed {
    fn new(text: &str, tokens: &[Token]) -> Self {
        let (mut out, mut places, mut done) = (String::new(), Vec::new(), 0);
        for four in tokens.windows(4) {
            let kinds = [four[0].kind, four[1].kind, four[2].kind, four[3].kind];
            let call = [
                TokenKind::TokIdent,
                TokenKind::TokLeftParen,
                TokenKind::TokIdent,
                TokenKind::TokRightParen,
            ];
            if kinds == call && text.get(four[0].start..four[0].end) == Some("has") {
                out.push_str(text.get(done..four[2].start).unwrap_or_default());
                places.push(out.len());
                out.push_str(ALERT);
                out.push('.');
                done = four[2].start;
            }
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Self { text: out, places }
    }

    /// Offset in the text as written of a line and column, from 1 and in bytes, of this one.
    fn original(&self, (line, column): (isize, isize)) -> usize {
        let line = usize::try_from(line - 1).unwrap_or(0);
        let column = usize::try_from(column - 1).unwrap_or(0);
        let start: usize = self.text.split_inclusive('\n').take(line).map(str::len).sum();
        let offset = (start + column).min(self.text.len());
        let added = self.places.iter().filter(|place| **place < offset).count();
        offset.saturating_sub(added * (ALERT.len() + 1))
    }
}

struct Lowering<'t> {
    text: &'t str,
    tokens: &'t [Token],
    locals: Vec<String>,
    regexes: usize,
}

impl Lowering<'_> {
    fn lower(&mut self, tree: &IdedExpr, depth: usize) -> Result<Expr, Error> {
        if depth > MAX_DEPTH {
            return Err(too_deep(self.text, 0));
        }
        let depth = depth + 1;
        match &tree.expr {
            Ast::Literal(literal) => self.literal(literal).map(Expr::Const),
            Ast::Ident(name) => Ok(self.name(name)),
            Ast::Select(select) => self.select(select, depth),
            Ast::Call(call) => self.call(call, depth),
            Ast::List(list) => Ok(Expr::List(self.all(&list.elements, depth)?)),
            Ast::Map(map) => {
                let mut entries = Vec::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return Err(self.refuse("a map has keys and values"));
                    };
                    let key = self.lower(&entry.key, depth)?;
                    entries.push((key, self.lower(&entry.value, depth)?));
                }
                Ok(Expr::Map(entries))
            }
            Ast::Comprehension(each) => self.each(each, depth),
            Ast::Struct(made) => {
                Err(self.refuse_at(&made.type_name, format!("there is no type {}", made.type_name)))
            }
            Ast::Unspecified => Err(self.refuse("not an expression")),
        }
    }

    fn all(&mut self, trees: &[IdedExpr], depth: usize) -> Result<Vec<Expr>, Error> {
        trees.iter().map(|tree| self.lower(tree, depth)).collect()
    }

    fn boxed(&mut self, tree: &IdedExpr, depth: usize) -> Result<Box<Expr>, Error> {
        self.lower(tree, depth).map(Box::new)
    }

    fn refuse(&self, message: impl Into<String>) -> Error {
        Error::at(self.text, 0, message)
    }

    /// An error at the first place a name stands.
    fn refuse_at(&self, name: &str, message: impl Into<String>) -> Error {
        let at = self
            .tokens
            .iter()
            .filter(|t| t.kind == TokenKind::TokIdent)
            .find(|t| self.text.get(t.start..t.end) == Some(name))
            .map_or(0, |t| t.start);
        Error::at(self.text, at, message)
    }

    fn literal(&self, literal: &LiteralValue) -> Result<Const, Error> {
        Ok(match literal {
            LiteralValue::Null => Const::Null,
            LiteralValue::Boolean(b) => Const::Bool(**b),
            LiteralValue::Int(n) => Const::Int(**n),
            LiteralValue::UInt(n) => {
                i64::try_from(**n).map_or_else(|_| Const::Float(**n as f64), Const::Int)
            }
            LiteralValue::Double(n) => Const::Float(**n),
            LiteralValue::String(s) => Const::Text(s.inner().to_owned()),
            LiteralValue::Bytes(_) => return Err(self.refuse("alerts hold text, no bytes")),
        })
    }

    fn local(&self, name: &str) -> Option<Expr> {
        let at = self.locals.iter().rposition(|local| local == name)?;
        Some(Expr::Local(at, name.to_owned()))
    }

    fn name(&self, name: &str) -> Expr {
        if let Some(local) = self.local(name) {
            return local;
        }
        match name.strip_prefix('.').unwrap_or(name) {
            ALERT => Expr::Path(Vec::new()),
            name => Expr::Path(vec![name.to_owned()]),
        }
    }

    fn select(&mut self, select: &SelectExpr, depth: usize) -> Result<Expr, Error> {
        let of = self.lower(&select.operand, depth)?;
        if !select.test {
            return Ok(member(of, select.field.clone()));
        }
        if matches!(&of, Expr::Path(keys) if keys.is_empty())
            && let Some(local) = self.local(&select.field)
        {
            // `has(x)` of a variable, prefixed by mistake: it is there if it is not null.
            let null = Box::new(Expr::Const(Const::Null));
            return Ok(Expr::Compare(Comparison::NotEqual, Box::new(local), null));
        }
        Ok(Expr::Has(Box::new(of), select.field.clone()))
    }

    fn call(&mut self, call: &CallExpr, depth: usize) -> Result<Expr, Error> {
        if let Some(target) = &call.target {
            return self.function(call, Some(target), depth);
        }
        let comparison = match call.func_name.as_str() {
            operators::EQUALS => Some(Comparison::Equal),
            operators::NOT_EQUALS => Some(Comparison::NotEqual),
            operators::LESS => Some(Comparison::Less),
            operators::LESS_EQUALS => Some(Comparison::LessEqual),
            operators::GREATER => Some(Comparison::Greater),
            operators::GREATER_EQUALS => Some(Comparison::GreaterEqual),
            _ => None,
        };
        let arithmetic = match call.func_name.as_str() {
            operators::ADD => Some(Arithmetic::Add),
            operators::SUBSTRACT => Some(Arithmetic::Subtract),
            operators::MULTIPLY => Some(Arithmetic::Multiply),
            operators::DIVIDE => Some(Arithmetic::Divide),
            operators::MODULO => Some(Arithmetic::Remainder),
            _ => None,
        };
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, terms) => Ok(Expr::All(self.all(terms, depth)?)),
            (operators::LOGICAL_OR, terms) => Ok(Expr::Any(self.all(terms, depth)?)),
            (operators::LOGICAL_NOT, [of]) => Ok(Expr::Not(self.boxed(of, depth)?)),
            (operators::NEGATE, [of]) => Ok(match self.lower(of, depth)? {
                Expr::Const(Const::Int(n)) if n != i64::MIN => Expr::Const(Const::Int(-n)),
                Expr::Const(Const::Float(n)) => Expr::Const(Const::Float(-n)),
                of => Expr::Negate(Box::new(of)),
            }),
            (operators::INDEX, [of, index]) => {
                let of = self.lower(of, depth)?;
                Ok(match self.lower(index, depth)? {
                    Expr::Const(Const::Text(key)) => member(of, key),
                    index => Expr::Index(Box::new(of), Box::new(index)),
                })
            }
            (operators::CONDITIONAL, [condition, then, other]) => Ok(Expr::Choose(Box::new([
                self.lower(condition, depth)?,
                self.lower(then, depth)?,
                self.lower(other, depth)?,
            ]))),
            (operators::IN, [a, b]) => Ok(Expr::In(self.boxed(a, depth)?, self.boxed(b, depth)?)),
            (_, [a, b]) if comparison.is_some() || arithmetic.is_some() => {
                let (a, b) = (self.boxed(a, depth)?, self.boxed(b, depth)?);
                Ok(match (comparison, arithmetic) {
                    (Some(op), _) => Expr::Compare(op, a, b),
                    (_, Some(op)) => Expr::Arithmetic(op, a, b),
                    (None, None) => Expr::Const(Const::Null),
                })
            }
            _ => self.function(call, None, depth),
        }
    }

    fn function(
        &mut self,
        call: &CallExpr,
        target: Option<&IdedExpr>,
        depth: usize,
    ) -> Result<Expr, Error> {
        let name = call.func_name.as_str();
        let arguments: Vec<&IdedExpr> = target.into_iter().chain(&call.args).collect();
        if name == "matches" {
            let [of, pattern] = arguments[..] else {
                return Err(self.refuse_at(name, "matches takes a regular expression"));
            };
            let of = self.lower(of, depth)?;
            let Expr::Const(Const::Text(pattern)) = self.lower(pattern, depth)? else {
                return Err(self
                    .refuse_at(name, "the regular expression of matches must be written out")
                    .help("put the pattern in quotes"));
            };
            self.regexes += 1;
            if self.regexes > MAX_REGEXES {
                return Err(self.refuse_at(
                    name,
                    format!("more than {MAX_REGEXES} regular expressions in one expression"),
                ));
            }
            let pattern = regex::RegexBuilder::new(&pattern)
                .size_limit(MAX_REGEX)
                .dfa_size_limit(MAX_REGEX)
                .build()
                .map_err(|error| {
                    // The last line says what is wrong, those before draw it.
                    let text = error.to_string();
                    let last = text.lines().last().unwrap_or_default();
                    let reason = last.strip_prefix("error: ").unwrap_or(last);
                    self.refuse_at(name, format!("not a regular expression: {reason}"))
                })?;
            return Ok(Expr::Matches(Box::new(of), pattern));
        }
        let Some((_, function, count, global, member)) =
            Function::KNOWN.iter().find(|(known, ..)| *known == name)
        else {
            if SPECIAL.contains(&name) {
                return Err(self.refuse_at(name, format!("{name} is not called like this")).help(
                    match name {
                        "has" => "write has(labels.key)".to_owned(),
                        _ => format!("write list.{name}(x, condition on x)"),
                    },
                ));
            }
            let known = Function::KNOWN.iter().map(|(known, ..)| *known).chain(SPECIAL);
            let error = self.refuse_at(name, format!("there is no function {name}"));
            return Err(match suggest::nearest(name, known) {
                Some(near) => error.help(format!("did you mean {near}?")),
                None => error,
            });
        };
        let shape = if target.is_some() { *member } else { *global };
        if !shape || arguments.len() != *count {
            let wanted = match (*global, *count) {
                (true, _) => format!("write {name}(x)"),
                (false, 1) => format!("write x.{name}()"),
                (false, _) => format!("write x.{name}(y)"),
            };
            return Err(self
                .refuse_at(name, format!("{name} is not called like this"))
                .help(wanted));
        }
        let arguments =
            arguments.into_iter().map(|a| self.lower(a, depth)).collect::<Result<_, _>>()?;
        Ok(Expr::Call(*function, arguments))
    }

    /// Takes a macro back out of the fold it was expanded to.
    fn each(&mut self, fold: &ComprehensionExpr, depth: usize) -> Result<Expr, Error> {
        let Ast::Call(step) = &fold.loop_step.expr else {
            return Err(self.refuse("not an expression"));
        };
        let (kind, condition, result) = match (&fold.accu_init.expr, step.args.as_slice()) {
            (Ast::Literal(LiteralValue::Boolean(b)), [_, condition]) => {
                let kind = if **b { EachKind::All } else { EachKind::Exists };
                (kind, Some(condition), None)
            }
            (Ast::Literal(LiteralValue::Int(_)), [condition, ..]) => {
                (EachKind::ExistsOne, Some(condition), None)
            }
            (Ast::List(_), [_, added]) => (EachKind::Map, None, only_element(added)),
            (Ast::List(_), [condition, added, _]) => {
                let Ast::Call(added) = &added.expr else {
                    return Err(self.refuse("not an expression"));
                };
                let result = added.args.get(1).and_then(only_element);
                let plain = result
                    .is_some_and(|r| matches!(&r.expr, Ast::Ident(name) if *name == fold.iter_var));
                if plain {
                    (EachKind::Filter, Some(condition), None)
                } else {
                    (EachKind::Map, Some(condition), result)
                }
            }
            _ => return Err(self.refuse("not an expression")),
        };
        let range = self.lower(&fold.iter_range, depth)?;
        self.locals.push(fold.iter_var.clone());
        let condition = condition.map(|tree| self.lower(tree, depth)).transpose();
        let result = result.map(|tree| self.lower(tree, depth)).transpose();
        self.locals.pop();
        Ok(Expr::Each(Box::new(Each {
            kind,
            range,
            variable: fold.iter_var.clone(),
            condition: condition?,
            result: result?,
        })))
    }
}

fn only_element(tree: &IdedExpr) -> Option<&IdedExpr> {
    match &tree.expr {
        Ast::List(list) => list.elements.first(),
        _ => None,
    }
}

fn member(of: Expr, key: String) -> Expr {
    match of {
        Expr::Path(mut keys) => {
            keys.push(key);
            Expr::Path(keys)
        }
        of => Expr::Member(Box::new(of), key),
    }
}
