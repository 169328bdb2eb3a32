-- What Asterisk reads, in schema "asterisk". Column names are Asterisk's options; it asks
-- `SELECT * FROM ps_... WHERE id = ...` and warns about columns it does not know, so the tables
-- hang together with views: the tables carry the tenant's ids, the views only what Asterisk knows.
CREATE SCHEMA IF NOT EXISTS asterisk;

CREATE TABLE asterisk.endpoint (
    id          text PRIMARY KEY,          -- login@domain; also anonymous@domain, one per domain
    domain_id   bigint NOT NULL,
    user_id     bigint,                    -- NULL: anonymous@domain
    auth_user   text NOT NULL,             -- user name in the digest: the login
    realm       text NOT NULL,             -- the domain's SIP name
    ha1         text NOT NULL CHECK (ha1 ~ '^[0-9a-f]{32}$'),  -- MD5(auth_user:realm:password)
    context     text NOT NULL,             -- d<id>-users; sw-nowhere for anonymous@domain
    accountcode text NOT NULL,             -- <domain_id>.<user_id>
    callerid    text NOT NULL DEFAULT '',  -- "Name" <extension>; empty: the phone's own From would count
    language    text NOT NULL DEFAULT 'ru',
    max_contacts integer NOT NULL DEFAULT 10,
    allow       text NOT NULL DEFAULT 'alaw,ulaw,g722',
    CHECK (user_id IS NULL OR callerid <> '')
);

CREATE INDEX endpoint_domain_idx ON asterisk.endpoint (domain_id);

CREATE VIEW asterisk.ps_endpoints AS
SELECT id, id AS aors, id AS auth, context, accountcode, callerid, language, 'all'::text AS disallow, allow,
       'no'::text AS direct_media,         -- media through the node: limits and recording work
       'yes'::text AS rewrite_contact,     -- phones behind NAT
       'yes'::text AS rtp_symmetric,
       'yes'::text AS force_rport,
       'no'::text AS trust_id_inbound,     -- a phone cannot claim another number
       'no'::text AS allow_subscribe,
       'rfc4733'::text AS dtmf_mode,
       'yes'::text AS send_pai,
       CASE WHEN user_id IS NULL THEN '' ELSE split_part(id, '@', 2) END AS from_domain
FROM asterisk.endpoint;

CREATE VIEW asterisk.ps_auths AS
SELECT id, 'digest'::text AS auth_type, auth_user AS username, realm, 'MD5:' || ha1 AS password_digest
FROM asterisk.endpoint;

CREATE VIEW asterisk.ps_aors AS
SELECT id, NULL::text AS contact, max_contacts,  -- "contact": asked for by `pjsip show contacts`
       'yes'::text AS remove_existing, 60 AS minimum_expiration, 3600 AS maximum_expiration,
       600 AS default_expiration, 0 AS qualify_frequency, 'yes'::text AS support_path
FROM asterisk.endpoint
WHERE user_id IS NOT NULL;
