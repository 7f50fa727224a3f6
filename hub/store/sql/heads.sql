-- Heads, locked in a statement of their own and in key order: in one statement with the reads that follow, a waiter would
-- go on with its old snapshot and miss a sibling that committed meanwhile (facts.md, "Traps").

-- name: lock_heads
SELECT h.person_id, p.project_id, p.user_id, p.locale, p.timezone, p.preferences::text AS preferences, p.email, p.phone, p.push,
       h.epoch # j.epoch AS epoch, h.rev, h.unseen, h.unread, h.total, h.broadcast_upto, j.broadcast_seq, clock_timestamp() AS now
FROM inbox_heads h
JOIN people p ON p.person_id = h.person_id
JOIN projects j ON j.project_id = p.project_id
WHERE h.person_id = ANY($1::text::bigint[])
ORDER BY h.person_id
FOR UPDATE OF h

-- name: save_heads
UPDATE inbox_heads h
SET rev = w.rev, unseen = w.unseen, unread = w.unread, total = w.total, broadcast_upto = w.broadcast_upto
FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::int[], $4::text::int[], $5::text::int[], $6::text::bigint[])
    AS w (person_id, rev, unseen, unread, total, broadcast_upto)
WHERE h.person_id = w.person_id
