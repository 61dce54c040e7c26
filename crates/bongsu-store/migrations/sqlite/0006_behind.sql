-- Wide alerts are written behind: a state never replaces a later one. How many there are of each kind
-- is counted as they change, so that counts and facets need not look at all of them.

ALTER TABLE occurrence ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

CREATE INDEX occurrence_by_status ON occurrence (status, at, id);
CREATE INDEX occurrence_by_service ON occurrence (service, at, id);
CREATE INDEX occurrence_by_name ON occurrence (name, at, id);

CREATE TABLE occurrence_count (
    name        TEXT NOT NULL,
    status      TEXT NOT NULL,
    severity    INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    service     TEXT,
    environment TEXT,
    n           INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX occurrence_count_of ON occurrence_count
    (name, status, severity, provider, ifnull(service, char(0)), ifnull(environment, char(0)));

INSERT INTO occurrence_count
    SELECT name, status, severity, provider, service, environment, count(*) FROM occurrence
    GROUP BY name, status, severity, provider, service, environment;

CREATE TRIGGER occurrence_added AFTER INSERT ON occurrence BEGIN
    INSERT INTO occurrence_count
        VALUES (new.name, new.status, new.severity, new.provider, new.service, new.environment, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER occurrence_removed AFTER DELETE ON occurrence BEGIN
    UPDATE occurrence_count SET n = n - 1
        WHERE name = old.name AND status = old.status AND severity = old.severity AND provider = old.provider AND ifnull(service, char(0)) = ifnull(old.service, char(0)) AND ifnull(environment, char(0)) = ifnull(old.environment, char(0));
    DELETE FROM occurrence_count
        WHERE n <= 0 AND name = old.name AND status = old.status AND severity = old.severity AND provider = old.provider AND ifnull(service, char(0)) = ifnull(old.service, char(0)) AND ifnull(environment, char(0)) = ifnull(old.environment, char(0));
END;

CREATE TRIGGER occurrence_moved AFTER UPDATE OF name, status, severity, provider, service, environment
    ON occurrence
    WHEN new.status <> old.status OR new.severity <> old.severity OR new.name <> old.name
        OR new.provider <> old.provider OR new.service IS NOT old.service
        OR new.environment IS NOT old.environment
BEGIN
    UPDATE occurrence_count SET n = n - 1
        WHERE name = old.name AND status = old.status AND severity = old.severity AND provider = old.provider AND ifnull(service, char(0)) = ifnull(old.service, char(0)) AND ifnull(environment, char(0)) = ifnull(old.environment, char(0));
    DELETE FROM occurrence_count
        WHERE n <= 0 AND name = old.name AND status = old.status AND severity = old.severity AND provider = old.provider AND ifnull(service, char(0)) = ifnull(old.service, char(0)) AND ifnull(environment, char(0)) = ifnull(old.environment, char(0));
    INSERT INTO occurrence_count
        VALUES (new.name, new.status, new.severity, new.provider, new.service, new.environment, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;
