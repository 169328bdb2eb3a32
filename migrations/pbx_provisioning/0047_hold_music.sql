-- What the other party hears while this account holds: the user's class, the domain's, or the node's ('') [SND-05].
ALTER TABLE asterisk.endpoint ADD COLUMN moh_suggest text DEFAULT ''
    CHECK (moh_suggest ~ '^([du][0-9]{1,19})?$');  -- null: of a generation that is older
DO $$
DECLARE definition text := rtrim(pg_get_viewdef('asterisk.ps_endpoints'), E'; \n');
BEGIN  -- as it is, and one column more at the end
    EXECUTE 'CREATE OR REPLACE VIEW asterisk.ps_endpoints AS '
        || regexp_replace(definition, '\s+FROM\s+(asterisk\.)?endpoint\M', ', moh_suggest FROM asterisk.endpoint');
END $$;

-- Every account's body has a key more, and the initial ring time is 40 s: all domains are rendered anew.
UPDATE provisioning_state SET desired = desired + 1, reason = 'contact numbers', changed_at = now();
