-- What a domain's own account moved on each day (UTC) by operation and service: counts and sums of the finance
-- pages come from here, so a page does not read a million lines. A posting does not touch it: whoever reads takes
-- in the lines after the mark first (billing/accounts/sums.py), and a job does so for everybody now and then.
-- Within a domain ids of postings grow in the order of commit, because a posting holds the account's lock.
CREATE TABLE ledger_day (
    domain_id bigint NOT NULL REFERENCES domain,
    day       date NOT NULL,            -- of the operation, UTC
    kind      text NOT NULL,
    service   text NOT NULL,
    entries   int NOT NULL,
    income    numeric(18, 2) NOT NULL,  -- sum of the positive lines
    expense   numeric(18, 2) NOT NULL,  -- sum of the negative lines, as a positive number
    first_id  bigint NOT NULL,          -- least and greatest posting among them: where a page has to look
    last_id   bigint NOT NULL,
    PRIMARY KEY (domain_id, day, kind, service)
);
CALL make_tenant_table('ledger_day', 'SELECT, INSERT, UPDATE');
CREATE TABLE ledger_mark (
    domain_id bigint PRIMARY KEY REFERENCES domain,
    through   bigint NOT NULL  -- the last posting taken in
);
CALL make_tenant_table('ledger_mark', 'SELECT, INSERT, UPDATE');
