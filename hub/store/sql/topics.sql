-- name: ensure_topic
INSERT INTO topics (project_id, topic) VALUES ($1, $2) ON CONFLICT (project_id, topic) DO NOTHING

-- name: find_topic
SELECT topic_id FROM topics WHERE project_id = $1 AND topic = $2

-- name: add_subscribers
-- The people are held, so that somebody who is deleted meanwhile is left out instead of failing the whole call.
INSERT INTO topic_subscribers (topic_id, person_id)
SELECT $1, p.person_id
FROM (SELECT person_id FROM people WHERE person_id = ANY($2::bigint[]) ORDER BY person_id FOR KEY SHARE) p
ON CONFLICT (topic_id, person_id) DO NOTHING

-- name: remove_subscribers
DELETE FROM topic_subscribers s USING people p
WHERE s.topic_id = $1 AND p.person_id = s.person_id AND p.project_id = $2 AND p.user_id = ANY($3::text[])

-- name: list_topics
SELECT topic, created_at FROM topics
WHERE project_id = $1 AND ($2::text IS NULL OR topic > $2)
ORDER BY topic LIMIT $3

-- name: list_subscribers
SELECT s.person_id, p.user_id, s.created_at FROM topic_subscribers s JOIN people p USING (person_id)
WHERE s.topic_id = $1 AND s.person_id > $2
ORDER BY s.person_id LIMIT $3

-- name: list_topics_of
SELECT t.topic, s.created_at FROM topic_subscribers s
JOIN people p USING (person_id)
JOIN topics t USING (topic_id)
WHERE p.project_id = $1 AND p.user_id = $2 AND ($3::text IS NULL OR t.topic > $3)
ORDER BY t.topic LIMIT $4
