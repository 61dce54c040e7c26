-- Wide alerts are written behind: a state never replaces a later one.

ALTER TABLE occurrence ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
