-- Sums of a domain's current month that the start page shows [DASH-05, DASH-10], so that it need not read a million
-- calls. Calls do not pay for it: who looks sums up what is older than some hours (tenants/dashboard/settled.py); only
-- what comes in or changes later than that is added here by its own transaction.
CREATE TABLE month_mark (
    domain_id bigint NOT NULL REFERENCES domain,
    what      text NOT NULL CHECK (what IN ('talk', 'beyond')),
    since     timestamptz NOT NULL,            -- the month's first instant
    through   timestamptz NOT NULL,            -- what began before it is summed up
    seconds   bigint NOT NULL DEFAULT 0,       -- beyond: billed talk that no minute package paid for
    PRIMARY KEY (domain_id, what)
);
CALL make_tenant_table('month_mark');
-- talk: one line per user
CREATE TABLE month_talk (
    domain_id    bigint NOT NULL,
    user_id      bigint NOT NULL,
    talk_seconds bigint NOT NULL,
    PRIMARY KEY (domain_id, user_id),
    FOREIGN KEY (domain_id, user_id) REFERENCES domain_user (domain_id, id) ON DELETE CASCADE
);
CALL make_tenant_table('month_talk');

-- What a line of a journal counts: talk of the user, not of the voicemail; the outside leg of a forwarding scheme is
-- the same conversation as the incoming call.
CREATE FUNCTION own_talk(part text, is_answered boolean, talk_seconds int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN is_answered AND part IN ('in', 'out') THEN talk_seconds ELSE 0 END
$$;
CREATE FUNCTION beyond_package(rating text, cost numeric, charge jsonb) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN rating = 'rated' AND cost > 0
           THEN greatest((charge ->> 'seconds')::int - (charge ->> 'package_seconds')::int, 0) ELSE 0 END
$$;
CREATE FUNCTION lock_month(domain_id bigint) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtext('month_mark'), (domain_id % 2147483647)::int)
$$;

-- Lines younger than two hours are nobody's concern: nothing younger than three is ever summed up. The lock comes
-- before the marks are read: whoever sums up holds it, too.
CREATE FUNCTION note_late_lines() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fresh WHERE started_at < now() - interval '2 hours') THEN
        RETURN NULL;
    END IF;
    PERFORM lock_month(domain_id) FROM (SELECT DISTINCT domain_id FROM fresh ORDER BY domain_id) one;
    INSERT INTO month_talk AS known (domain_id, user_id, talk_seconds)
    SELECT f.domain_id, f.user_id, sum(own_talk(f.part, f.is_answered, f.talk_seconds)) FROM fresh f
    JOIN month_mark m ON m.domain_id = f.domain_id AND m.what = 'talk' AND f.started_at >= m.since
                     AND f.started_at < m.through
    GROUP BY f.domain_id, f.user_id ORDER BY f.domain_id, f.user_id
    ON CONFLICT (domain_id, user_id) DO UPDATE SET talk_seconds = known.talk_seconds + EXCLUDED.talk_seconds;
    RETURN NULL;
END $$;
CREATE FUNCTION note_late_changes() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fresh WHERE started_at < now() - interval '2 hours') THEN
        RETURN NULL;
    END IF;
    PERFORM lock_month(domain_id) FROM (SELECT DISTINCT domain_id FROM fresh ORDER BY domain_id) one;
    INSERT INTO month_talk AS known (domain_id, user_id, talk_seconds)
    SELECT c.domain_id, c.user_id, sum(c.seconds) FROM (
        SELECT domain_id, user_id, started_at, own_talk(part, is_answered, talk_seconds) AS seconds FROM fresh
        UNION ALL SELECT domain_id, user_id, started_at, -own_talk(part, is_answered, talk_seconds) FROM past) c
    JOIN month_mark m ON m.domain_id = c.domain_id AND m.what = 'talk' AND c.started_at >= m.since
                     AND c.started_at < m.through
    GROUP BY c.domain_id, c.user_id HAVING sum(c.seconds) <> 0 ORDER BY c.domain_id, c.user_id
    ON CONFLICT (domain_id, user_id) DO UPDATE SET talk_seconds = known.talk_seconds + EXCLUDED.talk_seconds;
    RETURN NULL;
END $$;
CREATE TRIGGER user_call_late AFTER INSERT ON user_call REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION note_late_lines();
CREATE TRIGGER user_call_late_change AFTER UPDATE ON user_call REFERENCING OLD TABLE AS past NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION note_late_changes();

-- The same for what calls cost: records that come late, and calls without a rate once the tariff is mended.
CREATE FUNCTION note_late_calls() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fresh WHERE started_at < now() - interval '2 hours') THEN
        RETURN NULL;
    END IF;
    PERFORM lock_month(domain_id) FROM (SELECT DISTINCT domain_id FROM fresh ORDER BY domain_id) one;
    UPDATE month_mark m SET seconds = m.seconds + late.seconds FROM (
        SELECT k.domain_id, sum(beyond_package(f.rating, f.cost, f.charge)) AS seconds FROM fresh f
        JOIN month_mark k ON k.domain_id = f.domain_id AND k.what = 'beyond' AND f.started_at >= k.since
                         AND f.started_at < k.through
        GROUP BY k.domain_id) late
    WHERE m.domain_id = late.domain_id AND m.what = 'beyond';
    RETURN NULL;
END $$;
CREATE FUNCTION note_changed_calls() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fresh WHERE started_at < now() - interval '2 hours') THEN
        RETURN NULL;
    END IF;
    PERFORM lock_month(domain_id) FROM (SELECT DISTINCT domain_id FROM fresh ORDER BY domain_id) one;
    UPDATE month_mark m SET seconds = m.seconds + late.seconds FROM (
        SELECT k.domain_id, sum(c.seconds) AS seconds FROM (
            SELECT domain_id, started_at, beyond_package(rating, cost, charge) AS seconds FROM fresh
            UNION ALL SELECT domain_id, started_at, -beyond_package(rating, cost, charge) FROM past) c
        JOIN month_mark k ON k.domain_id = c.domain_id AND k.what = 'beyond' AND c.started_at >= k.since
                         AND c.started_at < k.through
        GROUP BY k.domain_id) late
    WHERE m.domain_id = late.domain_id AND m.what = 'beyond';
    RETURN NULL;
END $$;
CREATE TRIGGER call_late AFTER INSERT ON call REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION note_late_calls();
CREATE TRIGGER call_late_change AFTER UPDATE ON call REFERENCING OLD TABLE AS past NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION note_changed_calls();
