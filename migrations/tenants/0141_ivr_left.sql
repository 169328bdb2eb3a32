-- A scenario that was deleted is seen nowhere any more; callers inside it finish in what is still there for a day [IVR-05].
ALTER TABLE ivr_scenario ADD COLUMN deleted_at timestamptz;
DROP INDEX ivr_scenario_name;
CREATE UNIQUE INDEX ivr_scenario_name ON ivr_scenario (domain_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX ivr_scenario_deleted ON ivr_scenario (deleted_at) WHERE deleted_at IS NOT NULL;
