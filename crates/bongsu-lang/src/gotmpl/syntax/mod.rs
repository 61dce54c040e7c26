//! From template text to trees.

mod ast;
mod lex;
mod number;
mod parse;
mod unquote;

pub(super) use ast::{
    Branch, Command, Expression, Node, Number, Operand, Pipe, Template, TemplateCall,
};
pub(super) use parse::parse;

/// Line and column (in characters) of a byte offset, both from 1.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}
