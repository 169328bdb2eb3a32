-- One file that goes with a letter.
ALTER TABLE mail_message ADD COLUMN attachment_id bigint REFERENCES file ON DELETE SET NULL;
GRANT USAGE ON SEQUENCE mail_message_id_seq TO switchroom_app, switchroom_platform, switchroom_pool;
