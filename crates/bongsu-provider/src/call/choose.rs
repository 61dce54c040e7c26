//! Which operation a call means.

use bongsu_model::Timestamp;
use serde_json::{Map, Value};

use super::{Auth, CallError, CallErrorKind, eval, input, scope};
use crate::manifest::{Manifest, Operation};

impl Operation {
    /// Whether the `when` of this operation holds.
    fn fits(
        &self,
        auth: &Auth,
        params: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<bool, CallError> {
        let Some(when) = &self.when else { return Ok(true) };
        // What is wrong with the parameters is said by the operation that is chosen.
        let given = input::defaulted(self, params);
        Ok(eval("when", when, &scope(auth, given, now))?.is_true())
    }
}

impl Manifest {
    /// The operation of this name; of an empty one, that of `select`, or the first whose `when`
    /// holds: an action, unless only a query takes these parameters. `pull` and
    /// `check:PERMISSION` name the others.
    ///
    /// # Errors
    /// When there is none.
    pub fn operation(
        &self,
        name: &str,
        auth: &Auth,
        params: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<&Operation, CallError> {
        if !name.is_empty() {
            return self.named(name);
        }
        if let Some(select) = &self.select {
            let chosen = eval("select", select, &scope(auth, params.clone(), now))?.to_text();
            if !chosen.is_empty() {
                return self.named(&chosen);
            }
        }
        let first = |operations| self.first(operations, auth, params, now);
        let (action, query) = (first(self.actions.iter()), first(self.queries.iter()));
        match (action, query) {
            // What the caller gives tells which of them is meant.
            (Ok(action), Ok(query))
                if input::params(action, params).is_err()
                    && input::params(query, params).is_ok() =>
            {
                Ok(query)
            }
            (Ok(action), _) => Ok(action),
            (Err(_), Ok(query)) => Ok(query),
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// The operation that `select` names, else the first action whose `when` holds: what notifies.
    ///
    /// # Errors
    /// When there is none.
    pub fn default_action(
        &self,
        auth: &Auth,
        params: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<&Operation, CallError> {
        self.default_of(&self.actions, auth, params, now)
    }

    /// The operation that `select` names, else the first query whose `when` holds.
    ///
    /// # Errors
    /// When there is none.
    pub fn default_query(
        &self,
        auth: &Auth,
        params: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<&Operation, CallError> {
        self.default_of(&self.queries, auth, params, now)
    }

    fn default_of<'m>(
        &'m self,
        operations: &'m [Operation],
        auth: &Auth,
        params: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<&'m Operation, CallError> {
        if let Some(select) = &self.select {
            let chosen = eval("select", select, &scope(auth, params.clone(), now))?.to_text();
            // Who names an operation means it wherever the call stands; those of the kind that is
            // expected come first.
            let others = self.actions.iter().chain(&self.queries);
            if let Some(operation) = operations.iter().chain(others).find(|o| o.name == chosen) {
                return Ok(operation);
            }
        }
        self.first(operations.iter(), auth, params, now)
    }

    fn first<'m>(
        &self,
        operations: impl Iterator<Item = &'m Operation>,
        auth: &Auth,
        params: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<&'m Operation, CallError> {
        for operation in operations {
            if operation.fits(auth, params, now)? {
                return Ok(operation);
            }
        }
        let what = format!("{} has no operation for these settings and parameters", self.slug);
        Err(CallError::new(CallErrorKind::NoOperation, what))
    }

    fn named(&self, name: &str) -> Result<&Operation, CallError> {
        let all = || self.actions.iter().chain(&self.queries);
        if let Some(operation) = all().find(|operation| operation.name == name) {
            return Ok(operation);
        }
        if let ("pull", Some(pull)) = (name, &self.pull) {
            return Ok(&pull.operation);
        }
        let permission = name.strip_prefix("check:");
        if let Some(check) = self.checks.iter().find(|c| Some(c.name.as_str()) == permission) {
            return Ok(check);
        }
        let names = all().map(|operation| operation.name.as_str());
        let mut what = format!("{} has no operation {name}", self.slug);
        if let Some(near) = bongsu_lang::suggest::nearest(name, names) {
            what.push_str(&format!("; did you mean {near}?"));
        }
        Err(CallError::new(CallErrorKind::NoOperation, what))
    }

    /// The checks that apply to an instance.
    ///
    /// # Errors
    /// When a `when` fails.
    pub fn checks_of(&self, auth: &Auth, now: Timestamp) -> Result<Vec<&Operation>, CallError> {
        let mut checks = Vec::new();
        for check in &self.checks {
            if check.fits(auth, &Map::new(), now)? {
                checks.push(check);
            }
        }
        Ok(checks)
    }
}
