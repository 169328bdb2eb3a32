-- What Asterisk reads over ODBC. Column names of the views are Asterisk's options; it asks
-- `SELECT * FROM ps_... WHERE id = ...` and warns about columns it does not know, so the table carries
-- the tenant's ids and the views only what Asterisk knows (pbx_provisioning/node/README.md).
CREATE SCHEMA asterisk;
REVOKE ALL ON SCHEMA asterisk FROM PUBLIC;
GRANT USAGE ON SCHEMA asterisk TO switchroom_node, switchroom_platform;

-- One SIP account. The rendered body of an endpoint is this row as JSON, key by key.
CREATE TABLE asterisk.endpoint (
    id           text PRIMARY KEY,  -- login@domain; also anonymous@domain, one per domain
    domain_id    bigint NOT NULL REFERENCES domain,
    user_id      bigint,            -- null: anonymous@domain
    auth_user    text NOT NULL,     -- user name in the digest: the login
    realm        text NOT NULL,     -- the domain's SIP name
    ha1          text NOT NULL CHECK (ha1 ~ '^[0-9a-f]{32}$'),  -- MD5(auth_user:realm:password)
    context      text NOT NULL CHECK (context IN ('sw-nowhere', 'd' || domain_id || '-users')),
    accountcode  text NOT NULL CHECK (accountcode = domain_id || '.' || COALESCE(user_id, 0)),
    callerid     text NOT NULL CHECK (callerid ~ '^("[a-z0-9._-]+" )?<[0-9]*>$'),
    language     text NOT NULL CHECK (language IN ('ru', 'en')),
    max_contacts int NOT NULL,
    allow        text NOT NULL CHECK (allow ~ '^[a-z0-9,]+$'),
    CHECK (id = auth_user || '@' || realm)
);
CREATE INDEX endpoint_domain ON asterisk.endpoint (domain_id);

-- Reads of the views happen with the owner's rights: the node's login sees nothing but them.
CREATE VIEW asterisk.ps_endpoints AS
SELECT id, id AS aors, id AS auth, context, accountcode, callerid, language, 'all'::text AS disallow, allow,
       'no'::text AS direct_media,      -- media through the node: limits and recording work
       'yes'::text AS rewrite_contact,  -- phones behind NAT
       'yes'::text AS rtp_symmetric,
       'yes'::text AS force_rport,
       'no'::text AS trust_id_inbound,  -- a phone cannot claim another number
       'no'::text AS allow_subscribe,
       'rfc4733'::text AS dtmf_mode,
       'yes'::text AS send_pai,
       CASE WHEN user_id IS NULL THEN '' ELSE realm END AS from_domain
FROM asterisk.endpoint;

CREATE VIEW asterisk.ps_auths AS
SELECT id, 'digest'::text AS auth_type, auth_user AS username, realm, 'MD5:' || ha1 AS password_digest
FROM asterisk.endpoint;

CREATE VIEW asterisk.ps_aors AS
SELECT id, max_contacts, 'yes'::text AS remove_existing, 60 AS minimum_expiration, 3600 AS maximum_expiration,
       600 AS default_expiration, 0 AS qualify_frequency, 'yes'::text AS support_path
FROM asterisk.endpoint WHERE user_id IS NOT NULL;

GRANT SELECT ON asterisk.ps_endpoints, asterisk.ps_auths, asterisk.ps_aors TO switchroom_node;
GRANT SELECT, INSERT, UPDATE, DELETE ON asterisk.endpoint TO switchroom_platform;
