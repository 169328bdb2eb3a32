-- The month that a bucket of the guaranteed payment is of, as the keys of its postings name it, and the bucket that a
-- day's use came out of: the check of the books asks no time zone, which may be changed inside a month [FIN-D4].
ALTER TABLE account ADD COLUMN mgp_month text, ADD COLUMN mgp_before_month text;
ALTER TABLE mgp_usage ADD COLUMN since timestamptz;
DO $$
DECLARE zone text := coalesce((SELECT value #>> '{}' FROM provider_parameter WHERE key = 'billing.timezone'),
                              'Europe/Moscow');
BEGIN
    UPDATE account SET mgp_month = to_char(mgp_from AT TIME ZONE zone, 'YYYY-MM'),
                       mgp_before_month = to_char(mgp_before_from AT TIME ZONE zone, 'YYYY-MM')
    WHERE mgp_from IS NOT NULL OR mgp_before_from IS NOT NULL;
    UPDATE mgp_usage u SET since = CASE
        WHEN u.day BETWEEN (a.mgp_from AT TIME ZONE zone)::date AND (a.mgp_until AT TIME ZONE zone)::date - 1
            THEN a.mgp_from
        WHEN u.day BETWEEN (a.mgp_before_from AT TIME ZONE zone)::date
                       AND (a.mgp_before_until AT TIME ZONE zone)::date - 1 THEN a.mgp_before_from
        ELSE u.day::timestamp AT TIME ZONE zone END
    FROM account a WHERE a.domain_id = u.domain_id;
END $$;
ALTER TABLE mgp_usage
    ALTER COLUMN since SET NOT NULL, DROP CONSTRAINT mgp_usage_pkey, ADD PRIMARY KEY (domain_id, day, since);
CREATE INDEX posting_mgp ON posting (domain_id, key) WHERE kind = 'mgp';
