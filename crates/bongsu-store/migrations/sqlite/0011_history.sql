-- Entries of history are written many in a row: a frame holds what they say (packed) and of which alert,
-- when and what each is (heads). Where those of an alert are stands beside: entry is id * 32 + place in the
-- frame. Entries of before stay in `report` until they are forgotten; frames begin with higher numbers.

CREATE TABLE report_frame (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    heads  BLOB NOT NULL,
    packed BLOB NOT NULL
) STRICT;

CREATE TABLE report_of (
    fingerprint INTEGER NOT NULL,
    entry       INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, entry)
) STRICT, WITHOUT ROWID;
