-- Records of the journal are packed as payloads are (length is that of the plain one), and what an alert is
-- found by has a hash, so that it is indexed again only when it has changed.

ALTER TABLE journal ADD COLUMN length INTEGER;
ALTER TABLE occurrence ADD COLUMN text_hash INTEGER;
