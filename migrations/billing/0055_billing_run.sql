-- Until which day (platform's zone) a domain's subscription fees are settled; null: not charged (trial).
-- It moves by one day in the transaction that posts the day's fees: so exactly once per domain and day [FIN-D2].
ALTER TABLE account ADD COLUMN billed_through date;
UPDATE account a SET billed_through = (now() AT TIME ZONE 'Europe/Moscow')::date
FROM domain d WHERE d.id = a.domain_id AND d.mode = 'commercial';
CREATE INDEX account_billed_through ON account (billed_through, domain_id) WHERE billed_through IS NOT NULL;

-- One line per day, for the people who watch the run.
CREATE TABLE billing_day (
    day         date PRIMARY KEY,
    started_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    domains     int NOT NULL DEFAULT 0,  -- settled, whether charged or not
    charged     int NOT NULL DEFAULT 0,
    blocked     int NOT NULL DEFAULT 0,  -- blocked by this day's fee
    skipped     int NOT NULL DEFAULT 0,  -- blocked before
    amount      numeric(18, 2) NOT NULL DEFAULT 0
);
GRANT SELECT, INSERT, UPDATE ON billing_day TO switchroom_platform;
