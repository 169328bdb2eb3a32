-- One file that goes with a letter.
ALTER TABLE mail_message ADD COLUMN attachment_id bigint REFERENCES file ON DELETE SET NULL;
