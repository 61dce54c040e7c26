use proptest::prelude::*;

use crate::Server;

fn answer(path: &str, body: Vec<u8>) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Server::new().post(path, body).await.status })
}

/// Text that is nearly what is expected.
const NEARLY: &str = r#"[\[\{]{1,2}("(labels|annotations|startsAt|endsAt|generatorURL|matchers|comment|createdBy|id|name|value|isRegex)":("[a-z:/%\\]{0,4}"|\{"a":"b"\}|null|1|true|\[\]|"2026-01-02T03:04:05Z"),?){0,5}[\]\}]{0,2}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_body_breaks_anything(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        nearly in NEARLY,
    ) {
        for path in ["/api/v2/alerts", "/api/v2/silences", "/-/reload", "/api/v1/alerts"] {
            for body in [bytes.clone(), nearly.clone().into_bytes()] {
                let status = answer(path, body);
                prop_assert!(status < 500, "{path}: {status}");
            }
        }
    }

    #[test]
    fn no_path_or_query_breaks_anything(path in "[a-z0-9/%?&=.{}+;-]{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for root in ["/", "/api/v1/", "/api/v2/alerts?", "/api/v2/silence/", "/api/v1/alerts/"] {
            let Ok(uri) = format!("{root}{path}").parse::<http::Uri>() else { continue };
            let status = runtime.block_on(async { Server::new().get(&uri.to_string()).await.status });
            prop_assert!(status < 500, "{uri}: {status}");
        }
    }
}

#[test]
fn deep_and_large_bodies() {
    for (body, status) in [
        ("[".repeat(1 << 20), 400),
        ("{\"a\":".repeat(1 << 18), 400),
        (format!("[{{\"labels\":{{\"a\":\"{}\"}}}}]", "x".repeat(10 << 20)), 200),
        (
            format!(
                "[{{\"labels\":{{\"a\":\"b\"}},\"x\":{}{}}}]",
                "[".repeat(150),
                "]".repeat(150)
            ),
            200,
        ),
        ("[{\"labels\":{\"a\":\"\\u0000\"}}]".to_owned(), 200),
    ] {
        let start = body.chars().take(20).collect::<String>();
        assert_eq!(answer("/api/v2/alerts", body.into_bytes()), status, "{start}");
    }
}
