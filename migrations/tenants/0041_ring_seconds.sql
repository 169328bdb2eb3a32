-- The domain's ring time is that of a new user's main rule; runs after `domain_user_main_rule`, which makes the rule.
CREATE FUNCTION take_ring_seconds() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    UPDATE forwarding_rule r SET ring_seconds = d.ring_seconds FROM domain d
    WHERE d.id = NEW.domain_id AND r.domain_id = NEW.domain_id AND r.user_id = NEW.id AND r.kind = 'main'
      AND r.ring_seconds <> d.ring_seconds;
    RETURN NULL;
END $$;
CREATE TRIGGER domain_user_ring_seconds AFTER INSERT ON domain_user FOR EACH ROW EXECUTE FUNCTION take_ring_seconds();
