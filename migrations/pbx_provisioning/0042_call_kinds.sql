-- What happened to a call besides talking: space-separated words (transferred, conference, voicemail, fax …),
-- and the company at the other end of a call between two companies.
ALTER TABLE call
    ADD COLUMN kind           text NOT NULL DEFAULT '',
    ADD COLUMN peer_domain_id bigint;
