//! Pipelines, commands and operands.

use std::sync::Arc;

use super::{Parsed, Parser};
use crate::gotmpl::syntax::ast::{Command, Expression, Operand, Pipe};
use crate::gotmpl::syntax::lex::Kind;
use crate::gotmpl::syntax::number::number;

impl Parser<'_> {
    pub(super) fn pipe(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let at = self.peek_word().at;
        let mut pipe = Pipe { at, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.peek_word();
            match token.kind {
                kind if kind == end => {
                    self.take();
                    break;
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::Raw
                | Kind::Quoted
                | Kind::Variable
                | Kind::LeftParen => {
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(token, context),
            }
        }
        self.check(&pipe, context)?;
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, `$i, $x :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        loop {
            if self.peek_word().kind != Kind::Variable {
                return Ok(());
            }
            let back = self.next;
            let variable = self.take();
            let after = self.peek_word();
            match after.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.assigns = after.kind == Kind::Assign;
                    self.take();
                    pipe.variables.push(Arc::from(variable.text));
                    self.variables.push(variable.text);
                    return Ok(());
                }
                Kind::Char if after.text == "," => {
                    self.take();
                    pipe.variables.push(Arc::from(variable.text));
                    self.variables.push(variable.text);
                    if context != "range" || pipe.variables.len() >= 2 {
                        let message = format!("too many declarations in {context}");
                        return self.fail(variable.at, message);
                    }
                    let next = self.peek_word();
                    if !matches!(next.kind, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                        return self.fail(next.at, "range can only initialize variables");
                    }
                }
                _ => {
                    self.next = back;
                    return Ok(());
                }
            }
        }
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return self.fail(pipe.at, format!("missing value for {context}"));
        }
        for (stage, command) in pipe.commands.iter().enumerate().skip(1) {
            let first = command.arguments.first().map(|argument| &argument.operand);
            if matches!(
                first,
                Some(
                    Operand::Bool(_)
                        | Operand::Dot
                        | Operand::Nil
                        | Operand::Number(_)
                        | Operand::Text { .. }
                )
            ) {
                let message = format!("non executable command in pipeline stage {}", stage + 1);
                return self.fail(command.at, message);
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let at = self.peek_word().at;
        let mut arguments = Vec::new();
        loop {
            self.peek_word();
            if let Some(operand) = self.operand()? {
                arguments.push(operand);
            }
            let token = self.peek();
            match token.kind {
                Kind::Space => {
                    self.take();
                }
                Kind::RightDelim | Kind::RightParen => break,
                Kind::Pipe => {
                    self.take();
                    break;
                }
                _ => return self.unexpected(token, "operand"),
            }
        }
        if arguments.is_empty() {
            return self.fail(at, "empty command");
        }
        Ok(Command { at, arguments })
    }

    fn operand(&mut self) -> Parsed<Option<Expression>> {
        let Some(term) = self.term()? else { return Ok(None) };
        let at = self.peek().at;
        let mut names: Vec<Arc<str>> = Vec::new();
        while self.peek().kind == Kind::Field {
            names.push(Arc::from(&self.take().text[1..]));
        }
        if names.is_empty() {
            return Ok(Some(term));
        }
        let operand = match term.operand {
            Operand::Field(mut fields) => {
                fields.append(&mut names);
                Operand::Field(fields)
            }
            Operand::Variable(mut fields) => {
                fields.append(&mut names);
                Operand::Variable(fields)
            }
            Operand::Function(_) | Operand::Pipe(_) => Operand::Chain(Box::new(term), names),
            _ => return self.fail(at, format!("unexpected . after term {:?}", term.to_string())),
        };
        Ok(Some(Expression { at, operand }))
    }

    fn term(&mut self) -> Parsed<Option<Expression>> {
        let token = self.peek_word();
        let operand = match token.kind {
            Kind::Identifier if (self.functions)(token.text) => {
                Operand::Function(Arc::from(token.text))
            }
            Kind::Identifier => {
                return self.fail(token.at, format!("function {:?} not defined", token.text));
            }
            Kind::Dot => Operand::Dot,
            Kind::Nil => Operand::Nil,
            Kind::Bool => Operand::Bool(token.text == "true"),
            Kind::Variable if self.variables.contains(&token.text) => {
                Operand::Variable(vec![Arc::from(token.text)])
            }
            Kind::Variable => {
                return self.fail(token.at, format!("undefined variable {:?}", token.text));
            }
            Kind::Field => Operand::Field(vec![Arc::from(&token.text[1..])]),
            Kind::Number | Kind::CharConstant => match number(token.text) {
                Some(number) => Operand::Number(Box::new(number)),
                None => {
                    return self.fail(token.at, format!("illegal number syntax: {:?}", token.text));
                }
            },
            Kind::Quoted | Kind::Raw => Operand::Text {
                quoted: Arc::from(token.text),
                text: Arc::from(self.literal(token)?),
            },
            Kind::LeftParen => {
                self.take();
                let pipe =
                    self.deeper(|parser| parser.pipe("parenthesized pipeline", Kind::RightParen))?;
                return Ok(Some(Expression {
                    at: pipe.at,
                    operand: Operand::Pipe(Box::new(pipe)),
                }));
            }
            _ => return Ok(None),
        };
        self.take();
        Ok(Some(Expression { at: token.at, operand }))
    }
}
