-- Lists of one project, newest first: of deliveries, and of the sandbox. The first serves what is dead as well as all.
CREATE INDEX deliveries_list ON deliveries (project_id, delivery_id);
CREATE INDEX sandbox_messages_project ON sandbox_messages (project_id, position);

-- The notification's dedupe key, where the person has no item that says it.
ALTER TABLE deliveries ADD COLUMN dedupe_key text;
CREATE INDEX deliveries_dedupe ON deliveries (person_id, dedupe_key) WHERE dedupe_key IS NOT NULL;
