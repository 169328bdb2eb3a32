-- A phone's transfer (REFER) is looked up where its user is made the payer, never in a context of the phone's choice.
CREATE OR REPLACE VIEW asterisk.ps_endpoints AS
SELECT id, id AS aors, id AS auth, context, accountcode, callerid, language, 'all'::text AS disallow, allow,
       'no'::text AS direct_media,
       'yes'::text AS rewrite_contact,
       'yes'::text AS rtp_symmetric,
       'yes'::text AS force_rport,
       'no'::text AS trust_id_inbound,
       'no'::text AS allow_subscribe,
       'rfc4733'::text AS dtmf_mode,
       'yes'::text AS send_pai,
       CASE WHEN user_id IS NULL THEN '' ELSE realm END AS from_domain,
       'TRANSFER_CONTEXT=sw-refer'::text AS set_var
FROM asterisk.endpoint;
