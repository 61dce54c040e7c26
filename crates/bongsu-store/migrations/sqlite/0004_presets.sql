-- Saved searches that were made by hand.

CREATE TABLE preset (
    name TEXT PRIMARY KEY,
    at   INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
