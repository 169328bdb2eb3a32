-- General settings of a domain [SET-02, SET-20, SET-30]. Time zone, language, notification address, default
-- number, pickup number and restriction are there since the domain's table is.
ALTER TABLE domain
    ADD COLUMN balance_notice_on     boolean NOT NULL DEFAULT false,
    ADD COLUMN balance_notice_below  numeric(9, 2),  -- kept while switched off [SET-05]
    ADD COLUMN ring_seconds          int NOT NULL DEFAULT 40 CHECK (ring_seconds BETWEEN 5 AND 180),
    ADD COLUMN ivr_errors            int NOT NULL DEFAULT 3 CHECK (ivr_errors BETWEEN 0 AND 20),
    ADD COLUMN ivr_timeout_seconds   int NOT NULL DEFAULT 10 CHECK (ivr_timeout_seconds BETWEEN 1 AND 120),
    ADD COLUMN dtmf_transfer         text NOT NULL DEFAULT '1' CHECK (dtmf_transfer ~ '^[0-9]{1,4}$'),
    ADD COLUMN dtmf_fax              text NOT NULL DEFAULT '2' CHECK (dtmf_fax ~ '^[0-9]{1,4}$'),
    ADD COLUMN dtmf_conference_add   text NOT NULL DEFAULT '3' CHECK (dtmf_conference_add ~ '^[0-9]{1,4}$'),
    ADD COLUMN dtmf_conference_remove text NOT NULL DEFAULT '4' CHECK (dtmf_conference_remove ~ '^[0-9]{1,4}$'),
    ADD COLUMN dtmf_hold             text NOT NULL DEFAULT '5' CHECK (dtmf_hold ~ '^[0-9]{1,4}$'),
    ADD CHECK (NOT balance_notice_on OR balance_notice_below IS NOT NULL);

-- What a call record's or a fee's posting compares the balance with: null = nobody is told [SET-05].
ALTER TABLE account ADD COLUMN notify_below numeric(9, 2);
