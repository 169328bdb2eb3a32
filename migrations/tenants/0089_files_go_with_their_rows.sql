-- A file goes with the last row that names it: voice messages, faxes and sounds of a deleted user do not stay. The
-- bytes are removed by the nightly clean-up, which looks for those that no row of `file` names. Recordings of
-- conversations (user_call.audio_id) belong to the domain, not to one of the two people.
CREATE FUNCTION drop_files_of_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    EXECUTE format('DELETE FROM file f USING (SELECT g.domain_id, unnest(ARRAY[%s]) AS id FROM gone g) named '
                   'WHERE f.domain_id = named.domain_id AND f.id = named.id', TG_ARGV[0]);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION drop_files_of_rows() FROM PUBLIC;

CREATE TRIGGER files_go_too AFTER DELETE ON user_call REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION drop_files_of_rows('g.message_id');
CREATE TRIGGER files_go_too AFTER DELETE ON fax REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION drop_files_of_rows('g.source_id, g.pdf_id');
CREATE TRIGGER files_go_too AFTER DELETE ON audio REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION drop_files_of_rows('g.file_id');

-- What was left behind until today. Files of the provider (domain_id null) are not in question.
DELETE FROM file f WHERE f.domain_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM user_call c WHERE c.domain_id = f.domain_id AND f.id IN (c.message_id, c.audio_id))
    AND NOT EXISTS (SELECT FROM fax x WHERE x.domain_id = f.domain_id AND f.id IN (x.source_id, x.pdf_id))
    AND NOT EXISTS (SELECT FROM audio a WHERE a.file_id = f.id)
    AND NOT EXISTS (SELECT FROM mail_message m WHERE m.attachment_id = f.id);
