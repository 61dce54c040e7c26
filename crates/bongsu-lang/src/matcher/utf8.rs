//! The newer grammar: any UTF-8 in names and values, quoted by Go's rules where reserved
//! characters occur.

mod lexer;
mod unquote;

use bongsu_model::{MatchOp, Matcher};

use lexer::{Failure, Kind, Lexer, Token};

const OPERATOR: &str = "expected an operator such as '=', '!=', '=~' or '!~'";

/// Any number of matchers in optional braces.
pub(super) fn list(text: &str) -> Result<Vec<Matcher>, String> {
    let mut parser = Parser { lexer: Lexer::new(text), braced: false };
    parser.list()
}

/// Exactly one matcher.
pub(super) fn one(text: &str) -> Result<Matcher, String> {
    let mut found = list(text)?;
    match (found.pop(), found.len()) {
        (Some(matcher), 0) => Ok(matcher),
        (None, _) => Err("no matchers".to_owned()),
        (Some(_), others) => Err(format!("expected 1 matcher, found {}", others + 1)),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    braced: bool,
}

impl<'a> Parser<'a> {
    fn list(&mut self) -> Result<Vec<Matcher>, String> {
        let mut found = Vec::new();
        match self.lexer.peek() {
            Ok(None) => return self.end().map(|()| found),
            Ok(Some(token)) if token.kind == Kind::OpenBrace => {
                self.braced = true;
                self.lexer.skip_peeked();
            }
            Ok(Some(_)) => {}
            Err(failure) => return Err(failure.to_string()),
        }
        match self.lexer.peek() {
            Ok(None) => return self.close().map(|()| found),
            Ok(Some(token)) if token.kind == Kind::CloseBrace => {
                return self.close().map(|()| found);
            }
            Ok(Some(_)) => {}
            Err(failure) => return Err(failure.to_string()),
        }
        loop {
            found.push(self.matcher()?);
            if !self.more()? {
                return self.close().map(|()| found);
            }
        }
    }

    /// After a matcher: whether another one follows; takes the comma.
    fn more(&mut self) -> Result<bool, String> {
        let separators = [Kind::Comma, Kind::CloseBrace];
        let wanted = "expected a comma or close brace";
        match self.expect_ahead(&separators).or_else(Failure::at_end(wanted))? {
            Some(token) if token.kind == Kind::Comma => self.lexer.skip_peeked(),
            _ => return Ok(false),
        }
        let starts = [Kind::CloseBrace, Kind::Unquoted, Kind::Quoted];
        let wanted = "expected a matcher or close brace after comma";
        let next = self.expect_ahead(&starts).or_else(Failure::at_end(wanted))?;
        Ok(next.is_some_and(|token| token.kind != Kind::CloseBrace))
    }

    fn matcher(&mut self) -> Result<Matcher, String> {
        let name = self.text("expected label name")?;
        let operators = [Kind::Equal, Kind::NotEqual, Kind::Regex, Kind::NotRegex];
        let token = self.expect(&operators).map_err(|e| format!("{e}: {OPERATOR}"))?;
        let op = match token.kind {
            Kind::NotEqual => MatchOp::NotEqual,
            Kind::Regex => MatchOp::Regex,
            Kind::NotRegex => MatchOp::NotRegex,
            _ => MatchOp::Equal,
        };
        let value = self.text("expected label value")?;
        Matcher::new(name, op, value).map_err(|e| format!("failed to create matcher: {e}"))
    }

    /// A name or value, unquoted.
    fn text(&mut self, wanted: &str) -> Result<String, String> {
        let token =
            self.expect(&[Kind::Quoted, Kind::Unquoted]).map_err(|e| format!("{e}: {wanted}"))?;
        if token.kind == Kind::Unquoted {
            return Ok(token.text.to_owned());
        }
        unquote::unquote(token.text).ok_or_else(|| {
            format!("{}:{}: {}: invalid input", token.columns.0, token.columns.1, token.text)
        })
    }

    /// The closing brace if and only if there was an opening one; then nothing more.
    fn close(&mut self) -> Result<(), String> {
        let column = self.lexer.column();
        match (self.braced, self.expect(&[Kind::CloseBrace])) {
            (true, Ok(_)) | (false, Err(_)) => self.end(),
            (true, Err(e)) => Err(format!("0:{column}: {e}: expected close brace")),
            (false, Ok(token)) => Err(format!("0:{}: }}: expected opening brace", token.columns.1)),
        }
    }

    fn end(&mut self) -> Result<(), String> {
        match self.lexer.peek() {
            Ok(None) => Ok(()),
            Ok(Some(Token { columns: (from, to), text, .. })) => {
                Err(format!("{from}:{to}: {text}: expected end of input"))
            }
            Err(failure) => Err(format!("{failure}: expected end of input")),
        }
    }

    fn expect(&mut self, kinds: &[Kind]) -> Result<Token<'a>, Failure> {
        let token = self.expect_ahead(kinds)?.ok_or(Failure::End)?;
        self.lexer.skip_peeked();
        Ok(token)
    }

    /// The next token without taking it. Never `None`: the end of the input is a failure.
    fn expect_ahead(&mut self, kinds: &[Kind]) -> Result<Option<Token<'a>>, Failure> {
        match self.lexer.peek()? {
            None => Err(Failure::End),
            Some(token) if kinds.contains(&token.kind) => Ok(Some(token)),
            Some(Token { columns: (from, to), text, .. }) => {
                Err(Failure::Text(format!("{from}:{to}: unexpected {text}")))
            }
        }
    }
}

impl Failure {
    /// Turns the end of the input into `None` and adds what was wanted to any other failure.
    fn at_end<T>(wanted: &str) -> impl FnOnce(Self) -> Result<Option<T>, String> + '_ {
        move |failure| match failure {
            Self::End => Ok(None),
            other => Err(format!("{other}: {wanted}")),
        }
    }
}
