-- What a call record costs the database (python -m bench records). Foreign keys of rows that come by thousands were
-- checked row by row, each with a lock of the row they name; now once for a statement, as since 0022 with the lines.

-- An account is never deleted and keeps its domain from being deleted.
ALTER TABLE posting DROP CONSTRAINT posting_domain_id_fkey;
CREATE FUNCTION check_accounts_of_postings() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT domain_id FROM added) a
               WHERE NOT EXISTS (SELECT FROM account c WHERE c.domain_id = a.domain_id)) THEN
        RAISE EXCEPTION 'a posting of no account' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_of_an_account AFTER INSERT ON posting REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION check_accounts_of_postings();

-- The users of new lines of their journals: they exist, and stay until the transaction ends. Lines go with their user.
-- SECURITY DEFINER, as the foreign key's own checks run with the rights of the table's owner.
ALTER TABLE user_call DROP CONSTRAINT user_call_domain_id_user_id_fkey;
CREATE FUNCTION check_users_of_calls() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM FROM domain_user u WHERE (u.domain_id, u.id) IN (SELECT a.domain_id, a.user_id FROM added a)
        ORDER BY u.id FOR KEY SHARE;
    IF EXISTS (SELECT FROM (SELECT DISTINCT domain_id, user_id FROM added) a
               WHERE NOT EXISTS (SELECT FROM domain_user u WHERE u.domain_id = a.domain_id AND u.id = a.user_id)) THEN
        RAISE EXCEPTION 'a call of no user' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER user_call_of_a_user AFTER INSERT ON user_call REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION check_users_of_calls();
CREATE FUNCTION drop_calls_of_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    DELETE FROM user_call c USING gone g WHERE c.domain_id = g.domain_id AND c.user_id = g.id;
    RETURN NULL;
END $$;
CREATE TRIGGER domain_user_calls_go_too AFTER DELETE ON domain_user REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION drop_calls_of_users();
REVOKE ALL ON FUNCTION check_users_of_calls(), drop_calls_of_users() FROM PUBLIC;

-- Two indexes that others make up for: a conversation's id is next to unique by itself (call_linkedid), and no key
-- between tables names a hold with its domain.
DROP INDEX call_linked;
ALTER TABLE hold DROP CONSTRAINT hold_domain_id_id_key;

-- The agent hands records over in a table of its session (pbx_provisioning/intake/store.py).
DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO switchroom_platform', current_database()); END $$;
