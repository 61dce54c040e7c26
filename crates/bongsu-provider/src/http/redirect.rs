//! What a redirect turns a request into, by the rules of Go's `net/http`.

use ::http::header::{self, HeaderMap, HeaderName};
use ::http::{Method, StatusCode};
use url::Url;

use super::HttpRequest;
use crate::error::{TransportError, TransportErrorKind};

/// How many redirects are followed.
pub(super) const MAX_REDIRECTS: usize = 10;

/// The request that follows, or `None` when the answer is to be returned as it is.
pub(super) fn follow(
    request: &HttpRequest,
    status: u16,
    answer: &HeaderMap,
) -> Result<Option<HttpRequest>, TransportError> {
    let keeps_method = match StatusCode::from_u16(status) {
        Ok(StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER) => false,
        Ok(StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) => true,
        _ => return Ok(None),
    };
    let Some(location) = answer.get(header::LOCATION) else { return Ok(None) };
    let bad = |why: &str| {
        let text = format!("redirect from {}: {why}", origin(&request.url));
        TransportError::new(TransportErrorKind::Redirect, text)
    };
    let location = location.to_str().map_err(|_| bad("location is not text"))?;
    let url = request.url.join(location).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(&format!("unsupported scheme {:?}", url.scheme())));
    }
    let mut next = request.clone();
    next.url = url;
    if !keeps_method {
        if !matches!(next.method, Method::GET | Method::HEAD) {
            next.method = Method::GET;
        }
        next.body = bytes::Bytes::new();
        next.headers.remove(header::CONTENT_TYPE);
        next.headers.remove(header::CONTENT_ENCODING);
    }
    if !trusts(&request.url, &next.url) {
        let sensitive: Vec<HeaderName> = next
            .headers
            .iter()
            .filter(|(_, value)| value.is_sensitive())
            .map(|(name, _)| name.clone())
            .collect();
        let always = [header::AUTHORIZATION, header::COOKIE, header::WWW_AUTHENTICATE];
        for name in always.into_iter().chain(sensitive) {
            next.headers.remove(name);
        }
    }
    Ok(Some(next))
}

/// Whether credentials for `from` may be shown to `to`: the same host or one below it, and not
/// over a less secure channel.
pub(super) fn trusts(from: &Url, to: &Url) -> bool {
    if from.scheme() == "https" && to.scheme() != "https" {
        return false;
    }
    let (Some(from), Some(to)) = (from.host_str(), to.host_str()) else { return false };
    let below = to.strip_suffix(from).is_some_and(|rest| rest.ends_with('.'));
    // 1.127.0.0.1 is not below 127.0.0.1.
    to == from || (below && from.parse::<std::net::IpAddr>().is_err())
}

/// Scheme, host and port: what may be shown of a URL in an error text.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str) -> HttpRequest {
        HttpRequest::new(method.parse().unwrap(), url)
            .unwrap()
            .header("authorization", "Bearer x")
            .unwrap()
            .header("content-type", "application/json")
            .unwrap()
            .body("{}")
    }

    fn located(place: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::LOCATION, place.parse().unwrap())])
    }

    #[test]
    fn method_and_body() {
        for (method, status, expected) in [
            ("POST", 301, Some(("GET", ""))),
            ("POST", 302, Some(("GET", ""))),
            ("PUT", 303, Some(("GET", ""))),
            ("HEAD", 303, Some(("HEAD", ""))),
            ("POST", 307, Some(("POST", "{}"))),
            ("PUT", 308, Some(("PUT", "{}"))),
            ("POST", 300, None),
            ("POST", 304, None),
            ("POST", 200, None),
        ] {
            let next = follow(&request(method, "http://a.test/x"), status, &located("/y")).unwrap();
            let seen = next
                .as_ref()
                .map(|next| (next.method.as_str(), std::str::from_utf8(&next.body).unwrap()));
            assert_eq!(seen, expected, "{method} {status}");
            if let Some(next) = next {
                assert_eq!(next.url.as_str(), "http://a.test/y");
                let typed = next.headers.contains_key("content-type");
                assert_eq!(typed, !next.body.is_empty(), "{method} {status}");
            }
        }
        assert!(
            follow(&request("POST", "http://a.test/"), 302, &HeaderMap::new()).unwrap().is_none()
        );
    }

    #[test]
    fn credentials_stay_with_the_host() {
        for (from, to, kept) in [
            ("https://a.test/", "/y", true),
            ("https://a.test/", "https://a.test:8443/", true),
            ("https://a.test/", "https://b.a.test/", true),
            ("https://a.test/", "http://a.test/", false),
            ("https://a.test/", "https://ba.test/", false),
            ("https://a.test/", "https://test/", false),
            ("http://127.0.0.1/", "http://1.127.0.0.1/", false),
        ] {
            let Ok(Some(next)) = follow(&request("GET", from), 302, &located(to)) else {
                assert!(!kept);
                continue;
            };
            assert_eq!(next.headers.contains_key("authorization"), kept, "{from} -> {to}");
        }
    }

    #[test]
    fn other_schemes_are_refused() {
        let error = follow(&request("GET", "http://a.test/secret"), 302, &located("file:///etc/x"));
        let error = error.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Redirect);
        assert!(!error.message.contains("secret"), "{error}");
    }
}
