-- Times are nanoseconds since 1970. Fingerprints and hashes are 64-bit patterns stored as signed integers.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    seq  INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE alert (
    fingerprint INTEGER PRIMARY KEY,
    data        BLOB NOT NULL
) STRICT;

CREATE TABLE alert_event (
    id          INTEGER PRIMARY KEY,
    fingerprint INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    data        BLOB NOT NULL
) STRICT;
CREATE INDEX alert_event_by_alert ON alert_event (fingerprint);

CREATE TABLE delivery (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    group_hash INTEGER NOT NULL,
    group_key  TEXT NOT NULL,
    target     TEXT NOT NULL,
    detail     TEXT NOT NULL
) STRICT;
CREATE INDEX delivery_by_group ON delivery (group_hash);

CREATE TABLE timer (
    kind      INTEGER NOT NULL,
    key       TEXT NOT NULL,
    partition INTEGER NOT NULL,
    due_at    INTEGER NOT NULL,
    payload   BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    key        TEXT NOT NULL UNIQUE,
    partition  INTEGER NOT NULL,
    target     TEXT NOT NULL,
    group_key  TEXT NOT NULL,
    payload    BLOB NOT NULL,
    state      INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    deadline   INTEGER NOT NULL
) STRICT;

CREATE TABLE silence (
    id      TEXT PRIMARY KEY,
    ends_at INTEGER NOT NULL,
    data    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notification (
    key        TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL,
    data       BLOB NOT NULL
) STRICT, WITHOUT ROWID;
