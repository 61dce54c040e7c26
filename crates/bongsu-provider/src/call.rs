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
mod stage;
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
use self::stage::Stage;
use crate::manifest::{Operation, OperationKind};

/// Largest body of a request, in bytes.
const BODY: usize = 4 << 20;

/// By what a server tells a repeated request from a new one.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

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
    /// Of a pull: whether this is all that is going on.
    pub complete: bool,
}

/// A call under way.
#[derive(Debug)]
pub struct Call<'o> {
    operation: &'o Operation,
    auth: Auth,
    scope: Scope,
    now: Timestamp,
    stage: Stage,
    /// What the requests gave that came before.
    before: Map<String, Value>,
    proof: Proof,
    token: Option<Token>,
    waiting: Waiting,
    done: Option<Outcome>,
    redactor: Redactor,
    /// See [`Call::name`].
    key: Option<String>,
    /// See [`Call::add`].
    extra: Extra,
}

/// What is sent with a call beside what its operation says. Any of it may be a credential.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// Header fields, names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// Pairs of the query.
    pub query: Vec<(String, Secret)>,
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
        let mut begin = || {
            let params = input::params(self, params)?;
            for name in self.random().map(|(name, _)| name) {
                match params.get(name).and_then(Value::as_str) {
                    Some(made) => redactor.add(made),
                    None => {
                        let what = format!("{name} is required");
                        return Err(CallError::new(CallErrorKind::Params, what));
                    }
                }
            }
            let mut scope = scope(auth, params, now);
            if let Some(cursor) = cursor.filter(|cursor| !cursor.is_null()) {
                scope.set(&NAMES.cursor, Data::of(cursor));
            }
            let stage = Stage::enter(self, auth, &scope, 0)?;
            let proof = authorize::choose(self, auth, &scope, now)?;
            Ok((scope, stage, proof))
        };
        let (scope, stage, proof) =
            begin().map_err(|error: CallError| error.redacted(&redactor))?;
        if let Some(secret) = proof.secret() {
            redactor.add(secret);
        }
        Ok(Call {
            operation: self,
            auth: auth.clone(),
            scope,
            now,
            stage,
            before: Map::new(),
            proof,
            token: None,
            waiting: Waiting::Nothing,
            done: None,
            redactor,
            key: None,
            extra: Extra::default(),
        })
    }

    /// Parameters that are random where a caller does not give them, and how many bytes they have.
    pub fn random(&self) -> impl Iterator<Item = (&str, usize)> {
        self.params.iter().filter_map(|input| Some((input.name.as_str(), input.random?)))
    }
}

impl Call<'_> {
    /// Names the call: its request, if it is one over HTTP that changes something, has this as
    /// `Idempotency-Key`, so that the other side can tell a repetition.
    pub fn name(&mut self, key: &str) {
        let fits = key.len() <= 255 && key.bytes().all(|b| b.is_ascii_graphic());
        self.key = Some(match fits {
            true => key.to_owned(),
            false => {
                let digest = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
                hex::encode(digest)
            }
        });
    }

    /// Sends this with the requests over HTTP, too, but for those for a token. What the operation and
    /// the instance say themselves stays: nobody else's headers take the place of their credentials.
    pub fn add(&mut self, extra: Extra) {
        for (_, value) in extra.headers.iter().chain(&extra.query) {
            self.redactor.add(value.expose());
        }
        self.extra = extra;
    }

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
        let mut request = self.stage.request.clone();
        if let Request::Http(http) = &mut request {
            let asks = matches!(http.method.as_str(), "GET" | "HEAD" | "OPTIONS");
            if let Some(key) = &self.key
                && !asks
                && self.stage.place >= self.operation.before.len()
                && http.header(IDEMPOTENCY_KEY).is_none()
            {
                http.set(IDEMPOTENCY_KEY, key.as_str());
            }
            // Signatures cover the query.
            http.extend_query(&self.extra.query);
            let token = self.token.as_ref();
            self.proof
                .apply(http, token, &self.auth, self.now)
                .map_err(|error| error.redacted(&self.redactor))?;
            for (name, value) in &self.extra.headers {
                if http.header(name).is_none() {
                    http.set(name, value.expose());
                }
            }
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

    /// Hides these, too.
    pub fn hide(&mut self, secrets: impl IntoIterator<Item = Secret>) {
        secrets.into_iter().for_each(|secret| self.redactor.add(secret.expose()));
    }

    /// Replaces the secrets of this call in a text.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    fn page(&mut self, mut answer: Answer) -> Result<(), CallError> {
        let operation = self.stage.operation(self.operation);
        let mut scope = self.stage.scope.clone();
        answer.name(&mut scope);
        answer::accept(operation, &answer, &scope)?;
        self.stage.pages += 1;
        let mut body = std::mem::take(&mut answer.body);
        // Pages that were not asked for.
        let mut cut = false;
        if let Some(pages) = &operation.request.pages {
            let items = match &pages.items {
                Some(items) => eval("items", items, &scope)?.to_json(),
                None => body,
            };
            match items {
                Value::Array(items) => self.stage.collected.extend(items),
                Value::Null => {}
                item => self.stage.collected.push(item),
            }
            let next = eval("next", &pages.next, &scope)?.to_text();
            cut = !next.is_empty();
            if cut && self.stage.pages < pages.limit {
                if let Request::Http(http) = &mut self.stage.request {
                    http.turn_page(pages.param.as_deref(), &next)?;
                }
                return Ok(());
            }
            body = Value::Array(std::mem::take(&mut self.stage.collected));
        }
        let Some(body) = self.stage.take(self.operation, &self.auth, &self.scope, body)? else {
            return Ok(());
        };
        let mut scope = self.scope.clone();
        answer.name(&mut scope);
        scope.set(&NAMES.body, Data::of(&body));
        match operation.kind {
            _ if self.stage.place < self.operation.before.len() => {
                self.go_on(operation, body, &scope)
            }
            OperationKind::Pull => self.end_pull(body, scope, cut),
            _ => {
                let result = self.result(operation, body, &scope)?;
                self.done = Some(Outcome { result, ..Outcome::default() });
                Ok(())
            }
        }
    }

    /// What an operation gives for what it was answered.
    fn result(
        &self,
        operation: &Operation,
        body: Value,
        scope: &Scope,
    ) -> Result<Value, CallError> {
        match &operation.result {
            Some(result) => Ok(eval("result", result, scope)?.to_json()),
            None => {
                let single = matches!(&self.stage.request, Request::Sql(sql) if sql.single_row);
                Ok(answer::usual(operation, body, single))
            }
        }
    }

    /// From a request that came before to the next one.
    fn go_on(&mut self, before: &Operation, body: Value, scope: &Scope) -> Result<(), CallError> {
        let result = self.result(before, body, scope)?;
        if is_nothing(&result) {
            let said = match &before.missing {
                Some(missing) => eval("missing", missing, scope)?.to_text(),
                None => format!("{}: nothing was found", before.name),
            };
            return Err(CallError::new(CallErrorKind::Params, said));
        }
        self.before.insert(before.name.clone(), result);
        self.scope.set(&NAMES.before, Data::of(&Value::Object(self.before.clone())));
        let place = self.stage.place + 1;
        self.stage = Stage::enter(self.operation, &self.auth, &self.scope, place)?;
        Ok(())
    }

    fn end_pull(&mut self, body: Value, mut scope: Scope, cut: bool) -> Result<(), CallError> {
        let mut outcome = Outcome { result: body, ..Outcome::default() };
        let operation = self.operation;
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
        if let Some(complete) = &operation.complete {
            outcome.complete = !cut && eval("complete", complete, &scope)?.is_true();
        }
        self.done = Some(outcome);
        Ok(())
    }
}

/// Whether what was looked for is not there.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
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
    before: Arc<str>,
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
    before: "before".into(),
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
