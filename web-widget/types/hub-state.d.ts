/**
 * What a tab knows of one person's inbox, and the only place that changes it: items, counts, the lists that show them,
 * and the marks made here that are not yet confirmed. No I/O, no clock, no DOM: the same frames always give the same
 * state, so it is tested by random schedules. The rules of revisions are in hub-revisions.js.
 *
 * **Lists without holes.** A list is a filter and the place that its pages have reached, its `edge`; it shows the held
 * items that match and are at or above the edge. Whatever comes into a list comes whole (`item`, `changes`), but for
 * three fields that a mere `update` may set: then the hub may have changed items of that list which are not held, the
 * list is `stale`, and its first page is read again.
 *
 * **Bounded.** When many items are held, each list gives up what is far below its newest; paging goes over it again.
 */
import { Revisions } from "./hub-revisions.js";
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
    mark: Mark;
    at: string;
    okRev: number | null;
    foreign: boolean;
};
export type Frame = Record<string, any> & {
    type: string;
};
export type Page = {
    items: Item[];
    next_cursor: string | null;
};
export type Filter = {
    status?: "all" | "unread" | "archived" | "snoozed";
    category?: string;
    tag?: string;
};
export type List = {
    filter: Filter;
    /**
     * the place (`placeOf`) that its pages have reached: 0 the end, Infinity nothing read yet
     */
    edge: number;
    /**
     * the REST cursor of the next older page; "" to begin at the top, null when there is none
     */
    cursor: string | null;
    /**
     * it may lack items: its first page has to be read (again)
     */
    stale: boolean;
    /**
     * how many items to keep when there are too many
     */
    keep: number;
    /**
     * somebody looks at it
     */
    watched: boolean;
};
export type Reading = {
    list: List;
    frames: Frame[];
    generation: number;
    fresh: boolean;
};
/**
 * @param {Filter} filter
 * @returns {List} of which nothing is read yet
 */
export declare function newList(filter: Filter): List;
export declare class InboxState extends Revisions {
    #private;
    /** @type {Map<string, Item>} what the hub said, without the overlay */
    items: Map<string, Item>;
    /** @type {Counts} */
    counts: Counts;
    /** The revision that `counts` belong to. */
    countsRev: number;
    /**
     * Marks not confirmed yet, in order, by their keys.
     * @type {Map<string, PendingMark>}
     */
    pending: Map<string, PendingMark>;
    /** Grows whenever everything is discarded; an answer asked for under an older one is worthless. */
    generation: number;
    /** The default list, which a `welcome` fills. */
    main: List;
    /** @type {Set<List>} */
    lists: Set<List>;
    /**
     * Show a mark before the hub has answered it.
     * @param {string} key
     * @param {Mark} mark
     * @param {string} at the time that it shows, RFC 3339
     * @param {boolean} [foreign]
     */
    mark(key: string, mark: Mark, at: string, foreign?: boolean): void;
    /** @returns {{key: string, mark: Mark, at: string}[]} the marks not confirmed yet, to be handed on */
    marks(): {
        key: string;
        mark: Mark;
        at: string;
    }[];
    /**
     * The hub carried the mark out at `rev`: the overlay stays until the own revision gets there.
     * @param {string} key
     * @param {number} rev
     */
    confirm(key: string, rev: number): void;
    /**
     * The hub refused the mark, or it is no longer ours to show: the overlay ends.
     * @param {string} key
     */
    refuse(key: string): void;
    /**
     * Note that the next page of a list is being asked for. Frames that arrive until its answer are applied to it as
     * well, because the page may have been read before them.
     * @param {List} [list]
     * @returns {Reading}
     */
    beginReading(list?: List): Reading;
    /**
     * Take the page asked for, or none when the request failed.
     * @param {Reading} reading
     * @param {Page | null} page
     * @returns {boolean} false when everything was discarded meanwhile, and the page with it
     */
    endReading(reading: Reading, page: Page | null): boolean;
    /**
     * The items of a list, pinned first, newest first, with the unconfirmed marks laid over.
     * @param {List} [list]
     * @returns {Item[]}
     */
    view(list?: List): Item[];
    /**
     * What is known, as the frame that would tell it: for another tab, or the next visit.
     * @param {number} [most] items of the default list
     * @returns {Frame}
     */
    welcome(most?: number): Frame;
    /** @returns {Counts} with the unconfirmed marks laid over */
    shownCounts(): Counts;
    /**
     * @param {Frame} frame
     * @override
     */
    take(frame: Frame): void;
    /** @override */
    discard(): void;
}
