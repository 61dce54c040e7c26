//! A token endpoint (OAuth 2) that hands out numbered tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::capture::{Answer, CaptureServer, Captured};

/// How the endpoint wants to be shown the client's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// In the `Authorization` header only.
    Header,
    /// In the form (`client_id`, `client_secret`) only.
    Form,
    /// Not at all: signed assertions are taken as they are and left to the test to check.
    None,
}

/// The fake endpoint: `token-1`, `token-2` … to whoever shows the right id and secret, 401 else.
pub struct TokenEndpoint {
    server: CaptureServer,
    issued: Arc<AtomicUsize>,
}

impl TokenEndpoint {
    /// Starts an endpoint; tokens say they live `expires_in` seconds.
    pub fn start(id: &str, secret: &str, proof: ClientProof, expires_in: u64) -> Self {
        let issued = Arc::new(AtomicUsize::new(0));
        let counter = issued.clone();
        let (id, secret) = (id.to_owned(), secret.to_owned());
        let server = CaptureServer::responding(move |request| {
            if !accepted(request, &id, &secret, proof) {
                return Answer::status(401).body(r#"{"error":"invalid_client"}"#);
            }
            let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
            let body = json!({
                "access_token": format!("token-{number}"),
                "token_type": "bearer",
                "expires_in": expires_in,
            });
            Answer::status(200).header("content-type", "application/json").body(body.to_string())
        });
        Self { server, issued }
    }

    /// The URL to configure as `token_url`.
    pub fn url(&self) -> String {
        self.server.url("/token")
    }

    /// How many tokens were handed out.
    pub fn issued(&self) -> usize {
        self.issued.load(Ordering::SeqCst)
    }

    /// The requests it got, refused ones too.
    pub fn requests(&self) -> Vec<Captured> {
        self.server.captured()
    }
}

fn accepted(request: &Captured, id: &str, secret: &str, proof: ClientProof) -> bool {
    let form = request.form();
    let has = |name: &str, value: &str| form.iter().any(|(n, v)| n == name && v == value);
    match proof {
        ClientProof::None => true,
        ClientProof::Form => has("client_id", id) && has("client_secret", secret),
        ClientProof::Header => {
            let expected = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
            request.header("authorization") == expected
        }
    }
}
