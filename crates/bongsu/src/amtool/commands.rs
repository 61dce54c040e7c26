//! The commands and flags of amtool.

use crate::kingpin::{Arguments, Command, Flag, Kind};

/// The whole tree.
pub(super) static PROGRAM: Command = Command {
    name: "amtool",
    help: "Shows and changes the state of a running Alertmanager.\n\n\
           Defaults for any flag may be kept in $HOME/.config/amtool/config.yml or\n\
           /etc/amtool/config.yml, one `flag: value` a line, for instance:\n\n  \
           alertmanager.url  the server to talk to\n  \
           author            who makes new silences, if not the user\n  \
           require-comment   false lets silences have no comment\n  \
           output            simple, extended or json\n  \
           date.format       a Go time layout\n  \
           http.config.file  TLS and authentication settings",
    flags: GLOBAL,
    arguments: None,
    commands: &[
        group("alert", "Adds and lists alerts.", &[ALERT_QUERY, ALERT_ADD]),
        group(
            "silence",
            "Adds, changes, expires and lists silences.",
            &[SILENCE_ADD, SILENCE_EXPIRE, SILENCE_IMPORT, SILENCE_QUERY, SILENCE_UPDATE],
        ),
        Command {
            name: "check-config",
            help: "Checks configuration files and the templates they name; reads standard input\n\
                   if no file is given.",
            flags: &[],
            arguments: many("check-files", "Files to check.", true),
            commands: &[],
            default: false,
        },
        group(
            "cluster",
            "Shows the cluster.",
            &[leaf("show", "Shows the cluster and its members.", &[], None, true)],
        ),
        group(
            "config",
            "Shows the configuration in force.",
            &[leaf("show", CONFIG_SHOW_HELP, &[], None, true), CONFIG_ROUTES],
        ),
        group("template", "Works with notification templates.", &[TEMPLATE_RENDER]),
    ],
    default: false,
};

const GLOBAL: &[Flag] = &[
    Flag::new("date.format", Kind::Text, "Go layout of dates.").default("2006-01-02 15:04:05 MST"),
    Flag::new("verbose", Kind::Switch, "Say more.").short('v'),
    Flag::new(
        "alertmanager.url",
        Kind::Text,
        "Server to talk to (default http://localhost:9093/).",
    ),
    Flag::new(
        "output",
        Kind::OneOf(&["simple", "extended", "json"]),
        "Shape of the output: simple, extended, json.",
    )
    .short('o')
    .default("simple"),
    Flag::new("timeout", Kind::Duration, "Limit for each request.").default("30s"),
    Flag::new(
        "http.config.file",
        Kind::ExistingFile,
        "File with TLS and authentication settings of the connection.",
    ),
    Flag::new(
        "version-check",
        Kind::Switch,
        "Compare versions with the server; --no-version-check does not.",
    )
    .default("true"),
    Flag::new("enable-feature", Kind::Text, "Comma-separated: classic-mode, utf8-strict-mode.")
        .default(""),
];

const fn many(name: &'static str, help: &'static str, existing: bool) -> Option<Arguments> {
    Some(Arguments { name, help, many: true, existing })
}

const fn leaf(
    name: &'static str,
    help: &'static str,
    flags: &'static [Flag],
    arguments: Option<Arguments>,
    default: bool,
) -> Command {
    Command { name, help, flags, arguments, commands: &[], default }
}

const fn group(name: &'static str, help: &'static str, commands: &'static [Command]) -> Command {
    Command { name, help, flags: &[], arguments: None, commands, default: false }
}

const MATCHERS: Option<Arguments> = many("matcher-groups", "Matchers that must all hold.", false);
const START: &str = "When it begins, RFC 3339 (2006-01-02T15:04:05-07:00).";
const END: &str = "When it ends, RFC 3339 (2006-01-02T15:04:05-07:00).";
const COMMENT: Flag = Flag::new("comment", Kind::Text, "Why.").short('c');
const QUIET: Flag = Flag::new("quiet", Kind::Switch, "Print ids only.").short('q');

const ALERT_QUERY: Command = leaf(
    "query",
    "Lists alerts whose labels match.\n\n  \
     amtool alert query alertname=foo node=bar\n  \
     amtool alert query foo node=bar              a first word alone is the alertname\n  \
     amtool alert query 'alertname=~foo.*'\n\n\
     Without any of the state flags only active alerts are listed.",
    &[
        Flag::new("inhibited", Kind::Switch, "List inhibited alerts.").short('i'),
        Flag::new("silenced", Kind::Switch, "List silenced alerts.").short('s'),
        Flag::new("active", Kind::Switch, "List active alerts.").short('a'),
        Flag::new("unprocessed", Kind::Switch, "List unprocessed alerts.").short('u'),
        Flag::new("receiver", Kind::Text, "Only alerts whose receiver matches this regex.")
            .short('r'),
    ],
    MATCHERS,
    true,
);

const ALERT_ADD: Command = leaf(
    "add",
    "Sends an alert.\n\n  \
     amtool alert add alertname=foo node=bar\n  \
     amtool alert add foo node=bar --annotation=summary='it broke'",
    &[
        Flag::new("generator-url", Kind::Text, "Link to what raised it."),
        Flag::new("start", Kind::Text, START),
        Flag::new("end", Kind::Text, END),
        Flag::new("annotation", Kind::Texts, "An annotation, name=value; may be repeated."),
    ],
    many("labels", "Labels of the alert, name=value.", false),
    false,
);

const SILENCE_ADD: Command = leaf(
    "add",
    "Makes a silence and prints its id.\n\n  \
     amtool silence add alertname=foo node=bar -c 'planned work'\n  \
     amtool silence add foo 'node=~db.*' -d 2h -c 'planned work'",
    &[
        Flag::new("author", Kind::Text, "Who makes it (default: the user).").short('a'),
        Flag::new("require-comment", Kind::Switch, "").default("true"),
        Flag::new("duration", Kind::Text, "How long it lasts.").short('d').default("1h"),
        Flag::new("start", Kind::Text, START),
        Flag::new("end", Kind::Text, "When it ends, RFC 3339; instead of a duration."),
        COMMENT,
        Flag::new("annotation", Kind::Texts, "An annotation, name=value; may be repeated."),
    ],
    MATCHERS,
    false,
);

const SILENCE_EXPIRE: Command = leaf(
    "expire",
    "Ends silences now.",
    &[],
    many("silence-ids", "Ids of the silences.", false),
    false,
);

const SILENCE_IMPORT: Command = leaf(
    "import",
    "Makes silences from JSON in a file or on standard input.\n\n  \
     amtool silence query -o json foo > foo.json\n  \
     amtool silence import foo.json",
    &[
        Flag::new("force", Kind::Switch, "Make new silences even if they exist.").short('f'),
        Flag::new("worker", Kind::Integer, "Requests at once.").short('w').default("8"),
    ],
    Some(Arguments {
        name: "input-file",
        help: "JSON list of silences.",
        many: false,
        existing: true,
    }),
    false,
);

const SILENCE_QUERY: Command = leaf(
    "query",
    "Lists silences.\n\n  \
     amtool silence query alertname=foo node=bar\n  \
     amtool silence query --within 8h              that end within 8 hours\n  \
     amtool silence query --expired --within 2h    that ended within the last 2 hours",
    &[
        Flag::new("expired", Kind::Switch, "List expired silences instead."),
        QUIET,
        Flag::new("created-by", Kind::Text, "Only silences made by this author."),
        Flag::new("id", Kind::Text, "Only the silence with this id."),
        Flag::new("within", Kind::Duration, "Only silences that end, or ended, within this time."),
    ],
    MATCHERS,
    true,
);

const SILENCE_UPDATE: Command = leaf(
    "update",
    "Changes silences.",
    &[
        QUIET,
        Flag::new("duration", Kind::Text, "New length, from its start.").short('d'),
        Flag::new("start", Kind::Text, START),
        Flag::new("end", Kind::Text, "When it ends, RFC 3339; instead of a duration."),
        COMMENT,
    ],
    many("update-ids", "Ids of the silences.", false),
    false,
);

const CONFIG_SHOW_HELP: &str = "Shows the configuration in force: simple prints it, extended adds version and start time,\n\
     json prints the whole status.";

const CONFIG_ROUTES: Command = Command {
    name: "routes",
    help: "Shows or tests the routing tree of a running server or of a file.\n\n  \
           amtool config routes --config.file=alertmanager.yml\n  \
           amtool config routes test --config.file=alertmanager.yml \\\n    \
           --verify.receivers=team-DB-pager service=database",
    flags: &[Flag::new(
        "config.file",
        Kind::ExistingFile,
        "Configuration file to use instead of the server's.",
    )],
    arguments: None,
    commands: &[
        leaf("show", "Prints the routing tree.", &[], None, true),
        leaf(
            "test",
            "Prints the receivers of an alert with the given labels, in order.",
            &[
                Flag::new(
                    "verify.receivers",
                    Kind::Text,
                    "Comma-separated receivers expected; fail if they differ.",
                ),
                Flag::new("tree", Kind::Switch, "Print the matching part of the tree."),
            ],
            many("labels", "Labels of the alert, name=value.", false),
            false,
        ),
    ],
    default: false,
};

const TEMPLATE_RENDER: Command = leaf(
    "render",
    "Renders a template text to standard output.",
    &[
        Flag::new("template.glob", Kind::Texts, "Template files to load; may be repeated.")
            .required(),
        Flag::new("template.text", Kind::Text, "The text to render.").required(),
        Flag::new("template.type", Kind::OneOf(&["html", "text"]), "html or text (default text)."),
        Flag::new(
            "template.data",
            Kind::Text,
            "JSON file with the data of a notification; a small example without it.",
        ),
    ],
    None,
    false,
);
