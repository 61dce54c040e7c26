-- Workflows saved through the API with all their versions, and runs: each is written down before what
-- it does next is done.

CREATE TABLE workflow (
    id       TEXT NOT NULL,
    version  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    author   TEXT,
    disabled INTEGER NOT NULL,
    removed  INTEGER NOT NULL,
    revision TEXT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (id, version)
) STRICT, WITHOUT ROWID;

-- What runs were started with: a run goes on by the text it began with.
CREATE TABLE workflow_text (
    key  TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workflow_run (
    id          INTEGER PRIMARY KEY,
    run         TEXT NOT NULL UNIQUE,
    workflow    TEXT NOT NULL,
    text        TEXT NOT NULL,
    cause       TEXT NOT NULL,
    fingerprint TEXT,
    status      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    started_at  INTEGER,
    ended_at    INTEGER,
    wake_at     INTEGER,
    summary     TEXT NOT NULL,
    state       BLOB NOT NULL
) STRICT;
CREATE INDEX workflow_run_of ON workflow_run (workflow, id);
CREATE INDEX workflow_run_about ON workflow_run (fingerprint, id) WHERE fingerprint IS NOT NULL;
CREATE INDEX workflow_run_open ON workflow_run (id) WHERE ended_at IS NULL;
CREATE INDEX workflow_run_ended ON workflow_run (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX workflow_run_by ON workflow_run (text);

CREATE TABLE run_event (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    run    INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    step   TEXT,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX run_event_of ON run_event (run, id);
