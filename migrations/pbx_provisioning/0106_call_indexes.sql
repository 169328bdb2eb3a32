-- What a call record costs the database, once more (python -m bench records).
-- The journal asks for a user as caller or called, which this index cannot answer; a user's own journal is user_call.
DROP INDEX call_user;
-- Postings are asked for by their domain (posting_domain_id_id_key), nowhere by the number alone.
ALTER TABLE posting DROP CONSTRAINT posting_pkey;
-- The ledger takes the numbers before it writes postings and lines in one statement.
GRANT USAGE ON SEQUENCE posting_id_seq TO switchroom_app, switchroom_platform;
