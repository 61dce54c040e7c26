//! Requests to a Kubernetes cluster whose place is not in the settings: a kubeconfig, or the cluster
//! this runs in.

use std::path::Path;

use bongsu_model::{Secret, render_diagnostics};
use serde_json::{Map, Value};

use crate::call::{CallError, CallErrorKind};
use crate::kubernetes::{ClusterPlace, Connection};
use crate::manifest::operation::text_of;

/// Where the cluster of these settings is and how to talk to it.
pub(super) async fn connection(settings: &Map<String, Value>) -> Result<Connection, CallError> {
    let setting = |name: &str| settings.get(name).map(text_of).filter(|text| !text.is_empty());
    let environment = |name: &str| std::env::var(name).ok();
    let context = setting("context");
    let place = if let Some(text) = setting("kubeconfig") {
        ClusterPlace::Inline { text: Secret::new(text), context }
    } else if setting("use_in_cluster_config").as_deref() == Some("true") {
        ClusterPlace::InCluster
    } else {
        match ClusterPlace::of_surroundings(&environment) {
            ClusterPlace::Kubeconfig { path, .. } => ClusterPlace::Kubeconfig { path, context },
            other => other,
        }
    };
    place.resolve(&environment, Path::new("/")).await.map_err(|found| {
        CallError::new(CallErrorKind::Settings, render_diagnostics(&found).trim().to_owned())
    })
}
