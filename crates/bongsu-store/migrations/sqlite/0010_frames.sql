-- Entries of history are packed many together: the first of a frame holds it (packed), the others name that
-- entry (base); place is where in it an entry is. Without a place they are packed as before.

ALTER TABLE report ADD COLUMN place INTEGER;
