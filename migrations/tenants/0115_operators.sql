-- Operators at work [RPT 8.15]: a row while the workplace is signed in. What the operator wants is written here; the
-- engine in the node's agent makes states of it (operator_state_interval) and takes rows away that were not seen for long.
CREATE TABLE operator_session (
    domain_id    bigint NOT NULL,
    user_id      bigint NOT NULL,
    signed_in_at timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,
    wish         text NOT NULL DEFAULT 'waiting' CHECK (wish IN ('waiting', 'break', 'away')),
    ready_at     timestamptz,  -- post-call processing was ended by hand
    in_campaign  boolean NOT NULL DEFAULT false,
    wrap_up_until timestamptz,  -- told by the engine
    PRIMARY KEY (domain_id, user_id),
    FOREIGN KEY (domain_id, user_id) REFERENCES domain_user (domain_id, id) ON DELETE CASCADE
);
CREATE INDEX operator_session_seen ON operator_session (seen_at);
CALL make_tenant_table('operator_session');

-- What the engine keeps in memory has changed: it reads the domain again, and its workplaces look.
CREATE FUNCTION tell_operators() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('operators', COALESCE(NEW.domain_id, OLD.domain_id)::text);
    RETURN NULL;
END $$;

CREATE TRIGGER operator_session_told AFTER INSERT OR DELETE OR UPDATE OF wish, ready_at, in_campaign, signed_in_at
    ON operator_session FOR EACH ROW EXECUTE FUNCTION tell_operators();
CREATE TRIGGER call_group_told AFTER DELETE OR UPDATE ON call_group FOR EACH ROW EXECUTE FUNCTION tell_operators();
CREATE TRIGGER group_member_told AFTER INSERT OR DELETE OR UPDATE ON group_member
    FOR EACH ROW EXECUTE FUNCTION tell_operators();
CREATE TRIGGER operator_told AFTER UPDATE OF is_operator, login, display_name ON domain_user
    FOR EACH ROW EXECUTE FUNCTION tell_operators();
CREATE TRIGGER vip_number_told AFTER INSERT OR DELETE OR UPDATE ON vip_number
    FOR EACH ROW EXECUTE FUNCTION tell_operators();
CREATE TRIGGER operator_message_told AFTER INSERT OR DELETE ON operator_message_recipient
    FOR EACH ROW EXECUTE FUNCTION tell_operators();
