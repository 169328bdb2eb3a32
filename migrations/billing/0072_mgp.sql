-- The minimum guaranteed payment: paid in advance for a month, used by the calls that begin in it before the balance
-- is; the rest expires with the month [FIN-D4]. Of the period before it is kept what its calls may still use: those
-- over the border of the months, and those whose records come late.
ALTER TABLE account
    ADD COLUMN mgp_left         numeric(18, 2) NOT NULL DEFAULT 0 CHECK (mgp_left >= 0),
    ADD COLUMN mgp_from         timestamptz,
    ADD COLUMN mgp_until        timestamptz,
    ADD COLUMN mgp_before       numeric(18, 2) NOT NULL DEFAULT 0 CHECK (mgp_before >= 0),
    ADD COLUMN mgp_before_from  timestamptz,
    ADD COLUMN mgp_before_until timestamptz,
    ADD CHECK (mgp_from < mgp_until),
    ADD CHECK (mgp_left = 0 OR mgp_until IS NOT NULL),
    ADD CHECK (mgp_before = 0 OR mgp_before_until IS NOT NULL);

-- How much of it the calls answered on a day used (platform's zone) [FIN-11].
CREATE TABLE mgp_usage (
    domain_id bigint NOT NULL REFERENCES domain,
    day       date NOT NULL,
    spent     numeric(18, 2) NOT NULL CHECK (spent >= 0),
    PRIMARY KEY (domain_id, day)
);
CALL make_tenant_table('mgp_usage', 'SELECT, INSERT, UPDATE');
