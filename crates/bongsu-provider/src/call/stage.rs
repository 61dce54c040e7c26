//! The requests of a call in their order: those that come before, then the main one; each once, or
//! once for every element of a list.
//!
//! In: the names of the call. Out: the request to send now. What an answer means is decided in
//! [`super::Call`].

use std::sync::{Arc, LazyLock};

use bongsu_lang::jinja::{Data, Scope};
use serde_json::Value;

use super::{Auth, CallError, CallErrorKind, Request, eval, request};
use crate::manifest::Operation;

/// Elements one request may be sent for.
const ELEMENTS: usize = 100;

/// The request under way.
#[derive(Debug)]
pub(super) struct Stage {
    /// Its place among those that come before; of the main one, their number.
    pub(super) place: usize,
    /// The names it is made of.
    pub(super) scope: Scope,
    /// Of the page, before it proves who sends it.
    pub(super) request: Request,
    pub(super) pages: usize,
    pub(super) collected: Vec<Value>,
    /// What it is sent for, if for more than itself.
    elements: Option<Vec<Data>>,
    /// What came for the elements so far.
    answers: Vec<Value>,
}

impl Stage {
    /// The first request from `place` on that is wanted.
    pub(super) fn enter(
        main: &Operation,
        auth: &Auth,
        scope: &Scope,
        mut place: usize,
    ) -> Result<Self, CallError> {
        while let Some(before) = main.before.get(place) {
            match &before.when {
                Some(when) if !eval("when", when, scope)?.is_true() => place += 1,
                _ => break,
            }
        }
        let operation = main.before.get(place).unwrap_or(main);
        let elements = match &operation.each {
            None => None,
            Some(each) => Some(elements(eval("each", each, scope)?)?),
        };
        let around = around(scope, elements.as_deref(), 0);
        let request = request::render(operation, auth, &around)?;
        Ok(Self {
            place,
            scope: around,
            request,
            pages: 0,
            collected: Vec::new(),
            elements,
            answers: Vec::new(),
        })
    }

    /// Of which operation it is the request.
    pub(super) fn operation<'o>(&self, main: &'o Operation) -> &'o Operation {
        main.before.get(self.place).unwrap_or(main)
    }

    /// Takes what came for this request. `None` if it is to be sent for another element now; else
    /// everything that came.
    pub(super) fn take(
        &mut self,
        main: &Operation,
        auth: &Auth,
        scope: &Scope,
        body: Value,
    ) -> Result<Option<Value>, CallError> {
        let Some(elements) = &self.elements else { return Ok(Some(body)) };
        self.answers.push(body);
        if self.answers.len() == elements.len() {
            return Ok(Some(Value::Array(std::mem::take(&mut self.answers))));
        }
        self.scope = around(scope, Some(elements), self.answers.len());
        self.request = request::render(self.operation(main), auth, &self.scope)?;
        self.pages = 0;
        Ok(None)
    }
}

/// The names of a call with those of an element.
fn around(scope: &Scope, elements: Option<&[Data]>, at: usize) -> Scope {
    let mut scope = scope.clone();
    if let Some(element) = elements.and_then(|elements| elements.get(at)) {
        scope.set(&ELEMENT.0, element.clone());
        scope.set(&ELEMENT.1, Data::of(&at.into()));
    }
    scope
}

fn elements(list: Data) -> Result<Vec<Data>, CallError> {
    let wrong = |what: String| CallError::new(CallErrorKind::Params, what);
    let elements = match list.elements() {
        Some(elements) => elements,
        None if list.is_nothing() => Vec::new(),
        None => vec![list],
    };
    match elements.len() {
        0 => Err(wrong("there is nothing to do it for: the list is empty".to_owned())),
        1..=ELEMENTS => Ok(elements),
        more => Err(wrong(format!("{more} elements, at most {ELEMENTS}"))),
    }
}

/// An element and its place.
static ELEMENT: LazyLock<(Arc<str>, Arc<str>)> = LazyLock::new(|| ("item".into(), "at".into()));
