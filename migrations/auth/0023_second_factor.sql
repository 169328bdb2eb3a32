-- A second factor (RFC 6238) of people of all three panels, and whether a sign-in from a new place is told by letter.
ALTER TABLE domain_user
    ADD COLUMN totp_secret    bytea,  -- sealed (app/auth/sealing.py); null: no second factor
    ADD COLUMN totp_step      bigint NOT NULL DEFAULT 0,  -- the last time step used: a code works once
    ADD COLUMN totp_recovery  text[] NOT NULL DEFAULT '{}',  -- keyed hashes of what is left of the recovery codes
    ADD COLUMN notify_sign_in boolean NOT NULL DEFAULT true;
ALTER TABLE pool_admin
    ADD COLUMN totp_secret    bytea,
    ADD COLUMN totp_step      bigint NOT NULL DEFAULT 0,
    ADD COLUMN totp_recovery  text[] NOT NULL DEFAULT '{}',
    ADD COLUMN notify_sign_in boolean NOT NULL DEFAULT true;
ALTER TABLE staff
    ADD COLUMN totp_secret    bytea,
    ADD COLUMN totp_step      bigint NOT NULL DEFAULT 0,
    ADD COLUMN totp_recovery  text[] NOT NULL DEFAULT '{}',
    ADD COLUMN notify_sign_in boolean NOT NULL DEFAULT true;
