//! Arbitrary text as a manifest, and arbitrary JSON through every mapping that ships: an answer or a
//! reason, never a panic.
#![no_main]

use std::sync::{Arc, LazyLock};

use bongsu_model::{Json, Source, Timestamp};
use bongsu_provider::manifest::{Catalogue, Manifest};
use libfuzzer_sys::fuzz_target;

static SHIPPED: LazyLock<Vec<Arc<Manifest>>> = LazyLock::new(|| {
    let catalogue = Catalogue::shipped();
    let read = |slug: &str| catalogue.get(slug).and_then(Result::ok);
    catalogue.slugs().map(|slug| read(slug).expect("shipped manifests are right")).collect()
});

fuzz_target!(|text: &str| {
    let now = Timestamp::UNIX_EPOCH;
    let body = serde_json::from_str(text).unwrap_or(Json::from(text));
    // One mapping an input: the input chooses it.
    let choice = text.bytes().fold(0usize, |sum, byte| sum.wrapping_add(usize::from(byte)));
    if let Some(manifest) = SHIPPED.get(choice % SHIPPED.len().max(1))
        && let Ok(mapped) = manifest.map(&body, now)
    {
        for occurrence in mapped.occurrences {
            assert!(!occurrence.fingerprint.is_empty());
            occurrence.to_json();
        }
    }
    let source = Arc::new(Source { name: "provider.yaml".to_owned(), text: text.to_owned() });
    if let Ok(manifest) = Manifest::parse("fuzzed", source) {
        let _ = manifest.map(&body, now);
    }
});
