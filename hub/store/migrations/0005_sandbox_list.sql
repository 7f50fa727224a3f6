-- A project's sandbox, newest first (GET /v1/sandbox).
CREATE INDEX sandbox_messages_project ON sandbox_messages (project_id, position);
