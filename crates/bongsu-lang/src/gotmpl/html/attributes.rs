//! What the values of attributes are made of.

/// The content an attribute takes, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Plain,
    Url,
    Css,
    Js,
    Srcset,
    Html,
    /// Changes the meaning of the page; never chosen by a template.
    Unsafe,
}

const URLS: &[&str] = &[
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
];

const UNSAFE: &[&str] = &[
    "accept-charset",
    "async",
    "challenge",
    "charset",
    "crossorigin",
    "defer",
    "enctype",
    "form",
    "formenctype",
    "formmethod",
    "formnovalidate",
    "http-equiv",
    "keytype",
    "language",
    "method",
    "novalidate",
    "rel",
    "sandbox",
    "type",
    "value",
    "content",
    "srcdoc",
];

/// Names that look like an address or a handler without being one.
const PLAIN: &[&str] = &["scrolling", "scoped", "scope"];

/// The content of the attribute `name` (lower case).
pub(super) fn content(name: &str) -> Content {
    let name = match name.strip_prefix("data-") {
        Some(custom) => custom,
        None => match name.split_once(':') {
            Some(("xmlns", _)) => return Content::Url,
            Some((_, local)) => local,
            None => name,
        },
    };
    match name {
        "style" => Content::Css,
        "srcset" => Content::Srcset,
        "srcdoc" => Content::Html,
        _ if URLS.contains(&name) => Content::Url,
        _ if UNSAFE.contains(&name) => Content::Unsafe,
        _ if PLAIN.contains(&name) => Content::Plain,
        _ if name.starts_with("on") => Content::Js,
        _ if ["src", "uri", "url"].iter().any(|part| name.contains(part)) => Content::Url,
        _ => Content::Plain,
    }
}

/// Whether the `type` of a `script` element means that its content is a script.
pub(super) fn is_script_type(mime: &str) -> bool {
    let essence = mime.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let (family, name) = essence.split_once('/').unwrap_or(("", &essence));
    match family {
        "" => name == "module",
        "application" => matches!(
            name,
            "ecmascript" | "javascript" | "json" | "ld+json" | "x-ecmascript" | "x-javascript"
        ),
        "text" => {
            matches!(
                name,
                "ecmascript" | "jscript" | "livescript" | "x-ecmascript" | "x-javascript"
            ) || name.strip_prefix("javascript").is_some_and(|version| {
                matches!(version, "" | "1.0" | "1.1" | "1.2" | "1.3" | "1.4" | "1.5")
            })
        }
        _ => false,
    }
}
