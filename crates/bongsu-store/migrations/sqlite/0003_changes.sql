-- What was changed on purpose, as sources reported it.

CREATE TABLE change (
    id          INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    source      TEXT NOT NULL,
    key         TEXT NOT NULL,
    service     TEXT,
    environment TEXT,
    detail      TEXT NOT NULL,
    UNIQUE (source, key)
) STRICT;
CREATE INDEX change_by_time ON change (at, id);
