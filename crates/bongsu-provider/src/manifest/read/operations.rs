//! Settings, parameters and what a provider can do.

use std::sync::Arc;

use bongsu_lang::duration;
use bongsu_lang::yaml::Node;
use serde_json::Value;

use super::Reader;
use super::names::{ANSWERED, ASKING, PULLED, PULLING};
use crate::manifest::keys::{self, Key};
use crate::manifest::operation::{Connect, Input, InputKind, Operation, OperationKind, Pull};
use crate::manifest::{Manifest, Text};

/// Requests that may come before another.
const BEFORE: usize = 10;

/// Most random bytes a parameter may want.
const RANDOM: usize = 256;

impl Reader {
    pub(super) fn settings(&mut self, node: &Node) -> Vec<Input> {
        self.inputs(node, keys::SETTING, InputKind::Text)
    }

    /// `auth` or `params`.
    fn inputs(&mut self, node: &Node, known: &'static [Key], kind: InputKind) -> Vec<Input> {
        let mut inputs: Vec<Input> = Vec::new();
        for (name, value) in self.named(node) {
            let input = self.input(name, value, known, kind);
            let names = std::iter::once(&input.name).chain(&input.aliases);
            for name in names {
                let taken = |other: &Input| other.name == *name || other.aliases.contains(name);
                if inputs.iter().any(taken) {
                    self.refuse("BS1403", value.place, format!("the name {name} stands twice"));
                }
            }
            inputs.push(input);
        }
        for input in &inputs {
            if let Some(other) = &input.required_unless
                && !inputs.iter().any(|input| input.name == *other)
            {
                let words = inputs.iter().map(|input| input.name.as_str());
                let message = format!("required_unless: there is no parameter {other}");
                self.refuse_word("BS1407", node.place, message, other, words);
            }
        }
        inputs
    }

    fn input(&mut self, name: &str, node: &Node, known: &'static [Key], kind: InputKind) -> Input {
        let mut input = Input {
            name: name.to_owned(),
            label: Text::default(),
            help: Text::default(),
            kind,
            secret: false,
            required: false,
            required_unless: None,
            default: None,
            random: None,
            options: Vec::new(),
            aliases: Vec::new(),
        };
        let types = if kind == InputKind::Text { keys::SETTING_TYPES } else { keys::PARAM_TYPES };
        for (key, value) in self.pairs(node, known) {
            match key {
                "label" | "summary" => input.label = self.languages(value),
                "help" => input.help = self.languages(value),
                "type" => {
                    input.kind = match self.one_of(value, types) {
                        Some("integer") => InputKind::Integer,
                        Some("number") => InputKind::Number,
                        Some("boolean") => InputKind::Boolean,
                        Some("list") => InputKind::List,
                        Some("map") => InputKind::Map,
                        Some("json") => InputKind::Json,
                        Some("any") => InputKind::Any,
                        _ => InputKind::Text,
                    }
                }
                "secret" => input.secret = self.boolean(value),
                "required" => input.required = self.boolean(value),
                "required_unless" => input.required_unless = Some(self.text(value)),
                "default" => input.default = Some(value.to_value().to_json()),
                "random" => input.random = self.count(value, RANDOM),
                "options" => {
                    let options = self.items(value).iter().map(|item| item.to_value().to_json());
                    input.options = options.collect();
                }
                _ => input.aliases = self.texts(value),
            }
        }
        if let Some(default) = input.default.take() {
            match input.coerce(&default) {
                Ok(value) => input.default = Some(value),
                Err(reason) => self.refuse("BS1406", node.place, format!("default: {reason}")),
            }
        }
        input
    }

    pub(super) fn operations<'n>(
        &mut self,
        manifest: &mut Manifest,
        connect: Option<&Arc<Connect>>,
        value: &impl Fn(&str) -> Option<&'n Arc<Node>>,
    ) {
        let choosing: Arc<[String]> = match &manifest.select {
            None => Arc::default(),
            Some(select) => {
                let names = select.names();
                names.iter().filter_map(|n| n.strip_prefix("params.")).map(str::to_owned).collect()
            }
        };
        for (section, kind) in
            [("actions", OperationKind::Action), ("queries", OperationKind::Query)]
        {
            let Some(node) = value(section) else { continue };
            for (name, node) in self.named(node) {
                let pairs = self.pairs(node, keys::OPERATION);
                let mut operation = self.operation(name, kind, &pairs, connect);
                operation.choosing = Arc::clone(&choosing);
                if manifest.actions.iter().any(|other| other.name == name) && section != "actions" {
                    let message = format!("{name} is the name of an action already");
                    self.refuse("BS1403", node.place, message);
                }
                match kind {
                    OperationKind::Action => manifest.actions.push(operation),
                    _ => manifest.queries.push(operation),
                }
            }
        }
        if let Some(node) = value("check") {
            for node in self.items(node) {
                let pairs = self.pairs(node, keys::CHECK);
                let name = text_under(&pairs, "permission").unwrap_or_default();
                let check = self.operation(&name, OperationKind::Check, &pairs, connect);
                manifest.checks.push(check);
            }
        }
        if let Some(node) = value("pull") {
            manifest.pull = self.pull(node, manifest, connect);
        }
    }

    fn pull(
        &mut self,
        node: &Node,
        manifest: &Manifest,
        connect: Option<&Arc<Connect>>,
    ) -> Option<Pull> {
        let pairs = self.pairs(node, keys::PULL);
        let operation = self.operation("pull", OperationKind::Pull, &pairs, connect);
        let shape = text_under(&pairs, "shape")?;
        if !manifest.ingest.iter().any(|known| known.name == shape) {
            let words = manifest.ingest.iter().map(|shape| shape.name.as_str());
            let message = format!("pull.shape: there is no shape {shape} in ingest");
            self.refuse_word("BS1407", node.place, message, &shape, words);
        }
        let every = text_under(&pairs, "every")?;
        match duration::parse(&every) {
            Ok(every) if !every.is_zero() => Some(Pull { every, shape, operation }),
            _ => {
                let message = format!("every: {every:?} is no duration such as 30s or 5m");
                self.refuse("BS1406", node.place, message);
                None
            }
        }
    }

    fn operation(
        &mut self,
        name: &str,
        kind: OperationKind,
        pairs: &[(&'static str, &Arc<Node>)],
        connect: Option<&Arc<Connect>>,
    ) -> Operation {
        let mut operation = Operation::empty(name, kind);
        operation.connect.extend(connect.cloned());
        let (asking, answered) = match kind {
            OperationKind::Pull => (PULLING, PULLED),
            _ => (ASKING, ANSWERED),
        };
        if let Some((_, node)) = pairs.iter().find(|(key, _)| *key == "params") {
            operation.params = self.inputs(node, keys::PARAM, InputKind::Any);
        }
        if let Some(allowed) = &mut self.allowed {
            allowed.params = Some(operation.params.iter().map(|p| p.name.clone()).collect());
        }
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, node)| *node);
        self.allow(asking);
        if let Some(node) = find("connect") {
            operation.connect.insert(0, Arc::new(self.connect(node)));
        }
        if let Some(node) = find("before") {
            operation.before = self.before(node, &operation.connect);
        }
        let each = find("each").is_some();
        for (key, value) in pairs {
            let after = matches!(*key, "ok" | "error" | "result" | "items" | "cursor" | "complete");
            self.allow(if after { answered } else { asking });
            self.allow_each(each && matches!(*key, "request" | "ok" | "error"));
            let earlier = if *key == "when" { &[] } else { operation.before.as_slice() };
            self.allow_before(earlier);
            // What is given may be meant for another operation: that is what `when` decides.
            let params = self.allowed.as_mut().and_then(|allowed| allowed.params.take());
            let (own, any) = if *key == "when" { (None, params) } else { (params, None) };
            if let Some(allowed) = &mut self.allowed {
                allowed.params = own;
            }
            match *key {
                "summary" => operation.summary = self.languages(value),
                "when" => operation.when = self.expression(value),
                "each" => operation.each = self.expression(value),
                "request" => {
                    if let Some(request) = self.request(value, answered) {
                        operation.request = request;
                    }
                }
                "ok" => operation.ok = self.expression(value),
                "error" => operation.error = self.expression(value),
                "result" => operation.result = self.expression(value),
                "items" => operation.items = self.expression(value),
                "cursor" => operation.cursor = self.expression(value),
                "complete" => operation.complete = self.expression(value),
                _ => {}
            }
            if let (Some(allowed), Some(params)) = (&mut self.allowed, any) {
                allowed.params = Some(params);
            }
        }
        if let Some(allowed) = &mut self.allowed {
            allowed.params = None;
        }
        self.allow(ASKING);
        self.allow_each(false);
        self.allow_before(&[]);
        operation
    }

    /// Requests that come before another and leave the same way; each may use what those before it
    /// gave.
    fn before(&mut self, node: &Node, connect: &[Arc<Connect>]) -> Vec<Operation> {
        let mut all: Vec<Operation> = Vec::new();
        for (name, one_node) in self.named(node) {
            if !Manifest::is_slug(name) {
                let message = format!("{name:?} is no name: lower case letters, digits and _ only");
                self.refuse("BS1406", super::key_place(node, name), message);
            }
            let mut one = Operation::empty(name, OperationKind::Query);
            one.connect = connect.to_vec();
            self.allow_before(&all);
            let pairs = self.pairs(one_node, keys::BEFORE);
            let each = pairs.iter().any(|(key, _)| *key == "each");
            for (key, value) in pairs {
                let after = matches!(key, "ok" | "error" | "result" | "missing");
                self.allow(if after { ANSWERED } else { ASKING });
                self.allow_each(each && matches!(key, "request" | "ok" | "error"));
                match key {
                    "when" => one.when = self.expression(value),
                    "each" => one.each = self.expression(value),
                    "request" => {
                        if let Some(request) = self.request(value, ANSWERED) {
                            one.request = request;
                        }
                    }
                    "ok" => one.ok = self.expression(value),
                    "error" => one.error = self.expression(value),
                    "result" => one.result = self.expression(value),
                    _ => one.missing = self.expression(value),
                }
            }
            all.push(one);
        }
        if all.len() > BEFORE {
            let message = format!("{} requests before another, at most {BEFORE}", all.len());
            self.refuse("BS1408", node.place, message);
        }
        all
    }
}

fn text_under(pairs: &[(&'static str, &Arc<Node>)], key: &str) -> Option<String> {
    let (_, node) = pairs.iter().find(|(name, _)| *name == key)?;
    node.text().map(str::to_owned)
}

/// What a default was read as, for the reader only.
impl Input {
    fn coerce(&self, value: &Value) -> Result<Value, String> {
        crate::call::coerce(self, value)
    }
}
