//! Packs of rules by name.
//!
//! In: `rule_packs`, the names there are. Out: the packs that are wanted, or names no pack has.

use std::sync::Arc;

use bongsu_lang::yaml::{Node, Value};
use bongsu_model::{Diagnostic, Place};

use super::{Monitoring, codes};
use crate::settings::{Reader, Setting};

/// The name of a pack of rules, with its place: which packs there are is known elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackName {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub place: Option<Place>,
}

impl Setting for PackName {
    fn zero() -> Self {
        Self::default()
    }

    fn is_zero(&self) -> bool {
        self.name.is_empty()
    }

    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let name = String::read(node, reader)?;
        Some(Self { name, place: reader.place(node) })
    }

    fn write(&self) -> Value {
        Value::from(self.name.as_str())
    }

    const REFUSES_NULL_ENTRY: Option<&'static str> = Some("a pack has a name");
}

impl Monitoring {
    /// The packs of rules that are wanted, each once, of those that `ship`.
    ///
    /// # Errors
    /// Names no pack has.
    pub fn packs<'s>(&self, ship: &'s [String]) -> Result<Vec<&'s str>, Vec<Diagnostic>> {
        let mut wanted: Vec<&str> = Vec::new();
        let mut faults = Vec::new();
        for PackName { name, place } in &self.rule_packs {
            let found: &[String] = match ship.iter().position(|known| known == name) {
                Some(at) => &ship[at..=at],
                None if name == "all" => ship,
                None => {
                    let message = format!("no pack of rules is called {name:?}");
                    let fault = Diagnostic::error(codes::PACK, message).at(place.clone());
                    let near = bongsu_lang::suggest::nearest(name, ship.iter().map(String::as_str));
                    faults.push(fault.help(match near {
                        Some(near) => format!("did you mean {near:?}?"),
                        None => format!("there are {}, and all", ship.join(", ")),
                    }));
                    continue;
                }
            };
            for pack in found {
                if !wanted.contains(&pack.as_str()) {
                    wanted.push(pack);
                }
            }
        }
        if faults.is_empty() { Ok(wanted) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::{Source, render_diagnostics};

    use super::*;
    use crate::monitoring::load;

    fn read(text: &str) -> Monitoring {
        let source = Source { name: "bongsu.yaml".to_owned(), text: text.to_owned() };
        load(&Arc::new(source)).unwrap().0
    }

    #[test]
    fn packs_by_name() {
        let ship = ["kafka", "kubernetes", "nodes"].map(str::to_owned);
        for (text, expected) in [
            ("", vec![]),
            ("rule_packs: [nodes, kafka, nodes]", vec!["nodes", "kafka"]),
            ("rule_packs: [nodes, all]", vec!["nodes", "kafka", "kubernetes"]),
        ] {
            assert_eq!(read(text).packs(&ship).unwrap(), expected, "{text}");
        }
        let read = read("rule_packs:\n- nodse\n- kafka\n- zebra\n");
        insta::assert_snapshot!(render_diagnostics(&read.packs(&ship).unwrap_err()), @r#"
        error[BS2502]: no pack of rules is called "nodse"
          --> bongsu.yaml:2:3
           |
         2 | - nodse
           |   ^
          help: did you mean "nodes"?

        error[BS2502]: no pack of rules is called "zebra"
          --> bongsu.yaml:4:3
           |
         4 | - zebra
           |   ^
          help: there are kafka, kubernetes, nodes, and all
        "#);
    }
}
