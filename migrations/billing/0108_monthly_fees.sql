-- Fees of a month beside those by the day: what other terms inside the month give back comes out of them [FIN-D2].
CREATE INDEX posting_monthly ON posting (domain_id, at)
    WHERE kind = 'subscription_fee' AND key NOT LIKE 'fee:%:____-__-__';
