-- The terms of a tariff come in versions together with its rates: a price list is never changed under a charge that
-- names it, and a new one takes effect by itself at its day [FIN-62].
ALTER TABLE tariff_version
    ADD COLUMN included_minutes int NOT NULL DEFAULT 0 CHECK (included_minutes BETWEEN 0 AND 1000000),
    ADD COLUMN mgp              numeric(14, 2) NOT NULL DEFAULT 0 CHECK (mgp >= 0),  -- per month; 0 = none
    ADD COLUMN discount_percent numeric(5, 2) NOT NULL DEFAULT 0 CHECK (discount_percent BETWEEN 0 AND 100);
-- What the plan contains, at which price. The level defines the quantity [SVC-20].
CREATE TABLE plan_service (
    version_id bigint NOT NULL REFERENCES tariff_version,
    service    text NOT NULL CHECK (service ~ '^[a-z][a-z0-9_]{0,49}$'),
    level      text NOT NULL CHECK (level IN ('domain', 'user', 'operator', 'special', 'external')),
    monthly    numeric(14, 2) NOT NULL DEFAULT 0 CHECK (monthly >= 0),
    connection numeric(14, 2) NOT NULL DEFAULT 0 CHECK (connection >= 0),  -- one-off, per instance
    cycle      text NOT NULL DEFAULT 'daily' CHECK (cycle IN ('daily', 'monthly')),
    included   int NOT NULL DEFAULT 0 CHECK (included BETWEEN 0 AND 1000000),  -- instances without charge
    PRIMARY KEY (version_id, service)
);
GRANT SELECT ON plan_service TO switchroom_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON plan_service TO switchroom_platform;

-- Domains on a tariff of which nothing is published keep paying what its header said.
INSERT INTO tariff_version (tariff_id, number, state, valid_from, created_by)
SELECT t.id, COALESCE((SELECT max(v.number) FROM tariff_version v WHERE v.tariff_id = t.id), 0) + 1, 'published',
       t.created_at, 'system'
FROM tariff t
WHERE EXISTS (SELECT FROM account a WHERE a.tariff_id = t.id)
  AND NOT EXISTS (SELECT FROM tariff_version v
                  WHERE v.tariff_id = t.id AND v.state = 'published' AND v.valid_from <= now());
-- Without a version at all the header becomes a draft.
INSERT INTO tariff_version (tariff_id, number, created_by)
SELECT t.id, 1, 'system' FROM tariff t WHERE NOT EXISTS (SELECT FROM tariff_version v WHERE v.tariff_id = t.id);
UPDATE tariff_version v SET included_minutes = t.included_minutes FROM tariff t WHERE t.id = v.tariff_id;
INSERT INTO plan_service (version_id, service, level, monthly, connection, cycle, included)
SELECT v.id, 'additional_user', 'user', t.user_monthly, t.user_connection, t.fee_cycle, t.included_users
FROM tariff_version v JOIN tariff t ON t.id = v.tariff_id;
ALTER TABLE tariff
    DROP COLUMN included_users, DROP COLUMN user_monthly, DROP COLUMN user_connection, DROP COLUMN fee_cycle,
    DROP COLUMN included_minutes;

-- Published terms are as frozen as published rates.
CREATE TRIGGER plan_service_frozen BEFORE INSERT OR UPDATE OR DELETE ON plan_service
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_published();
CREATE FUNCTION refuse_change_of_published_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published tariff version is never changed';
END $$;
CREATE TRIGGER tariff_version_frozen BEFORE UPDATE OR DELETE ON tariff_version
    FOR EACH ROW WHEN (OLD.state = 'published') EXECUTE FUNCTION refuse_change_of_published_version();

-- The published version in force at a moment; of one beginning the newest.
CREATE FUNCTION tariff_version_at(tariff_id bigint, moment timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.id FROM tariff_version v
    WHERE v.tariff_id = $1 AND v.state = 'published' AND v.valid_from <= $2
    ORDER BY v.valid_from DESC, v.id DESC LIMIT 1
$$;
