-- Lists of one project, newest first: of deliveries, and of the sandbox. The first serves what is dead as well as all.
CREATE INDEX deliveries_list ON deliveries (project_id, delivery_id);
CREATE INDEX sandbox_messages_project ON sandbox_messages (project_id, position);
