/**
 * React hooks on the store. React is the page's own, 18 or newer.
 *
 *     <HubProvider url="https://hub.example.com" getToken={getToken} key={user.id}>
 *       <Inbox />
 *     </HubProvider>
 *
 *     const { items, markAll } = useInbox({ status: "unread" });
 *     const { unread } = useCounts();
 *
 * On a server, and while a page is hydrated, there is nothing yet: no items, counts of 0. Under StrictMode, where
 * effects run twice, the store is started twice, which is once.
 */
import { HubStore } from "./hub-store.js";
import type { ReactElement, ReactNode } from "react";
import type { Arrival } from "./hub-client.js";
import type { FeedSnapshot } from "./hub-feeds.js";
import type { Marked } from "./hub-outbox.js";
import type { Counts, Filter, Item, Mark } from "./hub-state.js";
import type { Snapshot } from "./hub-store.js";
export type HubStoreOptions = ConstructorParameters<typeof HubStore>[0];
export type HubStatus = Pick<Snapshot, "status" | "stale" | "stopped" | "retryAt">;
export type InboxActions = {
    /**
     * brings the next older page; whether there may be more after it
     */
    loadOlder: () => Promise<boolean>;
    /**
     * reads the first page again
     */
    refresh: () => Promise<boolean>;
    /**
     * shown at once, taken
     * back when the hub refuses; `until` of a snooze: RFC 3339
     */
    mark: (action: Mark["action"], items: Item | Item[], until?: string) => Promise<Marked>;
    /**
     * `read` if absent: all items of the filter's category
     * and tag
     */
    markAll: (action?: Mark["action"]) => Promise<Marked>;
    /**
     * the person has seen everything held now
     */
    seen: () => void;
};
export type Inbox = FeedSnapshot & HubStatus & {
    counts: Counts;
} & InboxActions;
export type PreferenceChoices = {
    channels: {
        channel: string;
        enabled: boolean;
    }[];
    categories: CategoryChoices[];
    quiet_hours: {
        timezone: string;
        weekly: {
            days: number[];
            from: string;
            to: string;
        }[];
        layer: string;
    } | null;
    /**
     * RFC 3339
     */
    paused_until: string | null;
    paused_by: string | null;
    timezone: string;
};
export type CategoryChoices = {
    category: string;
    /**
     * null for `general`
     */
    label: string | null;
    description: string | null;
    /**
     * nothing of it can be switched off
     */
    required: boolean;
    /**
     * outside the app it needs the person's
     */
    consent: boolean;
    /**
     * false: the person switched it off altogether
     */
    enabled: boolean;
    channels: {
        channel: string;
        enabled: boolean;
    }[];
};
export type PreferencesInUse = {
    /**
     * null until they are read
     */
    choices: PreferenceChoices | null;
    /**
     * why the last reading or change failed; null when it did not
     */
    error: unknown;
    /**
     * a merge patch for `PATCH /v1/inbox/preferences`, after which they
     * are read anew; rejects with the hub's HubError
     */
    change: (patch: object) => Promise<void>;
    /**
     * reads them anew; never rejects
     */
    refresh: () => Promise<void>;
};
/**
 * Gives the store to what is below it. Either `store`, a store of your own, which you start and stop; or the options of
 * one, which lives as long as the provider. Of these only `getToken` may change: for another person or hub give the
 * provider another `key`.
 *
 * @param {({store: HubStore} | (HubStoreOptions & {store?: undefined})) & {children?: ReactNode}} props
 * @returns {ReactElement}
 */
export declare function HubProvider({ children, ...props }: ({
    store: HubStore;
} | (HubStoreOptions & {
    store?: undefined;
})) & {
    children?: ReactNode;
}): ReactElement;
/**
 * @returns {HubStore} of the nearest provider
 * @throws {Error} there is none
 */
export declare function useHub(): HubStore;
/**
 * A list of items, kept live. Components with the same filter share its pages.
 *
 * @param {Filter} [filter] none: everything that is neither archived nor snoozed
 * @returns {Inbox}
 */
export declare function useInbox(filter?: Filter): Inbox;
/** @returns {Counts} the same object while the numbers are the same */
export declare function useCounts(): Counts;
/**
 * @param {(arrival: Arrival) => void} listener of new items, once each; `missed`: it came while the page was away. Always
 *   the one of the last rendering
 */
export declare function useArrivals(listener: (arrival: Arrival) => void): void;
/**
 * The person's choices, read when the connection is there, and again whenever it is back.
 *
 * @returns {PreferencesInUse}
 */
export declare function usePreferences(): PreferencesInUse;
