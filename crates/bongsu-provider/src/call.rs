//! A call of an operation, without I/O: parameters become requests, answers become a result.
//!
//! In: an [`Operation`](crate::manifest::Operation), an instance's [`Auth`], parameters, the time; then
//! the answers. Out: one [`Request`] after the other, then the result or a [`CallError`]. Whoever
//! carries requests out is outside, so that fixtures and dry runs need no network.

mod answer;
mod authorize;
mod choose;
mod error;
mod http;
mod input;
mod redact;
mod request;
mod token;

use std::sync::{Arc, LazyLock};

use bongsu_lang::jinja::{Data, Expression, Scope};
use bongsu_model::{Secret, Timestamp};
use serde_json::{Map, Value};

pub use answer::Answer;
pub(crate) use authorize::{algorithm, sign};
pub use error::{CallError, CallErrorKind};
pub use input::Auth;
pub(crate) use input::coerce;
pub use redact::Redactor;
pub(crate) use request::present;
pub use request::{
    AwsScope, HttpBody, HttpCall, MailRequest, ProcessRequest, RedisRequest, Request, Settings,
    SqlRequest, SshRequest,
};
pub use token::Token;

use self::authorize::Proof;
use crate::manifest::{Operation, OperationKind};

/// Largest body of a request, in bytes.
const BODY: usize = 4 << 20;

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// Carry this out and hand in the answer.
    Send(Box<Request>),
    /// It is done.
    Done(Outcome),
}

/// What came of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What the caller gets.
    pub result: Value,
    /// Of a pull: what the next one starts from.
    pub cursor: Option<Value>,
}

/// A call under way.
#[derive(Debug)]
pub struct Call<'o> {
    operation: &'o Operation,
    auth: Auth,
    scope: Scope,
    now: Timestamp,
    /// The request of the next page, before it proves who sends it.
    request: Request,
    proof: Proof,
    token: Option<Token>,
    pages: usize,
    collected: Vec<Value>,
    waiting: Waiting,
    done: Option<Outcome>,
    redactor: Redactor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Nothing,
    Token,
    Page,
}

impl Operation {
    /// Begins a call: validates the parameters and renders the first request.
    ///
    /// # Errors
    /// Everything that is wrong with the parameters, or the expression that failed.
    pub fn prepare(
        &self,
        auth: &Auth,
        params: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Call<'_>, CallError> {
        self.prepare_from(auth, params, now, None)
    }

    /// The same for a pull that goes on where the last one ended.
    ///
    /// # Errors
    /// See [`Operation::prepare`].
    pub fn prepare_from(
        &self,
        auth: &Auth,
        params: &Map<String, Value>,
        now: Timestamp,
        cursor: Option<&Value>,
    ) -> Result<Call<'_>, CallError> {
        let mut redactor = auth.redactor();
        let begin = || {
            let params = input::params(self, params)?;
            let mut scope = scope(auth, params, now);
            if let Some(cursor) = cursor.filter(|cursor| !cursor.is_null()) {
                scope.set(&NAMES.cursor, Data::of(cursor));
            }
            let request = request::render(self, auth, &scope)?;
            let proof = authorize::choose(self, auth, &scope, now)?;
            Ok((scope, request, proof))
        };
        let (scope, request, proof) =
            begin().map_err(|error: CallError| error.redacted(&redactor))?;
        if let Some(secret) = proof.secret() {
            redactor.add(secret);
        }
        Ok(Call {
            operation: self,
            auth: auth.clone(),
            scope,
            now,
            request,
            proof,
            token: None,
            pages: 0,
            collected: Vec::new(),
            waiting: Waiting::Nothing,
            done: None,
            redactor,
        })
    }
}

impl Call<'_> {
    /// What is to be sent now, or the result.
    ///
    /// # Errors
    /// When the request cannot be expressed.
    pub fn step(&mut self) -> Result<Step, CallError> {
        if let Some(outcome) = &self.done {
            return Ok(Step::Done(outcome.clone()));
        }
        if self.token.is_none()
            && let Some(request) = self.proof.token_request()
        {
            self.waiting = Waiting::Token;
            return Ok(Step::Send(Box::new(Request::Http(request.clone()))));
        }
        let mut request = self.request.clone();
        if let Request::Http(http) = &mut request {
            let token = self.token.as_ref();
            self.proof
                .apply(http, token, &self.auth, self.now)
                .map_err(|error| error.redacted(&self.redactor))?;
            if http.body.len() > BODY {
                let what = format!("the body is larger than {BODY} bytes");
                return Err(CallError::new(CallErrorKind::Params, what));
            }
        }
        self.waiting = Waiting::Page;
        Ok(Step::Send(Box::new(request)))
    }

    /// Takes the answer to what [`Call::step`] gave.
    ///
    /// # Errors
    /// When the answer means that it did not work.
    pub fn answer(&mut self, answer: Answer) -> Result<(), CallError> {
        let taken = match std::mem::replace(&mut self.waiting, Waiting::Nothing) {
            Waiting::Token => Token::read(&answer, self.now).map(|token| self.use_token(token)),
            Waiting::Page => self.page(answer),
            Waiting::Nothing => Ok(()),
        };
        taken.map_err(|error| error.redacted(&self.redactor))
    }

    /// What a token is good for, if this call wants one: calls of one key can share it.
    pub fn token_key(&self) -> Option<String> {
        self.proof.token_request().map(|request| request.digest())
    }

    /// Uses a token another call got.
    pub fn use_token(&mut self, token: Token) {
        self.redactor.add(token.value.expose());
        self.token = Some(token);
    }

    /// The token that was used, to be kept for other calls.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Replaces the secrets of this call in a text.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    fn page(&mut self, answer: Answer) -> Result<(), CallError> {
        let mut scope = self.scope.clone();
        answer.name(&mut scope);
        answer::accept(self.operation, &answer, &scope)?;
        self.pages += 1;
        let mut body = answer.body;
        if let Some(pages) = &self.operation.request.pages {
            let items = match &pages.items {
                Some(items) => eval("items", items, &scope)?.to_json(),
                None => body,
            };
            match items {
                Value::Array(items) => self.collected.extend(items),
                Value::Null => {}
                item => self.collected.push(item),
            }
            let next = eval("next", &pages.next, &scope)?.to_text();
            if !next.is_empty() && self.pages < pages.limit {
                if let Request::Http(http) = &mut self.request {
                    http.turn_page(pages.param.as_deref(), &next)?;
                }
                return Ok(());
            }
            body = Value::Array(std::mem::take(&mut self.collected));
            scope.set(&NAMES.body, Data::of(&body));
        }
        let mut outcome = Outcome { result: body, cursor: None };
        let operation = self.operation;
        if operation.kind == OperationKind::Pull {
            if let Some(items) = &operation.items {
                outcome.result = eval("items", items, &scope)?.to_json();
            }
            outcome.result = match outcome.result {
                Value::Null => Value::Array(Vec::new()),
                Value::Array(items) => Value::Array(items),
                item => Value::Array(vec![item]),
            };
            scope.set(&NAMES.items, Data::of(&outcome.result));
            if let Some(cursor) = &operation.cursor {
                let cursor = eval("cursor", cursor, &scope)?.to_json();
                outcome.cursor = Some(cursor).filter(|cursor| !cursor.is_null());
            }
        } else {
            let single = matches!(&self.request, Request::Sql(sql) if sql.single_row);
            outcome.result = answer::usual(operation, outcome.result, single);
            if let Some(result) = &operation.result {
                outcome.result = eval("result", result, &scope)?.to_json();
            }
        }
        self.done = Some(outcome);
        Ok(())
    }
}

fn eval(what: &str, expression: &Expression, scope: &Scope) -> Result<Data, CallError> {
    expression.eval(scope).map_err(|error| CallError::expression(what, &error))
}

/// The names of a call.
fn scope(auth: &Auth, params: Map<String, Value>, now: Timestamp) -> Scope {
    let mut scope = Scope::default();
    scope.set(&NAMES.auth, auth.data());
    scope.set(&NAMES.params, Data::of(&Value::Object(params)));
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    scope.set(&NAMES.now, Data::of(&now.into()));
    scope
}

struct Names {
    auth: Arc<str>,
    params: Arc<str>,
    now: Arc<str>,
    cursor: Arc<str>,
    items: Arc<str>,
    status: Arc<str>,
    headers: Arc<str>,
    body: Arc<str>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    auth: "auth".into(),
    params: "params".into(),
    now: "now".into(),
    cursor: "cursor".into(),
    items: "items".into(),
    status: "status".into(),
    headers: "headers".into(),
    body: "body".into(),
});

/// A credential as text for a header.
fn secret_text(value: &Value) -> Secret {
    Secret::new(crate::manifest::operation::text_of(value))
}
