-- Who `{"all": true}` means, and indexes for what was read by scanning.

-- The newest person_id given out when it was accepted: "everyone who is stored … before it was accepted" without asking
-- two machines' clocks. Whoever committed before holds a smaller one; whoever comes later gets a larger one.
ALTER TABLE notifications ADD COLUMN people_upto bigint NOT NULL DEFAULT 9223372036854775807;
ALTER TABLE broadcasts ADD COLUMN people_upto bigint NOT NULL DEFAULT 9223372036854775807;

-- Everyone of a project in key order, and how many they are.
CREATE INDEX people_order ON people (project_id, person_id);

-- What upkeep purges by age.
CREATE INDEX inbox_items_removed ON inbox_items (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX bulk_marks_age ON bulk_marks (created_at);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE state <> 'waiting';
