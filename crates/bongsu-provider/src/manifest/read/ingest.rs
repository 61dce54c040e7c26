//! The `ingest` part: shapes of payloads.

use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::{AlertSeverity, AlertState};

use super::Reader;
use crate::manifest::{Event, Identity, Rule, Shape, keys};

impl Reader {
    pub(super) fn shape(&mut self, node: &Node) -> Shape {
        let mut shape = Shape {
            name: String::new(),
            event: Event::Alert,
            when: None,
            each: None,
            skip: None,
            lets: Vec::new(),
            fields: Vec::new(),
            spread: Vec::new(),
            fingerprint: None,
        };
        for (key, value) in self.pairs(node, keys::SHAPE) {
            match key {
                "shape" => shape.name = self.text(value),
                "event" => {
                    if self.one_of(value, keys::EVENTS) == Some("change") {
                        shape.event = Event::Change;
                    }
                }
                "when" => shape.when = self.expression(value),
                "each" => shape.each = self.expression(value),
                "skip" => shape.skip = self.expression(value),
                "let" => {
                    for (name, value) in self.named(value) {
                        if let Some(expression) = self.expression(value) {
                            shape.lets.push((name.into(), expression));
                        }
                    }
                }
                "fields" => {
                    for (name, value) in self.named(value) {
                        if let Some(rule) = self.rule(name, value) {
                            shape.fields.push((name.into(), rule));
                        }
                    }
                }
                "spread" => {
                    let items = self.items(value);
                    shape.spread = items.iter().filter_map(|item| self.expression(item)).collect();
                }
                _ => {
                    shape.fingerprint = match &value.kind {
                        Kind::Sequence(_) => Some(Identity::Fields(self.texts(value))),
                        _ => self.expression(value).map(Identity::Value),
                    };
                }
            }
        }
        shape
    }

    fn rule(&mut self, field: &str, node: &Node) -> Option<Rule> {
        if !matches!(node.kind, Kind::Mapping(_)) {
            return self.expression(node).map(Rule::Value);
        }
        let (mut of, mut map, mut fold, mut otherwise) = (None, Vec::new(), false, None);
        for (key, value) in self.pairs(node, keys::RULE) {
            match key {
                "of" => of = self.expression(value),
                "map" => {
                    for (from, to) in self.named(value) {
                        let became = self.text(to);
                        self.check_target(field, &became, to);
                        map.push((from.to_owned(), became.into()));
                    }
                }
                "fold" => fold = self.boolean(value),
                _ => otherwise = self.expression(value),
            }
        }
        let of = of?;
        Some(Rule::Mapped { of, map, fold, otherwise })
    }

    /// A severity or state that nobody knows would silently become another one.
    fn check_target(&mut self, field: &str, became: &str, node: &Node) {
        let known = match field {
            "severity" => became.parse::<AlertSeverity>().is_ok(),
            "status" => became.parse::<AlertState>().is_ok(),
            _ => true,
        };
        if !known {
            self.refuse("BS1406", node.place, format!("{became:?} is no {field}"));
        }
    }
}
