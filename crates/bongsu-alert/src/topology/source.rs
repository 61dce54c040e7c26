//! Systems that are asked for their services.

use std::time::Duration;

use bongsu_model::Place;

/// An instance of a provider that says which services there are.
#[derive(Clone, Debug, PartialEq)]
pub struct TopologySource {
    /// Its name in `providers.yaml`.
    pub instance: String,
    /// How often it is asked.
    pub refresh: Duration,
    /// The environment of its services that name none.
    pub environment: Option<String>,
    /// The namespaces that are looked at; none: all.
    pub namespaces: Vec<String>,
    /// Labels the objects have to have, as the cluster writes selectors.
    pub selector: Option<String>,
    /// Where it is written.
    pub place: Option<Place>,
}

impl TopologySource {
    /// Whether another asks for the same.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.instance == other.instance
            && self.environment == other.environment
            && self.namespaces == other.namespaces
            && self.selector == other.selector
    }
}
