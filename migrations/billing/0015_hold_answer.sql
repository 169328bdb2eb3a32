-- What the node was told when the call was authorised: a repeated question gets the same answer.
ALTER TABLE hold
    ADD COLUMN caller_id       text NOT NULL DEFAULT '',
    ADD COLUMN trunks          text NOT NULL DEFAULT '',  -- endpoint names joined by &
    ADD COLUMN offline_seconds int NOT NULL DEFAULT 0 CHECK (offline_seconds >= 0),
    ADD COLUMN allowed_seconds int NOT NULL DEFAULT 0 CHECK (allowed_seconds >= 0);  -- seconds told at first
