-- A supervisor's connection on its way [RT-05…08]: the panel asks for it, the domain's node rings his phone.
ALTER TABLE supervisor_session
    ADD COLUMN state text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'ringing', 'talking', 'ended')),
    ADD COLUMN leg_id bigint,  -- the session whose phone call goes on in this one: another mode was chosen
    ADD COLUMN answered_at timestamptz,
    ADD CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    ADD CHECK (result IN ('', 'finished', 'conversation_over', 'no_phone', 'no_answer', 'busy', 'switched', 'expired',
                          'interrupted'));
CREATE UNIQUE INDEX supervisor_session_open ON supervisor_session (domain_id, supervisor_id) WHERE state <> 'ended';

CREATE FUNCTION tell_supervision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('supervision', '');
    RETURN NULL;
END $$;
CREATE TRIGGER supervision_told AFTER INSERT ON supervisor_session
    FOR EACH STATEMENT EXECUTE FUNCTION tell_supervision();
