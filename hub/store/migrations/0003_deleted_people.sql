-- A deleted person's client tokens stay void. They live for at most a day, and so does this memory of a name.

CREATE TABLE deleted_people (
    project_id integer NOT NULL REFERENCES projects ON DELETE CASCADE,
    user_id text NOT NULL,
    deleted_at timestamptz NOT NULL,           -- tokens issued before are refused, whoever bears the name now
    PRIMARY KEY (project_id, user_id)
);

CREATE INDEX deleted_people_age ON deleted_people (deleted_at);

-- Whoever makes the person anew, by whatever statement. After the insert, because one that meets a deletion under way
-- waits for it, and what ran before the wait has not seen it.
CREATE FUNCTION keep_tokens_void() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE people p SET tokens_revoked_at = GREATEST(p.tokens_revoked_at, d.deleted_at)
    FROM made m JOIN deleted_people d ON d.project_id = m.project_id AND d.user_id = m.user_id
    WHERE p.person_id = m.person_id;
    RETURN NULL;
END $$;

CREATE TRIGGER people_keep_tokens_void AFTER INSERT ON people
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION keep_tokens_void();
