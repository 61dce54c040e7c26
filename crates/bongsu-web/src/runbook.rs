//! Runbooks of alerts that ship with rules: what `runbook_url` leads to.
//!
//! In: a request that names a pack and an alert. Out: its Markdown as a page in the reader's
//! language. HTML in the Markdown is shown as text, and links lead only where browsers go by HTTP.

use std::sync::Arc;

use http::StatusCode;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html};

use crate::answer::{self, Answered};
use crate::page::{self, escape};
use crate::service::{App, Call};

/// `GET /runbooks/{pack}/{alert}`.
pub(crate) async fn show(app: Arc<App>, call: Call) -> Answered {
    let (pack, alert) = (call.parameter(0), call.parameter(1));
    let korean = page::korean(&call);
    match (app.options.runbook)(&pack, &alert, korean) {
        Some(text) => page::html(document(&app.options.prefix(), (&pack, &alert), korean, &text)),
        None => answer::text(StatusCode::NOT_FOUND, "there is no such runbook\n"),
    }
}

fn document(prefix: &str, (pack, alert): (&str, &str), korean: bool, text: &str) -> String {
    let (language, other, code) =
        if korean { ("ko", "English", "en") } else { ("en", "한국어", "ko") };
    let [prefix, pack, alert] = [prefix, pack, alert].map(escape);
    format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>{alert} · Bongsu</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"{prefix}/style.css\">\n</head>\n<body>\n<header>\n\
         <p><a href=\"{prefix}/\">Bongsu</a> <span class=\"faint\">{pack}</span></p>\n\
         <div class=\"tools\"><a href=\"?lang={code}\" lang=\"{code}\" hreflang=\"{code}\">{other}</a>\
         </div>\n</header>\n<main class=\"runbook\">\n{}</main>\n</body>\n</html>\n",
        rendered(text)
    )
}

fn rendered(text: &str) -> String {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if leads_on(&dest_url) { dest_url } else { CowStr::Borrowed("#") };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        event => event,
    });
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, events);
    out
}

/// Whether a link may be followed: to a path, a part of the page or by HTTP.
fn leads_on(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        None => true,
        Some(scheme) if scheme.contains(['/', '?', '#']) => true,
        Some(scheme) => scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_harmless_html() {
        for (text, expected) in [
            ("# A & B", "<h1>A &amp; B</h1>\n"),
            ("**Impact.** `a < b`", "<p><strong>Impact.</strong> <code>a &lt; b</code></p>\n"),
            (
                "```promql\nup == 0\n```",
                "<pre><code class=\"language-promql\">up == 0\n</code></pre>\n",
            ),
            ("a <img src=x onerror=y>", "<p>a &lt;img src=x onerror=y&gt;</p>\n"),
            ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
            ("[a](javascript:x)", "<p><a href=\"#\">a</a></p>\n"),
            ("[a](JAVA\tscript:x)", "<p>[a](JAVA\tscript:x)</p>\n"),
            ("[a](https://b/c:d)", "<p><a href=\"https://b/c:d\">a</a></p>\n"),
            ("[a](../b/c)", "<p><a href=\"../b/c\">a</a></p>\n"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }
}
