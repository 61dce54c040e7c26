//! A world in which every message arrives and there are no files.

use bongsu_engine::api::Answer;
use bongsu_engine::transport::Transport;
use bongsu_model::Secret;
use bongsu_notify::{HttpRequest, Mail, Response, TransportError};
use tokio::time::Instant;

/// See the module.
pub(crate) struct Nobody;

impl Transport for Nobody {
    fn request(
        &self,
        _request: HttpRequest,
        _deadline: Instant,
    ) -> Answer<'_, Result<Response, TransportError>> {
        Box::pin(async {
            Ok(Response { status: 200, content_type: String::new(), body: "ok".into() })
        })
    }

    fn mail(&self, _mail: Mail, _deadline: Instant) -> Answer<'_, Result<(), TransportError>> {
        Box::pin(async { Ok(()) })
    }

    fn secret<'a>(&'a self, _path: &'a str) -> Answer<'a, Result<Secret, String>> {
        Box::pin(async { Err("no files here".to_owned()) })
    }
}
