-- Letters of the trial that went out, each once per domain [ACC-D1].
CREATE TABLE trial_notice (
    domain_id bigint NOT NULL REFERENCES domain,
    kind      text NOT NULL CHECK (kind IN ('ends_soon', 'ended', 'minutes_used_up')),
    at        timestamptz NOT NULL,
    PRIMARY KEY (domain_id, kind)
);
CALL make_tenant_table('trial_notice', 'SELECT, INSERT');
CREATE INDEX domain_trial_end ON domain (trial_ends_at) WHERE mode = 'trial';
