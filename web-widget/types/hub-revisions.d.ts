/**
 * The rules of revisions, and all that a client must know to follow an inbox without a hole: no I/O, no clock, frames go
 * in and a verdict comes out (docs/protocol.md, "Revisions"). Every change to an inbox takes the person's next revision:
 *
 *     frame.rev = own + 1   apply
 *     frame.rev ≤ own       ignore
 *     frame.rev > own + 1   a gap: nothing is applied, the client sends `sync`
 *     changes               goes by `since` alone: apply when since ≤ own
 *
 * A REST answer and the rev in `ok` never move the own revision. What frames say is kept by who extends this class
 * (hub-state.js); alone, it is enough for a client that only passes frames on.
 */
import type { Frame, Item } from "./hub-state.js";
export type Verdict = "applied" | "ignored" | "gap" | "reset";
export declare class Revisions {
    /** @type {number | null} the own revision; null until the first snapshot */
    rev: number | null;
    /** @type {string | null} where to resume */
    cursor: string | null;
    /** The highest `seq` ever held of this inbox: what `upto` is for a mark on all. */
    seq: number;
    /**
     * The cursor of the snapshot that all this began with: two tabs with the same one hold the same inbox, one perhaps
     * later than the other.
     * @type {string | null}
     */
    lineage: string | null;
    /**
     * Take one frame of the stream. Unknown types without a `rev` are ignored; one with a `rev` ahead of ours is a gap.
     * @param {Frame} frame
     * @returns {Verdict}
     */
    apply(frame: Frame): Verdict;
    /**
     * Keep what a frame says; the own revision is already there.
     * @param {Frame} _frame
     */
    take(_frame: Frame): void;
    /** Forget everything. */
    discard(): void;
}
/**
 * @param {Frame} frame
 * @returns {Item[]} the items that it brings whole
 */
export declare function itemsOf(frame: Frame): Item[];
