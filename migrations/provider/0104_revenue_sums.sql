-- What the provider earned on each day of the billing zone, so that the page of revenue reads days and not lines. A
-- posting does not touch it: a job takes in what came after the mark, and the page what little is left
-- (app/provider/income/sums.py). Only one at a time writes here, so days need no locks of their own. The zone is that
-- of the moment of counting: a later change of the parameter moves no money between days counted already.
CREATE TABLE revenue_day (
    day     date NOT NULL,
    kind    text NOT NULL,
    service text NOT NULL,
    lines   bigint NOT NULL,
    amount  numeric(20, 2) NOT NULL,
    PRIMARY KEY (day, kind, service)
);
GRANT SELECT, INSERT, UPDATE ON revenue_day TO switchroom_platform;
-- the same by domain
CREATE TABLE revenue_domain_day (
    domain_id bigint NOT NULL REFERENCES domain,
    day       date NOT NULL,
    lines     bigint NOT NULL,
    amount    numeric(20, 2) NOT NULL,
    PRIMARY KEY (day, domain_id)
);
CALL make_tenant_table('revenue_domain_day', 'SELECT, INSERT, UPDATE');
CREATE TABLE revenue_mark (
    domain_id bigint PRIMARY KEY REFERENCES domain,
    through   bigint NOT NULL  -- the last posting taken in; within a domain ids grow in the order of commit
);
CALL make_tenant_table('revenue_mark', 'SELECT, INSERT, UPDATE');
