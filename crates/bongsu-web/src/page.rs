//! The page at `/`: alerts, silences, rules, objectives, series, what runs.
//!
//! In: a request. Out: what runs, how much there is and where to go, which needs no script; the
//! script shows the rest by our API. Every view has an address below `#/`, those that links in
//! notifications carry among them.

use std::fmt::Write;
use std::sync::Arc;

use bongsu_model::Timestamp;
use http::header::{ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY};
use http::{HeaderMap, HeaderValue, header};

use crate::answer::{self, Answered};
use crate::service::{App, Call};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The texts of one language.
struct Texts {
    language: &'static str,
    skip: &'static str,
    views: &'static str,
    feed: &'static str,
    routed: &'static str,
    rules: &'static str,
    slos: &'static str,
    query: &'static str,
    targets: &'static str,
    workflows: &'static str,
    errors: &'static str,
    server: &'static str,
    keys: &'static str,
    /// The other language: its name and code.
    other: (&'static str, &'static str),
    script: &'static str,
    version: &'static str,
    uptime: &'static str,
    alerts: &'static str,
    groups: &'static str,
    silences: &'static str,
    active_silences: &'static str,
    receivers: &'static str,
    ready: &'static str,
    yes: &'static str,
    more: &'static str,
}

const ENGLISH: Texts = Texts {
    language: "en",
    skip: "Skip to the content",
    views: "Views",
    feed: "Alerts",
    routed: "Routed",
    rules: "Rules",
    slos: "Objectives",
    query: "Query",
    targets: "Targets",
    workflows: "Workflows",
    errors: "Not mapped",
    server: "Server",
    keys: "Keys",
    other: ("한국어", "ko"),
    script: "Without script this page shows what runs; alerts are at /api/v1/occurrences.",
    version: "Version",
    uptime: "Running since",
    alerts: "Alerts",
    groups: "Groups",
    silences: "Silences",
    active_silences: "Active silences",
    receivers: "Receivers",
    ready: "Ready",
    yes: "yes",
    more: "For machines",
};

const KOREAN: Texts = Texts {
    language: "ko",
    skip: "본문으로 건너뛰기",
    views: "보기",
    feed: "알림",
    routed: "라우팅",
    rules: "규칙",
    slos: "SLO",
    query: "질의",
    targets: "수집 대상",
    workflows: "워크플로",
    errors: "매핑 실패",
    server: "서버",
    keys: "단축키",
    other: ("English", "en"),
    script: "스크립트 없이는 서버 상태만 보입니다. 알림은 /api/v1/occurrences에 있습니다.",
    version: "버전",
    uptime: "시작 시각",
    alerts: "알림",
    groups: "그룹",
    silences: "무음",
    active_silences: "적용 중인 무음",
    receivers: "수신자",
    ready: "준비 상태",
    yes: "준비됨",
    more: "기계용 주소",
};

/// The page.
pub(crate) async fn index(app: Arc<App>, call: Call) -> Answered {
    let texts = if korean(&call) { &KOREAN } else { &ENGLISH };
    html(page(&app, texts))
}

/// Whether a page is wanted in Korean: `lang` says so, or else the browser's languages do.
pub(crate) fn korean(call: &Call) -> bool {
    match call.query.last("lang") {
        Some(asked) => asked.eq_ignore_ascii_case("ko"),
        None => prefers_korean(&call.headers),
    }
}

/// A page that loads nothing but our own files.
pub(crate) fn html(page: String) -> Answered {
    let mut answer = answer::typed("text/html; charset=utf-8", page);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(VARY, HeaderValue::from_static("Accept-Language"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The page's script.
pub(crate) async fn script(_app: Arc<App>, _call: Call) -> Answered {
    let script = concat!(
        include_str!("../assets/words.js"),
        include_str!("../assets/routed.js"),
        include_str!("../assets/errors.js"),
        include_str!("../assets/workflows.js"),
        include_str!("../assets/lists.js"),
        include_str!("../assets/rules.js"),
        include_str!("../assets/slos.js"),
        include_str!("../assets/query.js"),
        include_str!("../assets/targets.js"),
        include_str!("../assets/detail.js"),
        include_str!("../assets/feed.js"),
        include_str!("../assets/script.js"),
    );
    cached(answer::typed("text/javascript; charset=utf-8", script))
}

/// The page's style.
pub(crate) async fn style(_app: Arc<App>, _call: Call) -> Answered {
    cached(answer::typed("text/css; charset=utf-8", include_str!("../assets/style.css")))
}

fn cached(mut answer: Answered) -> Answered {
    let value = HeaderValue::from_static("public, max-age=300");
    answer.headers_mut().insert(header::CACHE_CONTROL, value);
    answer
}

/// Whether Korean is asked for before English.
fn prefers_korean(headers: &HeaderMap) -> bool {
    let text = headers.get(ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let weight = |language: &str| {
        text.split(',')
            .filter_map(|range| {
                let (tag, quality) = range.trim().split_once(";q=").unwrap_or((range.trim(), "1"));
                let primary = tag.split('-').next().unwrap_or_default();
                primary
                    .eq_ignore_ascii_case(language)
                    .then(|| quality.parse::<f32>().unwrap_or(0.0))
            })
            .fold(0.0, f32::max)
    };
    // At equal weight the one named first wins.
    let place = |language: &str| text.to_ascii_lowercase().find(language).unwrap_or(usize::MAX);
    let (korean, english) = (weight("ko"), weight("en"));
    korean > english || korean > 0.0 && korean >= english && place("ko") < place("en")
}

fn page(app: &App, texts: &Texts) -> String {
    let status = app.backend.status();
    let counts = app.backend.counts();
    let ready = match app.backend.ready() {
        Ok(()) => texts.yes.to_owned(),
        Err(reason) => reason,
    };
    let prefix = escape(&app.options.prefix());
    let language = texts.language;
    let since = status.started_at.round(jiff::Unit::Second).unwrap_or(Timestamp::MIN);
    let mut out = String::with_capacity(4 << 10);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"{language}\" data-prefix=\"{prefix}\">\n<head>\n\
         <meta charset=\"utf-8\">\n<title>Bongsu</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"{prefix}/style.css\">\n\
         <script src=\"{prefix}/script.js\" defer></script>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#view\">{}</a>\n<header>\n\
         <h1><a href=\"#/feed\">Bongsu</a></h1>\n<nav aria-label=\"{}\"><ul>\n",
        texts.skip, texts.views
    );
    for (place, name) in [
        ("feed", texts.feed),
        ("alerts", texts.routed),
        ("silences", texts.silences),
        ("rules", texts.rules),
        ("slos", texts.slos),
        ("query", texts.query),
        ("targets", texts.targets),
        ("workflows", texts.workflows),
        ("errors", texts.errors),
        ("server", texts.server),
    ] {
        let _ = writeln!(out, "<li><a href=\"#/{place}\">{name}</a></li>");
    }
    let (other, code) = texts.other;
    let _ = write!(
        out,
        "</ul></nav>\n<div class=\"tools\">\n\
         <a id=\"language\" href=\"{prefix}/?lang={code}\" lang=\"{code}\" hreflang=\"{code}\">{other}</a>\n\
         <button id=\"theme\" type=\"button\" hidden></button>\n\
         <button id=\"keys\" type=\"button\" hidden>{} <kbd>?</kbd></button>\n\
         </div>\n</header>\n<main id=\"view\" tabindex=\"-1\">\
         <noscript><p>{}</p></noscript></main>\n\
         <section id=\"server\" aria-labelledby=\"server-title\">\n\
         <h2 id=\"server-title\">{}</h2>\n",
        texts.keys, texts.script, texts.server
    );
    out.push_str("<dl>\n");
    let version = &app.options.build.version;
    for (name, value) in [
        (texts.version, version.clone()),
        (texts.uptime, since.to_string()),
        (texts.ready, ready),
        (texts.alerts, counts.alerts.to_string()),
        (texts.groups, counts.groups.to_string()),
        (texts.active_silences, counts.active_silences.to_string()),
        (texts.receivers, app.backend.receivers().len().to_string()),
    ] {
        let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    let _ = write!(out, "</dl>\n<h3>{}</h3>\n<ul class=\"links\">\n", texts.more);
    for path in ["/api/v2/status", "/api/v1/openapi.json", "/metrics", "/-/healthy", "/-/ready"] {
        let _ = writeln!(out, "<li><a href=\"{prefix}{path}\">{path}</a></li>");
    }
    out.push_str(
        "</ul>\n</section>\n<p id=\"said\" class=\"said\" role=\"status\"></p>\n\
         <dialog id=\"help\"></dialog>\n</body>\n</html>\n",
    );
    out
}

/// Text in HTML and in its attributes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages() {
        let korean = |text: &str| {
            prefers_korean(&HeaderMap::from_iter([(ACCEPT_LANGUAGE, text.parse().unwrap())]))
        };
        for text in ["ko", "ko-KR,ko;q=0.9,en-US;q=0.8", "fr, ko;q=0.5", "ko,en"] {
            assert!(korean(text), "{text}");
        }
        for text in ["", "en", "en,ko", "en-US,en;q=0.9,ko;q=0.8", "fr"] {
            assert!(!korean(text), "{text}");
        }
    }
}
