-- Whoever enters or rates a call counts its cost into the day, in the billing zone, in which it was charged. The
-- account's row is locked by then, so a domain's row here is written by one transaction at a time.
CREATE FUNCTION billing_day(moment timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT (moment AT TIME ZONE COALESCE((SELECT value #>> '{}' FROM provider_parameter
                                          WHERE key = 'billing.timezone'), 'Europe/Moscow'))::date
$$;

CREATE FUNCTION count_into_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO guard_day AS known (domain_id, day, spent)
    SELECT domain_id, billing_day(max(received_at)), sum(cost) FROM added
    WHERE direction = 'out' AND cost > 0 GROUP BY domain_id ORDER BY domain_id
    ON CONFLICT (domain_id, day) DO UPDATE SET spent = known.spent + EXCLUDED.spent;
    RETURN NULL;
END $$;
CREATE TRIGGER call_counted AFTER INSERT ON call REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_into_day();

CREATE FUNCTION count_rated_later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO guard_day AS known (domain_id, day, spent)
    SELECT n.domain_id, billing_day(now()), sum(n.cost - o.cost) FROM after n
    JOIN before o ON o.id = n.id AND o.started_at = n.started_at
    WHERE n.direction = 'out' GROUP BY n.domain_id HAVING sum(n.cost - o.cost) > 0 ORDER BY n.domain_id
    ON CONFLICT (domain_id, day) DO UPDATE SET spent = known.spent + EXCLUDED.spent;
    RETURN NULL;
END $$;
CREATE TRIGGER call_rated_later AFTER UPDATE ON call REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION count_rated_later();
