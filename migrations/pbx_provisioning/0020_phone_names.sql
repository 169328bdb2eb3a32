-- Phones show people's names. The row takes letters of any language, but nothing that a SIP header, an
-- option of Asterisk or its variables give a meaning to.
ALTER TABLE asterisk.endpoint DROP CONSTRAINT endpoint_callerid_check;
ALTER TABLE asterisk.endpoint ADD CONSTRAINT endpoint_callerid_check
    CHECK (callerid ~ '^("[^"\\<>;,$|{}()\x01-\x1f]+" )?<[0-9]*>$' AND char_length(callerid) <= 80);
