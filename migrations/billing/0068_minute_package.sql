-- Minutes of talk that the tariff includes per month. The account holds what is left of one month; outside of
-- [package_from, package_until) nothing is left [FIN-15, FIN-60].
ALTER TABLE tariff ADD COLUMN included_minutes int NOT NULL DEFAULT 0
    CHECK (included_minutes BETWEEN 0 AND 1000000);
ALTER TABLE account
    ADD COLUMN package_seconds_left int NOT NULL DEFAULT 0 CHECK (package_seconds_left >= 0),
    ADD COLUMN package_from timestamptz,
    ADD COLUMN package_until timestamptz,
    ADD CHECK (package_from < package_until);
-- Seconds of the package that no other call may use while this one talks.
ALTER TABLE hold ADD COLUMN package_seconds int NOT NULL DEFAULT 0 CHECK (package_seconds >= 0);
