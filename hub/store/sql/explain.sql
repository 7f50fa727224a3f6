-- name: read_people
SELECT user_id, person_id, preferences::text AS preferences, timezone, email, phone, push
FROM people p WHERE project_id = $1 AND user_id = ANY($2::text[])

-- name: first_of_topic
SELECT p.user_id FROM topics t
JOIN topic_subscribers s ON s.topic_id = t.topic_id
JOIN people p ON p.person_id = s.person_id
WHERE t.project_id = $1 AND t.topic = $2
ORDER BY s.person_id LIMIT $3
