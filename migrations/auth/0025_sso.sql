-- Sign-in through the company's own OpenID provider, per domain.
CREATE TABLE domain_sso (
    domain_id     bigint PRIMARY KEY REFERENCES domain,
    is_enabled    boolean NOT NULL DEFAULT false,
    issuer        text NOT NULL CHECK (char_length(issuer) BETWEEN 1 AND 300),
    client_id     text NOT NULL CHECK (char_length(client_id) BETWEEN 1 AND 300),
    client_secret bytea NOT NULL,  -- sealed (app/auth/sealing.py): a copy of the table opens nothing
    match_by      text NOT NULL CHECK (match_by IN ('email', 'subject')),
    is_required   boolean NOT NULL DEFAULT false  -- plain users have no other way in
);
CALL make_tenant_table('domain_sso');

-- Who is who at the provider. An issuer's subjects mean nothing at another: a changed issuer removes the rows.
CREATE TABLE sso_subject (
    domain_id bigint NOT NULL,
    user_id   bigint NOT NULL,
    subject   text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 255),
    PRIMARY KEY (domain_id, user_id),
    UNIQUE (domain_id, subject),
    FOREIGN KEY (domain_id, user_id) REFERENCES domain_user (domain_id, id) ON DELETE CASCADE
);
CALL make_tenant_table('sso_subject');
