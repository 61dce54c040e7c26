//! Requests, the ways they leave, and signatures of what comes in.

use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::yaml::{Kind, Node};

use super::Reader;
use super::names::INCOMING;
use crate::manifest::keys::{self, Key};
use crate::manifest::operation::{Authorize, Connect, Fields, Pages, Template, Transport, Tree};
use crate::manifest::verify::Signature;

/// Pages asked for unless a manifest says otherwise, and the most it may say.
const PAGES: usize = 10;
const MOST_PAGES: usize = 1000;

/// How far the time a request was signed at may be from now, unless a manifest says otherwise.
const MAX_AGE: Duration = Duration::from_secs(300);

impl Reader {
    pub(super) fn connect(&mut self, node: &Node) -> Connect {
        let (fields, others) = self.fields(node, keys::CONNECT);
        let mut connect = Connect { fields, authorize: None };
        for (_, node) in others {
            let one = std::slice::from_ref(node);
            let all = if let Kind::Sequence(items) = &node.kind { items.as_slice() } else { one };
            let ways = all.iter().filter_map(|node| self.authorize(node)).collect();
            connect.authorize = Some(ways);
        }
        connect
    }

    fn authorize(&mut self, node: &Node) -> Option<Authorize> {
        let (mut fields, _) = self.fields(node, keys::AUTHORIZE);
        let at = fields.0.iter().position(|(key, _)| *key == "kind")?;
        let (_, Tree::Literal(kind)) = fields.0.remove(at) else { return None };
        let (kind, wanted, more) =
            keys::KINDS.iter().find(|(name, ..)| kind.as_str() == Some(name))?;
        for name in wanted.iter().filter(|name| fields.get(name).is_none()) {
            self.refuse("BS1404", node.place, format!("{name} is missing: {kind} wants it"));
        }
        let may = |key: &str| key == "when" || wanted.contains(&key) || more.contains(&key);
        for (name, _) in fields.0.iter().filter(|(name, _)| !may(name)) {
            let all: Vec<&str> = wanted.iter().chain(*more).copied().collect();
            let message = format!("{kind} knows no {name}: known are {}", all.join(", "));
            self.refuse("BS1403", super::key_place(node, name), message);
        }
        let when = fields.0.iter().position(|(key, _)| *key == "when");
        let when = when.and_then(|at| match fields.0.remove(at) {
            (_, Tree::Value(expression)) => Some(expression),
            _ => None,
        });
        Some(Authorize { kind, when, fields })
    }

    /// `answered`: the names that pages may use.
    pub(super) fn request(
        &mut self,
        node: &Node,
        answered: &'static [&'static str],
    ) -> Option<Template> {
        let pairs = self.pairs(node, keys::REQUEST);
        let [(name, value)] = *pairs else {
            if matches!(node.kind, Kind::Mapping(_)) {
                let message = format!("{} transports where exactly one is wanted", pairs.len());
                self.refuse("BS1408", node.place, message);
            }
            return None;
        };
        let (transport, known): (Transport, &'static [Key]) = match name {
            "http" => (Transport::Http, keys::HTTP),
            "mail" => (Transport::Mail, keys::MAIL),
            "sql" => (Transport::Sql, keys::SQL),
            "redis" => (Transport::Redis, keys::REDIS),
            "ssh" => (Transport::Ssh, keys::SSH),
            _ => (Transport::Process, keys::PROCESS),
        };
        let (mut fields, others) = self.fields(value, known);
        self.method(value, &mut fields);
        let bodies = ["json", "form", "text", "multipart"];
        let given = bodies.iter().filter(|name| fields.get(name).is_some()).count();
        if transport == Transport::Http && given > 1 {
            self.refuse("BS1408", value.place, format!("{given} bodies where one is wanted"));
        }
        let mut pages = None;
        for (_, node) in others {
            self.allow(answered);
            pages = self.pages(node);
        }
        Some(Template { transport, fields, pages })
    }

    /// A method that is no word in capitals is an expression.
    fn method(&mut self, node: &Arc<Node>, fields: &mut Fields) {
        let Some((_, tree)) = fields.0.iter_mut().find(|(key, _)| *key == "method") else { return };
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase());
        if let Tree::Literal(value) = &*tree
            && !value.as_str().is_some_and(word)
            && let Some(expression) = node.get("method").and_then(|node| self.expression(node))
        {
            *tree = Tree::Value(expression);
        }
    }

    fn pages(&mut self, node: &Node) -> Option<Pages> {
        let (mut next, mut param, mut items, mut limit) = (None, None, None, PAGES);
        for (key, value) in self.pairs(node, keys::PAGES) {
            match key {
                "next" => next = self.expression(value),
                "param" => param = Some(self.text(value)),
                "items" => items = self.expression(value),
                _ => limit = self.count(value, MOST_PAGES).unwrap_or(PAGES),
            }
        }
        Some(Pages { next: next?, param, items, limit })
    }

    pub(super) fn signatures(&mut self, node: &Node) -> Vec<Signature> {
        self.allow(INCOMING);
        let items = self.items(node).iter();
        items.filter_map(|node| self.signature(node)).collect()
    }

    fn signature(&mut self, node: &Node) -> Option<Signature> {
        let (fields, _) = self.fields(node, keys::VERIFY);
        let literal = |name: &str| match fields.get(name) {
            Some(Tree::Literal(value)) => value.as_str().map(str::to_owned),
            _ => None,
        };
        let kind = literal("kind")?;
        let place = literal("header").is_some()
            || (kind == "token" && literal("query").is_some())
            || (kind == "hmac" && fields.get("signature").is_some());
        if matches!(&*kind, "hmac" | "token") && !place {
            self.refuse("BS1404", node.place, format!("header is missing: {kind} wants it"));
        }
        if kind != "sns" && fields.get("secret").is_none() {
            self.refuse("BS1404", node.place, format!("secret is missing: {kind} wants it"));
        }
        let mut max_age = MAX_AGE;
        if let Some(text) = literal("max_age") {
            match duration::parse(&text) {
                Ok(age) if !age.is_zero() => max_age = age,
                _ => {
                    let message = format!("max_age: {text:?} is no duration such as 30s or 5m");
                    self.refuse("BS1406", super::key_place(node, "max_age"), message);
                }
            }
            if kind == "hmac" && fields.get("timestamp").is_none() {
                let message = "timestamp is missing: max_age is counted from it";
                self.refuse("BS1404", node.place, message);
            }
        }
        Some(Signature { fields, max_age })
    }
}
