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

/** @import { Frame, Item } from "./hub-state.js" */

/**
 * `applied` it changed what is known · `ignored` it is already known · `gap` something is missing before it ·
 * `reset` all was discarded (a `welcome` with items follows, or was this frame).
 * @typedef {"applied" | "ignored" | "gap" | "reset"} Verdict
 */

const LIVE_FRAMES = ["item", "update", "removed"];

export class Revisions {
  /** @type {number | null} the own revision; null until the first snapshot */
  rev = null;
  /** @type {string | null} where to resume */
  cursor = null;
  /** The highest `seq` ever held of this inbox: what `upto` is for a mark on all. */
  seq = 0;
  /**
   * The cursor of the snapshot that all this began with: two tabs with the same one hold the same inbox, one perhaps
   * later than the other.
   * @type {string | null}
   */
  lineage = null;

  /**
   * Take one frame of the stream. Unknown types without a `rev` are ignored; one with a `rev` ahead of ours is a gap.
   * @param {Frame} frame
   * @returns {Verdict}
   */
  apply(frame) {
    const { type, rev, lineage = frame.cursor } = frame;
    const own = this.rev;
    /** @type {Verdict} */
    let verdict = "applied";
    if (type === "reset") {
      this.discard();
      return type;
    }
    if (type === "welcome") {
      if (!frame.items || (lineage === this.lineage && rev < Number(own))) return "ignored";
      if (lineage !== this.lineage) {
        this.discard();
        verdict = "reset";
      }
      this.lineage = lineage;
    } else {
      const pages = type === "changes";
      if (own === null || !(rev > (pages ? -1 : own))) return "ignored";
      if (pages ? frame.since > own : rev > own + 1 || !LIVE_FRAMES.includes(type)) return "gap";
    }
    for (const { seq } of itemsOf(frame)) this.seq = Math.max(this.seq, seq);
    if (rev >= (this.rev ?? 0)) {
      this.rev = rev;
      this.cursor = frame.cursor ?? this.cursor;
    }
    this.take(frame);
    return verdict;
  }

  /**
   * Keep what a frame says; the own revision is already there.
   * @param {Frame} _frame
   */
  take(_frame) {}

  /** Forget everything. */
  discard() {
    this.rev = this.cursor = this.lineage = null;
    this.seq = 0;
  }
}

/**
 * @param {Frame} frame
 * @returns {Item[]} the items that it brings whole
 */
export function itemsOf(frame) {
  return frame.type === "item" ? [frame.item] : (frame.items ?? []);
}
