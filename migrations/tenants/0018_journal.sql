-- One conversation may leave several records (a phone that rang and another that answered): the journal
-- shows the best of each, found by this index.
CREATE INDEX call_linked ON call (domain_id, linkedid);
