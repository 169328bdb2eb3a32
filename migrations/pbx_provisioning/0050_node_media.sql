-- What a node recorded or received for a user (a voice message, a fax), on its way to the panel. The node delivers
-- at least once, the key makes it once; the row is deleted when the feature has taken it.
CREATE TABLE node_media (
    node_id    bigint NOT NULL REFERENCES pbx_node,
    key        text NOT NULL CHECK (key ~ '^[A-Za-z0-9._-]{1,120}$'),
    domain_id  bigint NOT NULL REFERENCES domain,
    user_id    bigint NOT NULL,
    kind       text NOT NULL,
    facts      jsonb NOT NULL DEFAULT '{}',
    content    bytea,  -- null: taken; the row stays for a month, so that a late repeat is known
    recorded_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, key)
);
CREATE INDEX node_media_age ON node_media (created_at);
CALL make_tenant_table('node_media', 'SELECT');
GRANT INSERT, UPDATE, DELETE ON node_media TO switchroom_platform;
