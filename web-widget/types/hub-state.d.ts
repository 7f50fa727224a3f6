/**
 * What a client knows of one person's inbox, and the only place that changes it. No I/O, no clock, no DOM: frames go
 * in, a verdict comes out, and the same frames always give the same state, so it is tested by random schedules.
 *
 * The rules are the protocol's (docs/protocol.md, "Revisions"). Every change to an inbox takes the person's next
 * revision:
 *
 *     frame.rev = own + 1   apply
 *     frame.rev ≤ own       ignore
 *     frame.rev > own + 1   a gap: nothing is applied, the client sends `sync`
 *     changes               goes by `since` alone: apply when since ≤ own
 *
 * Three things never move the own revision: a REST answer, the rev in `ok`, and a mark that was made here and is not
 * yet confirmed. The last is an overlay on what is known; `view()` shows both together.
 */
export type Actor = {
    id: string;
    name: string | null;
    avatar_url: string | null;
};
export type Action = {
    id: string;
    label: string;
    url?: string | null;
};
export type Counts = {
    unseen: number;
    unread: number;
    total: number;
};
export type Item = {
    id: string;
    notification_id: string;
    /**
     * the revision that created it; newer items have higher ones
     */
    seq: number;
    /**
     * the revision that last changed it
     */
    rev: number;
    category: string;
    title: string;
    body: string | null;
    action_url: string | null;
    actions: Action[] | null;
    image_url: string | null;
    data: Record<string, unknown> | null;
    tags: string[] | null;
    actor: Actor | null;
    tenant: string | null;
    thread_key: string | null;
    priority: "critical" | "normal" | "bulk";
    created_at: string;
    seen_at: string | null;
    read_at: string | null;
    clicked_at: string | null;
    archived_at: string | null;
    pinned_at: string | null;
    snoozed_until: string | null;
    expires_at: string | null;
};
export type MarkAction = "seen" | "read" | "unread" | "archive" | "unarchive" | "snooze" | "unsnooze" | "pin" | "unpin" | "click" | "delete";
export type Mark = {
    action: MarkAction;
    ids?: string[];
    all?: true;
    upto?: number;
    category?: string;
    tag?: string;
    /**
     * the end of a snooze, RFC 3339
     */
    until?: string;
};
export type PendingMark = {
    ref: number;
    mark: Mark;
    at: string;
    okRev: number | null;
};
export type Frame = Record<string, any> & {
    type: string;
};
export type Page = {
    items: Item[];
    next_cursor: string | null;
};
export type Verdict = "applied" | "ignored" | "gap" | "reset";
export type Reading = {
    frames: Frame[];
    generation: number;
};
export declare class InboxState {
    #private;
    /** @type {number | null} the own revision; null until the first snapshot */
    rev: number | null;
    /** @type {string | null} where to resume */
    cursor: string | null;
    /** @type {string | null} the REST cursor of the next older page; null when there is none, or none is known yet */
    olderCursor: string | null;
    /** @type {Map<string, Item>} what the hub said, without the overlay */
    items: Map<string, Item>;
    /** @type {Counts} */
    counts: Counts;
    /** The revision that `counts` belong to. */
    countsRev: number;
    /** @type {Map<number, PendingMark>} marks made here, by ref, in order */
    pending: Map<number, PendingMark>;
    /** Grows whenever everything is discarded; an answer asked for under an older one is worthless. */
    generation: number;
    /**
     * Take one frame of the stream. Unknown types without a `rev` are ignored; one with a `rev` ahead of ours is a gap.
     * @param {Frame} frame
     * @returns {Verdict}
     */
    apply(frame: Frame): Verdict;
    /**
     * Show a mark before the hub has answered it.
     * @param {number} ref its number in the protocol
     * @param {Mark} mark
     * @param {string} at the time that it shows, RFC 3339
     */
    mark(ref: number, mark: Mark, at: string): void;
    /**
     * The hub carried the mark out at `rev`: the overlay stays until the own revision gets there.
     * @param {number} ref
     * @param {number} rev
     */
    confirm(ref: number, rev: number): void;
    /**
     * The hub refused the mark: the overlay ends.
     * @param {number} ref
     */
    refuse(ref: number): void;
    /**
     * Note that a REST page is being asked for. Frames that arrive until its answer are applied to it as well, because
     * the page may have been read before them.
     * @returns {Reading}
     */
    beginReading(): Reading;
    /**
     * Take the page asked for, or none when the request failed.
     * @param {Reading} reading
     * @param {Page | null} page
     * @returns {boolean} false when everything was discarded meanwhile, and the page with it
     */
    endReading(reading: Reading, page: Page | null): boolean;
    /** The highest `seq` held: what `upto` is for a mark on all. 0 when nothing is held. */
    highestSeq(): number;
    /**
     * What to show: items that are neither archived nor snoozed, pinned first, newest first, and the counts, both with
     * the unconfirmed marks laid over.
     * @returns {{items: Item[], counts: Counts}}
     */
    view(): {
        items: Item[];
        counts: Counts;
    };
}
