/**
 * One connection per browser. The tabs of one origin, hub and person share a Web Lock and a BroadcastChannel of one
 * name. Who holds the lock leads: it is connected to the hub and speaks the hub's own protocol to the other tabs, so
 * that they follow by the same rules of revisions as if they were connected themselves:
 *
 *     follower → leader   {from, frame}   hello, sync, mark (with its key), seen, state, ping, pong; bye
 *     leader → followers  {lead, to?, frame}   what the hub sent; welcome or changes to a hello; ok, error, ping, pong;
 *                         wait (how the connection fares while it is not live); marks (not confirmed yet, of all tabs)
 *     either              {frame: out}   somebody signed out here: ask for your token anew
 *
 * The lock ends with its tab, and the next in its queue goes on from its own cursor. A leader that hangs keeps its lock:
 * a visible follower that hears nothing for `SILENCE_SECONDS`, and no answer to a ping, steals it.
 */
import type { HubStore } from "./hub-store.js";
import type { Link, LinkEvents } from "./hub-link.js";
export declare class Tabs {
    #private;
    /** This tab holds the lock. */
    leading: boolean;
    /**
     * @param {HubStore} store
     * @param {LockManager} locks
     * @param {typeof BroadcastChannel} Channel
     */
    constructor(store: HubStore, locks: LockManager, Channel: typeof BroadcastChannel);
    /**
     * Be one of the tabs of this name; already being one is fine.
     * @param {string} name
     * @returns {Promise<boolean>} whether this one leads
     */
    join(name: string): Promise<boolean>;
    /** Leave the others alone; who leads hands over. To be called when the client is stopped. May be called twice. */
    leave(): void;
    /** The person signed out here: no tab goes on with a token from before. */
    out(): void;
    /** Whether somebody is active in another tab, as far as this one leads. */
    active(): boolean;
    /**
     * Marks may have been made or confirmed: the others show the same.
     * @param {boolean} [anyway] some tab does not know that there are none
     */
    tellMarks(anyway?: boolean): void;
    /**
     * The link of a follower.
     * @param {LinkEvents} events
     * @returns {Link}
     */
    dial(events: LinkEvents): Link;
}
