-- What was sent to the intake, as it came, and the alerts it stands for.

CREATE TABLE payload (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    provider TEXT NOT NULL,
    instance TEXT,
    origin   TEXT NOT NULL,
    body     BLOB NOT NULL,
    problem  TEXT
) STRICT;
CREATE INDEX payload_with_problem ON payload (id) WHERE problem IS NOT NULL;

CREATE TABLE occurrence (
    id          INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    at          INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    severity    INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    service     TEXT,
    environment TEXT,
    known       BLOB NOT NULL,
    alert       TEXT NOT NULL,
    indexed_at  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX occurrence_by_time ON occurrence (at, id);

CREATE VIRTUAL TABLE occurrence_text USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TABLE report (
    id          INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    detail      TEXT NOT NULL
) STRICT;
CREATE INDEX report_by_alert ON report (fingerprint);
