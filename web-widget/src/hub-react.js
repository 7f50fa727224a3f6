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

import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { HubStore } from "./hub-store.js";

/** @import { ReactElement, ReactNode } from "react" */
/** @import { Arrival } from "./hub-client.js" */
/** @import { FeedSnapshot } from "./hub-feeds.js" */
/** @import { Marked } from "./hub-outbox.js" */
/** @import { Counts, Filter, Item, Mark } from "./hub-state.js" */
/** @import { Snapshot } from "./hub-store.js" */

/** @typedef {ConstructorParameters<typeof HubStore>[0]} HubStoreOptions */

/** @typedef {Pick<Snapshot, "status" | "stale" | "stopped" | "retryAt">} HubStatus how the connection is */

/**
 * @typedef {object} InboxActions the same functions while store and filter stay the same
 * @property {() => Promise<boolean>} loadOlder brings the next older page; whether there may be more after it
 * @property {() => Promise<boolean>} refresh reads the first page again
 * @property {(action: Mark["action"], items: Item | Item[], until?: string) => Promise<Marked>} mark shown at once, taken
 *   back when the hub refuses; `until` of a snooze: RFC 3339
 * @property {(action?: Mark["action"]) => Promise<Marked>} markAll `read` if absent: all items of the filter's category
 *   and tag
 * @property {() => void} seen the person has seen everything held now
 */

/** @typedef {FeedSnapshot & HubStatus & {counts: Counts} & InboxActions} Inbox */

/**
 * @typedef {object} PreferenceChoices what the person can choose, as it holds: see docs/api.md, Choices
 * @property {{channel: string, enabled: boolean}[]} channels
 * @property {CategoryChoices[]} categories
 * @property {{timezone: string, weekly: {days: number[], from: string, to: string}[], layer: string} | null} quiet_hours
 * @property {string | null} paused_until RFC 3339
 * @property {string | null} paused_by
 * @property {string} timezone
 */

/**
 * @typedef {object} CategoryChoices
 * @property {string} category
 * @property {string | null} label null for `general`
 * @property {string | null} description
 * @property {boolean} required nothing of it can be switched off
 * @property {boolean} consent outside the app it needs the person's
 * @property {boolean} enabled false: the person switched it off altogether
 * @property {{channel: string, enabled: boolean}[]} channels
 */

/**
 * @typedef {object} PreferencesInUse
 * @property {PreferenceChoices | null} choices null until they are read
 * @property {unknown} error why the last reading or change failed; null when it did not
 * @property {(patch: object) => Promise<void>} change a merge patch for `PATCH /v1/inbox/preferences`, after which they
 *   are read anew; rejects with the hub's HubError
 * @property {() => Promise<void>} refresh reads them anew; never rejects
 */

const NO_COUNTS = Object.freeze({ unseen: 0, unread: 0, total: 0 });
/** @type {FeedSnapshot} */
const NO_FEED = Object.freeze({ items: [], hasOlder: false, loading: false, ready: false, error: null });
/** @type {HubStatus} */
const NO_STATUS = Object.freeze({ status: "stopped", stale: false, stopped: null, retryAt: null });

/** @type {(snapshot: Snapshot) => HubStatus} */
const statusOf = (snapshot) => snapshot;

const Context = createContext(/** @type {HubStore | null} */ (null));

/**
 * Gives the store to what is below it. Either `store`, a store of your own, which you start and stop; or the options of
 * one, which lives as long as the provider. Of these only `getToken` may change: for another person or hub give the
 * provider another `key`.
 *
 * @param {({store: HubStore} | (HubStoreOptions & {store?: undefined})) & {children?: ReactNode}} props
 * @returns {ReactElement}
 */
export function HubProvider({ children, ...props }) {
  return props.store
    ? createElement(Context.Provider, { value: props.store }, children)
    : createElement(Owner, props, children);
}

/** @param {HubStoreOptions & {children?: ReactNode}} props */
function Owner({ children, getToken, url, ...options }) {
  const ask = useLatest(getToken);
  const [store] = useState(
    () =>
      new HubStore({
        ...options,
        // Without a page there is no origin that an address could be relative to, and nothing is ever started.
        url: globalThis.location ? url : "http://server.invalid",
        getToken: () => ask.current(),
      }),
  );
  useEffect(() => {
    store.start();
    return () => store.stop();
  }, [store]);
  return createElement(Context.Provider, { value: store }, children);
}

/**
 * @returns {HubStore} of the nearest provider
 * @throws {Error} there is none
 */
export function useHub() {
  const store = useContext(Context);
  if (!store) throw new Error("There is no <HubProvider> around this component.");
  return store;
}

/**
 * A list of items, kept live. Components with the same filter share its pages.
 *
 * @param {Filter} [filter] none: everything that is neither archived nor snoozed
 * @returns {Inbox}
 */
export function useInbox(filter = {}) {
  const store = useHub();
  const { category, tag } = filter;
  const feed = store.feed(filter);
  const list = useSyncExternalStore(
    useCallback((/** @type {() => void} */ told) => feed.subscribe(told), [feed]),
    () => feed.snapshot,
    () => NO_FEED,
  );
  const status = usePart(store, statusOf, NO_STATUS);
  const counts = useCounts();
  const actions = useMemo(
    () =>
      /** @type {InboxActions} */ ({
        loadOlder: () => feed.loadOlder(),
        refresh: () => feed.refresh(),
        mark: (action, items, until) =>
          store.mark({ action, ids: [items].flat().map(({ id }) => id), ...(until && { until }) }),
        markAll: (action = "read") =>
          store.mark({ action, all: true, ...(category && { category }), ...(tag && { tag }) }),
        seen: () => store.seen(),
      }),
    [store, feed, category, tag],
  );
  return useMemo(() => ({ ...list, ...status, counts, ...actions }), [list, status, counts, actions]);
}

/** @returns {Counts} the same object while the numbers are the same */
export function useCounts() {
  return usePart(useHub(), ({ counts }) => counts, NO_COUNTS);
}

/**
 * @param {(arrival: Arrival) => void} listener of new items, once each; `missed`: it came while the page was away. Always
 *   the one of the last rendering
 */
export function useArrivals(listener) {
  const store = useHub();
  const latest = useLatest(listener);
  useEffect(() => store.on("item", (arrival) => latest.current(arrival)), [store, latest]);
}

/**
 * The person's choices, read when the connection is there, and again whenever it is back.
 *
 * @returns {PreferencesInUse}
 */
export function usePreferences() {
  const store = useHub();
  const { status } = usePart(store, statusOf, NO_STATUS);
  const [state, setState] = useState(
    () => /** @type {{choices: PreferenceChoices | null, error: unknown}} */ ({ choices: null, error: null }),
  );
  const asked = useRef(0);
  const refresh = useCallback(async () => {
    const mine = ++asked.current; // of readings that overlap, the last one counts
    let told;
    try {
      const choices = await store.call("GET", "v1/inbox/preferences/choices");
      told = () => ({ choices, error: null });
    } catch (error) {
      told = (/** @type {typeof state} */ before) => ({ ...before, error });
    }
    if (mine === asked.current) setState(told);
  }, [store]);
  const change = useCallback(
    async (/** @type {object} */ patch) => {
      try {
        await store.call("PATCH", "v1/inbox/preferences", patch);
      } catch (error) {
        setState((before) => ({ ...before, error }));
        throw error;
      }
      await refresh();
    },
    [store, refresh],
  );
  useEffect(() => {
    if (status !== "live") return;
    refresh();
    return () => {
      asked.current++;
    };
  }, [status, refresh]);
  return useMemo(() => ({ ...state, change, refresh }), [state, change, refresh]);
}

/**
 * Some fields of the store's snapshot, those of `initial`: the same object while they have the same values, so that
 * nothing is drawn anew for what it does not show.
 *
 * @template {object} T
 * @param {HubStore} store
 * @param {(snapshot: Snapshot) => T} pick
 * @param {T} initial
 * @returns {T}
 */
function usePart(store, pick, initial) {
  const last = useRef(initial);
  return useSyncExternalStore(
    useCallback((/** @type {() => void} */ told) => store.subscribe(told), [store]),
    () => {
      const now = pick(store.snapshot);
      const fields = /** @type {(keyof T)[]} */ (Object.keys(initial));
      if (fields.some((field) => now[field] !== last.current[field])) {
        last.current = /** @type {T} */ (Object.fromEntries(fields.map((field) => [field, now[field]])));
      }
      return last.current;
    },
    () => initial,
  );
}

/**
 * @template T
 * @param {T} value
 * @returns {{current: T}} what the last rendering gave
 */
function useLatest(value) {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}
