-- The console's search box over everything: beginnings and ends of telephone numbers, and calls by the id of
-- their first channel; a call by its own channel is found through call_record_key.
CREATE INDEX phone_number_start ON phone_number (e164 text_pattern_ops);
CREATE INDEX phone_number_end ON phone_number (reverse(e164) text_pattern_ops);
CREATE INDEX call_linkedid ON call (linkedid);
-- What the lists of domains filter and of unrated calls show.
CREATE INDEX account_tariff ON account (tariff_id);
CREATE INDEX call_unrated ON call (started_at DESC, id DESC) WHERE rating = 'unrated';
