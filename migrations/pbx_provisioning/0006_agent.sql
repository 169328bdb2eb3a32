-- Whatever changes a trunk, the agents hear of it.
CREATE FUNCTION tell_trunks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('trunks', '');
    RETURN NULL;
END $$;
CREATE TRIGGER trunk_changed AFTER INSERT OR UPDATE OR DELETE ON trunk
    FOR EACH STATEMENT EXECUTE FUNCTION tell_trunks();

-- A domain given to another node, or given another property that reaches Asterisk, comes through
-- want_new_generation; a domain that leaves a node is heard of here.
CREATE FUNCTION tell_old_node() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('provisioning', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER domain_moved AFTER UPDATE OF pbx_node_id ON domain
    FOR EACH ROW WHEN (OLD.pbx_node_id <> NEW.pbx_node_id) EXECUTE FUNCTION tell_old_node();

-- The list of generations is read newest first, a rebuild walks the changes of one object.
CREATE INDEX generation_change_object ON generation_change (domain_id, kind, key, generation);
