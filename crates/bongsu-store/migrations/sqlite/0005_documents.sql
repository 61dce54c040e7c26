-- What the engine keeps whole under a name: what was fetched, what was made by API, counts.

CREATE TABLE document (
    kind INTEGER NOT NULL,
    key  TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;
