//! The `keep-…` suites: what Keep's users rely on.

pub(crate) mod alerts;
pub(crate) mod cel;
pub(crate) mod semantics;
pub(crate) mod workflows;
