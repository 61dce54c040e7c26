//! `/api/v2/status` and `/api/v2/receivers`.

use std::sync::Arc;

use http::StatusCode;

use super::model::{
    ClusterJson, ConfigJson, Millis, PeerJson, ReceiverJson, StatusJson, VersionJson,
};
use crate::answer::{self, Answered};
use crate::service::{App, Call};

/// Names and labels of receivers.
pub(crate) async fn receivers(app: Arc<App>, call: Call) -> Answered {
    let wanted = match call.query.matchers("receiver_matchers", app.options.mode) {
        Ok(wanted) => wanted,
        Err(message) => {
            let message = format!("failed to parse receiver_matchers param: {message}");
            return answer::bare(StatusCode::BAD_REQUEST, message);
        }
    };
    let receivers = app.backend.receivers();
    let shown: Vec<ReceiverJson<'_>> = receivers
        .iter()
        .filter(|receiver| bongsu_route::filter::holds(&wanted, &receiver.labels))
        .map(|receiver| ReceiverJson { name: &receiver.name, labels: &receiver.labels })
        .collect();
    answer::json(StatusCode::OK, &shown)
}

/// Versions, configuration, peers.
pub(crate) async fn status(app: Arc<App>, _call: Call) -> Answered {
    let status = app.backend.status();
    let build = &app.options.build;
    let cluster = match &status.cluster {
        None => ClusterJson { name: "", peers: Vec::new(), status: "disabled" },
        Some(cluster) => ClusterJson {
            name: &cluster.name,
            peers: cluster.peers.iter().map(|(name, address)| PeerJson { address, name }).collect(),
            status: if cluster.ready { "ready" } else { "settling" },
        },
    };
    let shown = StatusJson {
        cluster,
        config: ConfigJson { original: &status.config },
        uptime: Millis(status.started_at),
        version_info: VersionJson {
            branch: &build.branch,
            build_date: &build.build_date,
            build_user: &build.build_user,
            go_version: &build.compiler,
            revision: &build.revision,
            version: &build.alertmanager_version,
        },
    };
    answer::json(StatusCode::OK, &shown)
}
