//! The keys of a manifest: one table for its reader and for its JSON Schema, so that they agree.

/// A key of a mapping.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) required: bool,
    /// One sentence, for editors.
    pub(super) about: &'static str,
}

/// What may stand under a key.
#[derive(Debug)]
pub(super) enum Form {
    Text,
    Texts,
    Boolean,
    Count,
    /// Text in both languages.
    Languages,
    /// A Jinja expression.
    Expression,
    /// Maps and lists as they stand; every scalar an expression.
    Tree,
    /// A value as it stands.
    Value,
    Values,
    OneOf(&'static [&'static str]),
    Object(&'static [Key]),
    /// A mapping whose keys are the author's.
    Named(&'static Form),
    List(&'static Form),
    Either(&'static [Form]),
}

use Form::{
    Boolean, Count, Either, Expression, Languages, List, Named, Object, OneOf, Text, Texts, Tree,
    Value, Values,
};

const fn key(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, required: false, about }
}

const fn required(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, required: true, about }
}

pub(super) const MANIFEST: &[Key] = &[
    required("name", Languages, "What people call it."),
    required("summary", Languages, "One sentence."),
    required("categories", Texts, "Where it stands in the catalogue."),
    key("docs", Text, "The vendor's page about it."),
    key("setup", Languages, "What to do on the other side."),
    key("aliases", Texts, "Other slugs people use for it."),
    key("auth", Named(&Object(SETTING)), "What an instance is configured with."),
    key("connect", Object(CONNECT), "How its requests leave."),
    key(
        "datasource",
        OneOf(LANGUAGES),
        "What rules ask it in, by the queries named evaluate and evaluate_range, search, or metric_data.",
    ),
    key("select", Expression, "Names the operation of a call that names none."),
    key("actions", Named(&Object(OPERATION)), "What changes something over there."),
    key("queries", Named(&Object(OPERATION)), "What asks something."),
    key("pull", Object(PULL), "Alerts fetched on a schedule."),
    key("check", List(&Object(CHECK)), "One request for each permission that is needed."),
    key("verify", List(&Object(VERIFY)), "Signatures of what comes in; any that holds is enough."),
    key("ingest", List(&Object(SHAPE)), "Shapes of payloads; the first that fits is taken."),
    key("departures", Texts, "Where the mapping means to differ from others, and why."),
];

pub(super) const LANGUAGES: &[&str] =
    &["promql", "metricsql", "logql", "logsql", "elasticsearch", "cloudwatch"];

pub(super) const SETTING_TYPES: &[&str] = &["text", "integer", "boolean", "json"];

pub(super) const SETTING: &[Key] = &[
    required("label", Languages, "What a form calls it."),
    key("help", Languages, "What to put there."),
    key("type", OneOf(SETTING_TYPES), "text unless said otherwise."),
    key("secret", Boolean, "Never shown."),
    key("required", Boolean, "An instance without it is refused."),
    key("default", Value, "Taken when it is not set."),
    key("options", Values, "The values it may have."),
    key("aliases", Texts, "Other names of it in a configuration."),
];

pub(super) const PARAM_TYPES: &[&str] =
    &["text", "integer", "number", "boolean", "list", "map", "any"];

pub(super) const PARAM: &[Key] = &[
    key("summary", Languages, "What it is for."),
    key("type", OneOf(PARAM_TYPES), "any unless said otherwise."),
    key("required", Boolean, "A call without it is refused."),
    key("required_unless", Text, "The parameter that may stand in its place."),
    key("default", Value, "Taken when it is not given."),
    key("random", Count, "So many random bytes in hex are taken when it is not given."),
    key("options", Values, "The values it may have."),
    key("aliases", Texts, "Other names of it."),
];

pub(super) const CONNECT: &[Key] = &[
    key("base", Expression, "In front of relative URLs."),
    key("headers", Tree, "Sent with each request."),
    key(
        "authorize",
        Either(&[AUTHORIZE_FORM, List(&AUTHORIZE_FORM)]),
        "How requests prove who sends them.",
    ),
    key("verify_tls", Expression, "Anything but false verifies."),
    key("tls_ca", Expression, "PEM of the authorities to trust."),
    key("dialect", OneOf(&["postgresql", "mysql", "sqlite"]), "Of a database."),
    key("url", Expression, "Of redis, in place of host and port."),
    key("host", Expression, "Name or address."),
    key("port", Expression, "Its port."),
    key("database", Expression, "Name or number of the database."),
    key("path", Expression, "File of an SQLite database."),
    key("username", Expression, "Who connects."),
    key("password", Expression, "Proves it."),
    key("key", Expression, "Private key of SSH."),
    key("known_host", Expression, "Public key the host has to have."),
    key(
        "encryption",
        Expression,
        "Of mail: none, opportunistic, tls (STARTTLS), ssl (TLS from the start).",
    ),
    key("tls", Expression, "Whether and how TLS is used."),
];

const AUTHORIZE_FORM: Form = Object(AUTHORIZE);

/// All keys of all kinds, for the schema; [`KINDS`] says which belong together.
pub(super) const AUTHORIZE: &[Key] = &[
    required("kind", OneOf(KIND_NAMES), "How."),
    key("when", Expression, "The first one whose condition holds is used."),
    key("username", Expression, "basic"),
    key("password", Expression, "basic"),
    key("token", Expression, "bearer"),
    key("name", Text, "header, query"),
    key("value", Expression, "header, query"),
    key("token_url", Expression, "oauth2"),
    key("client_id", Expression, "oauth2"),
    key("client_secret", Expression, "oauth2"),
    key("scopes", Expression, "oauth2, google: a list"),
    key("params", Tree, "oauth2: further form fields"),
    key(
        "credentials",
        OneOf(&["form", "header"]),
        "oauth2: where client id and secret stand; form unless said otherwise",
    ),
    key("secret", Expression, "hmac"),
    key("header", Text, "hmac"),
    key("algorithm", OneOf(ALGORITHMS), "hmac"),
    key("prefix", Text, "hmac"),
    key("region", Expression, "sigv4"),
    key("service", Expression, "sigv4"),
    key("access_key", Expression, "sigv4"),
    key("secret_key", Expression, "sigv4"),
    key("session_token", Expression, "sigv4"),
    key("service_account", Expression, "google: JSON text or a map"),
];

pub(super) const ALGORITHMS: &[&str] = &["sha1", "sha256", "sha512"];

const KIND_NAMES: &[&str] =
    &["basic", "bearer", "header", "query", "oauth2", "hmac", "sigv4", "kubernetes", "google"];

/// The keys of each kind of authorization: those it cannot do without, and the others.
pub(super) const KINDS: &[(&str, &[&str], &[&str])] = &[
    ("basic", &["username"], &["password"]),
    ("bearer", &["token"], &[]),
    ("header", &["name", "value"], &[]),
    ("query", &["name", "value"], &[]),
    ("oauth2", &["token_url"], &["client_id", "client_secret", "credentials", "scopes", "params"]),
    ("hmac", &["secret", "header"], &["algorithm", "prefix"]),
    ("sigv4", &["region", "service"], &["access_key", "secret_key", "session_token"]),
    ("kubernetes", &[], &[]),
    ("google", &["service_account", "scopes"], &[]),
];

pub(super) const OPERATION: &[Key] = &[
    required("summary", Languages, "What it does."),
    key("params", Named(&Object(PARAM)), "What a caller gives."),
    key("when", Expression, "Chosen by calls that name no operation only if it holds."),
    key("connect", Object(CONNECT), "Over the provider's."),
    key("before", Named(&Object(BEFORE)), "Requests that come first, each under its name."),
    key(
        "each",
        Expression,
        "A list: the request is sent for every `item` of it, at the place `at`.",
    ),
    required("request", Object(REQUEST), "What is sent: exactly one transport."),
    key("ok", Expression, "Whether it worked; of HTTP the status 2xx unless said otherwise."),
    key("error", Expression, "The text shown when it did not; the answer unless said otherwise."),
    key("result", Expression, "What the caller gets; the answer unless said otherwise."),
];

pub(super) const BEFORE: &[Key] = &[
    key("when", Expression, "Left out unless it holds."),
    key(
        "each",
        Expression,
        "A list: the request is sent for every `item` of it, at the place `at`.",
    ),
    required("request", Object(REQUEST), "What is sent; a statement for a database only reads."),
    key("ok", Expression, "Whether it worked; of HTTP the status 2xx unless said otherwise."),
    key("error", Expression, "The text shown when it did not."),
    key(
        "result",
        Expression,
        "What `before.NAME` is from then on; the answer unless said otherwise.",
    ),
    key("missing", Expression, "The text shown when the result is nothing; the call ends there."),
];

pub(super) const PULL: &[Key] = &[
    required("every", Text, "How often, a duration."),
    required("shape", Text, "The shape of `ingest` that maps an item."),
    key("items", Expression, "The payloads in an answer; the answer unless said otherwise."),
    key("cursor", Expression, "Kept, and given as `cursor` to the next request."),
    key(
        "complete",
        Expression,
        "Whether the answer is all that is going on: what it no longer holds is over.",
    ),
    key("connect", Object(CONNECT), "Over the provider's."),
    required("request", Object(REQUEST), "What is sent."),
    key("ok", Expression, "Whether it worked."),
    key("error", Expression, "The text shown when it did not."),
];

pub(super) const CHECK: &[Key] = &[
    required("permission", Text, "What the credential has to be allowed to do."),
    required("summary", Languages, "The same for people."),
    key("when", Expression, "Left out unless it holds."),
    key("connect", Object(CONNECT), "Over the provider's."),
    required("request", Object(REQUEST), "What is sent; it changes nothing."),
    key("ok", Expression, "Whether the permission is there."),
    key("error", Expression, "The text shown when it is not."),
];

pub(super) const REQUEST: &[Key] = &[
    key("http", Object(HTTP), "An HTTP request."),
    key("mail", Object(MAIL), "A mail."),
    key("sql", Object(SQL), "A statement for a database."),
    key("redis", Object(REDIS), "A command for redis."),
    key("ssh", Object(SSH), "A command on another host."),
    key("process", Object(PROCESS), "A program on this host; the operator has to allow it."),
];

pub(super) const HTTP: &[Key] = &[
    required("method", Text, "GET, POST …; an expression if it is no word in capitals."),
    required("url", Expression, "Relative to connect.base, or absolute."),
    key("query", Tree, "Of the URL; nothing is left out, lists repeat the key."),
    key("headers", Tree, "Of this request."),
    key("json", Tree, "Body."),
    key("form", Tree, "Body, x-www-form-urlencoded."),
    key("text", Expression, "Body as it is."),
    key("content_type", Text, "Of the body `text`."),
    key("multipart", Tree, "Body, multipart/form-data."),
    key("timeout", Expression, "Of one request: seconds, or a duration."),
    key("pages", Object(PAGES), "How the next page is asked for."),
];

pub(super) const PAGES: &[Key] = &[
    required("next", Expression, "Of the next page; nothing ends it."),
    key("param", Text, "Key of the query it is put under; without it, it is a URL."),
    key("items", Expression, "What is collected as `body`; the page unless said otherwise."),
    key("limit", Count, "Most pages, 10 unless said otherwise."),
];

pub(super) const MAIL: &[Key] = &[
    required("from", Expression, "Address of the sender."),
    key("from_name", Expression, "Name of the sender."),
    required("to", Expression, "Address, or a list of them."),
    key("cc", Expression, "Addresses."),
    key("bcc", Expression, "Addresses."),
    key("subject", Expression, "Subject."),
    key("text", Expression, "Plain text."),
    key("html", Expression, "HTML."),
];

pub(super) const SQL: &[Key] = &[
    required("statement", Expression, "With the dialect's placeholders."),
    key("parameters", Tree, "A list."),
    key("single_row", Expression, "Whether the result is one row."),
];

pub(super) const REDIS: &[Key] = &[required("command", Tree, "A list: the command and its words.")];

pub(super) const SSH: &[Key] = &[
    required("command", Expression, "For the login shell."),
    key("stdin", Expression, "What it reads."),
];

pub(super) const PROCESS: &[Key] = &[
    required("program", Expression, "Name or path."),
    key("arguments", Tree, "A list."),
    key("stdin", Expression, "What it reads."),
    key("environment", Tree, "Variables."),
    key("timeout", Expression, "Seconds, or a duration."),
];

pub(super) const VERIFY: &[Key] = &[
    required("kind", OneOf(&["hmac", "token", "standard_webhooks", "sns"]), "How."),
    key("header", Text, "Where the signature or token stands."),
    key("query", Text, "token: the key of the query where it stands."),
    key("signature", Expression, "hmac: the signature itself, where it stands in no header."),
    key("prefix", Text, "Taken off first."),
    key("algorithm", OneOf(ALGORITHMS), "hmac: sha256 unless said otherwise."),
    key("encoding", OneOf(&["hex", "base64"]), "hmac: hex unless said otherwise."),
    key("message", Expression, "hmac: what is signed, over body, headers, query."),
    key("timestamp", Expression, "hmac: when it was signed, over body, headers, query."),
    key(
        "max_age",
        Text,
        "hmac, standard_webhooks: how far that may be from now; 5m unless said otherwise.",
    ),
    key("secret", Expression, "Nothing means that it is not configured."),
    key("topic", Expression, "sns: the topic messages have to come from."),
];

pub(super) const EVENTS: &[&str] = &["alert", "change"];

pub(super) const SHAPE: &[Key] = &[
    required("shape", Text, "Its name."),
    key("event", OneOf(EVENTS), "What it maps to; alert unless said otherwise."),
    key("when", Expression, "Whether it fits; always unless said otherwise."),
    key("each", Expression, "The alerts in the payload; the payload unless said otherwise."),
    key("skip", Expression, "Whether it is no alert, on purpose."),
    key("let", Named(&Expression), "Names for what comes after, in order."),
    key("fields", Named(&Either(&[Expression, Object(RULE)])), "Fields of the alert."),
    key("spread", List(&Expression), "Maps whose keys become fields where none is yet."),
    key(
        "fingerprint",
        Either(&[Expression, Texts]),
        "What identifies it; a list of fields is hashed.",
    ),
];

pub(super) const RULE: &[Key] = &[
    required("of", Expression, "The value that is looked up."),
    key("map", Named(&Value), "What its text becomes."),
    key("fold", Boolean, "Whether case does not matter."),
    key("otherwise", Expression, "For what the map does not hold."),
];
