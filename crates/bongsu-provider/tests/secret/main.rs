//! Secrets from every source, sealed values, and the clusters some of them are kept in.
#![allow(clippy::unwrap_used)]

mod kubernetes;
mod resolve;
mod seal;
mod vault;

use std::path::Path;
use std::sync::Arc;

use bongsu_config::providers::{ProvidersFile, load};
use bongsu_config::secret::Reference;
use bongsu_model::{Source, render_diagnostics};
use bongsu_provider::aws::Environment;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::Clients;
use bongsu_provider::secret::{SecretResolver, SecretSources};

fn providers(text: &str) -> ProvidersFile {
    let source = Source { name: "providers.yaml".to_owned(), text: text.to_owned() };
    load(source).unwrap_or_else(|found| panic!("{}", render_diagnostics(&found))).0
}

fn environment(pairs: &'static [(&'static str, &'static str)]) -> Environment {
    Arc::new(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
}

fn clients() -> Arc<Clients> {
    Arc::new(Clients::new("bongsu-test", EgressPolicy::open()))
}

fn resolver(text: &str, base: &Path) -> SecretResolver {
    let sources = SecretSources::new(environment(&[("TOKEN", "t0"), ("EMPTY", "")]), base);
    SecretResolver::new(&providers(text), sources, clients())
}

/// The value, or `kind: message`.
async fn shown(resolver: &SecretResolver, text: &str) -> String {
    match resolver.resolve("x.y", &Reference::parse(text).unwrap()).await {
        Ok(value) => value.expose().to_owned(),
        Err(error) => format!("{:?}: {error}", error.kind),
    }
}
