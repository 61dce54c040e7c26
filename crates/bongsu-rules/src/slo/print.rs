//! Rules of service levels as a rule file.

use bongsu_lang::yaml::{self, Value};

use super::Slos;
use crate::file;

impl Slos {
    /// The groups as a rule file of Prometheus; a data source is written as Bongsu reads it.
    pub fn to_yaml(&self) -> String {
        let groups = self.groups.iter().map(file::to_value).collect();
        yaml::emit(&Value::Map(vec![(Value::from("groups"), Value::List(groups))]))
    }
}
