-- What is kept for later is packed: bodies of payloads alone (length is that of the plain one), entries
-- of history against an earlier entry that stands in full (base).

ALTER TABLE payload ADD COLUMN length INTEGER;
ALTER TABLE report ADD COLUMN base INTEGER;
ALTER TABLE report ADD COLUMN packed BLOB;
