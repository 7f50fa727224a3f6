-- Inboxes of a hundred thousand items.

-- Postgres counts on an inbox of the usual size, ten items or so: then it reads all of them and sorts, which took 25 ms for
-- each 20,000 items of a large one, at every page (November 2026). Told that there are ten thousand rows to a person, it
-- follows the list's index and stops after a page, which costs a small inbox nothing.
ALTER TABLE inbox_items ALTER COLUMN person_id SET (n_distinct = -0.0001);

-- What is unread may be few and far apart. It costs 4 of 29 µs of CPU for each item that is written. One of the same kind for
-- categories would cost 8 µs more: those are looked for in the list.
CREATE INDEX inbox_items_unread ON inbox_items (person_id, (pinned_at IS NOT NULL), seq)
    WHERE removed_at IS NULL AND read_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL;

-- Nothing is born archived or snoozed: these cost nothing where items are written.
CREATE INDEX inbox_items_archived ON inbox_items (person_id, (pinned_at IS NOT NULL), seq)
    WHERE removed_at IS NULL AND archived_at IS NOT NULL;
CREATE INDEX inbox_items_snoozed ON inbox_items (person_id, (pinned_at IS NOT NULL), seq)
    WHERE removed_at IS NULL AND snoozed_until IS NOT NULL AND archived_at IS NULL;

ANALYZE inbox_items;
