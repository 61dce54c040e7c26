//! AWS Signature Version 4 as a pure function.
//!
//! In: a request and credentials, with the time as an argument. Out: the headers that sign it.
//! Source: AWS, "Create a signed AWS API request" (General Reference).

use bongsu_model::Secret;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use url::Url;

/// AWS access keys.
#[derive(Clone, Debug)]
pub struct AwsCredentials {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: Secret,
    /// For temporary credentials.
    pub session_token: Option<Secret>,
}

/// What a signature is bound to besides the request.
#[derive(Clone, Copy, Debug)]
pub struct SigningScope<'a> {
    /// E.g. `ap-northeast-2`.
    pub region: &'a str,
    /// E.g. `sns`.
    pub service: &'a str,
    /// Time of signing; servers accept about five minutes of difference.
    pub now: Timestamp,
}

/// Everything but letters, digits and `-_.~` is escaped in canonical requests.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The service whose rules are its own.
const S3: &str = "s3";

/// The headers to add: `X-Amz-Date`, `X-Amz-Security-Token` for temporary credentials, and
/// `Authorization`.
///
/// `headers` are those to be signed besides `Host` and the added ones; names in any case. Paths
/// are normalised and escaped twice, as every service but S3 wants it; for `s3` they are taken as they
/// are, and `X-Amz-Content-Sha256` is added.
pub fn sign(
    method: &str,
    url: &Url,
    headers: &[(&str, &str)],
    body: &[u8],
    credentials: &AwsCredentials,
    scope: SigningScope<'_>,
) -> Vec<(&'static str, String)> {
    let time = scope.now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = time.get(..8).unwrap_or("");
    let mut added = vec![("X-Amz-Date", time.clone())];
    if let Some(token) = &credentials.session_token {
        added.push(("X-Amz-Security-Token", token.expose().to_owned()));
    }
    if scope.service == S3 {
        added.push(("X-Amz-Content-Sha256", hex::encode(Sha256::digest(body))));
    }
    let host = host(url);
    let all = headers.iter().copied().chain([("host", host.as_str())]);
    let (signed, canonical) = canonical_request(
        method,
        url,
        all.chain(added.iter().map(|(n, v)| (*n, &**v))),
        body,
        scope,
    );

    let scope_text = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let digest = hex::encode(Sha256::digest(canonical.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope_text}\n{digest}");
    let key = format!("AWS4{}", credentials.secret_key.expose());
    let key = [date, scope.region, scope.service, "aws4_request"]
        .iter()
        .fold(key.into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
    let signature = hex::encode(hmac_sha256(&key, to_sign.as_bytes()));
    let access_key = &credentials.access_key;
    added.push((
        "Authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope_text}, SignedHeaders={signed}, Signature={signature}"
        ),
    ));
    added
}

/// The list of signed header names and the canonical form of the request.
fn canonical_request<'a>(
    method: &str,
    url: &Url,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    body: &[u8],
    scope: SigningScope<'_>,
) -> (String, String) {
    let mut headers: Vec<(String, String)> = headers
        .map(|(name, value)| {
            let words: Vec<&str> = value.split_whitespace().collect();
            (name.to_ascii_lowercase(), words.join(" "))
        })
        .collect();
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let escape = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    // `Url` has resolved dot segments and escaped once; slashes stay separators.
    let path: Vec<String> = match scope.service {
        S3 => vec![url.path().to_owned()],
        _ => url.path().split('/').map(escape).collect(),
    };
    let mut query: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (escape(&name), escape(&value))).collect();
    query.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let digest = hex::encode(Sha256::digest(body));
    let path = path.join("/");
    let query = query.join("&");
    (signed.clone(), format!("{method}\n{path}\n{query}\n{lines}\n{signed}\n{digest}"))
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC accepts keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> AwsCredentials {
        AwsCredentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        }
    }

    fn signature(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> String {
        let scope = SigningScope {
            region: "us-east-1",
            service: "service",
            now: "2015-08-30T12:36:00Z".parse().unwrap(),
        };
        let url = Url::parse(url).unwrap();
        let added = sign(method, &url, headers, body.as_bytes(), &credentials(), scope);
        added.last().unwrap().1.rsplit('=').next().unwrap().to_owned()
    }

    /// From AWS's published Signature Version 4 test suite.
    #[test]
    fn matches_the_published_vectors() {
        let base = "https://example.amazonaws.com/";
        assert_eq!(
            signature("GET", base, &[], ""),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(
            signature("GET", &format!("{base}?Param2=value2&Param1=value1"), &[], ""),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
        assert_eq!(
            signature("POST", base, &[], ""),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        assert_eq!(
            signature(
                "POST",
                base,
                &[("Content-Type", "application/x-www-form-urlencoded")],
                "Param1=value1"
            ),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    #[test]
    fn names_what_is_signed() {
        let mut credentials = credentials();
        credentials.session_token = Some(Secret::new("token"));
        let scope = SigningScope {
            region: "ap-northeast-2",
            service: "sns",
            now: "2026-03-01T00:00:00Z".parse().unwrap(),
        };
        let url = Url::parse("http://localhost:4566/").unwrap();
        let added = sign("POST", &url, &[], b"", &credentials, scope);
        let names: Vec<&str> = added.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["X-Amz-Date", "X-Amz-Security-Token", "Authorization"]);
        assert!(added[2].1.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260301/ap-northeast-2/sns/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
        ));
    }
}
