/**
 * Web push for a page: subscribes this browser, and hears of clicks on notifications.
 *
 *     const { enablePush } = await import("https://hub.example.com/widget/hub-push.js");
 *     button.onclick = () => enablePush({ url: "https://hub.example.com", getToken });
 *
 * The page hosts `/hub-sw.js`, which imports the hub's. Call `enablePush` on a click the first time, because browsers
 * ask the person; and again on later loads where `Notification.permission` is "granted": it asks nobody then, and tells
 * the hub what may have changed.
 */
export type PushOptions = {
    /**
     * where the hub is; the page's origin if absent
     */
    url?: string;
    /**
     * a client token with the scope `inbox:write`
     */
    getToken?: () => string | null | Promise<string | null>;
    /**
     * in place of `getToken`: a store, whose token it uses
     */
    store?: Pick<import("./hub-store.js").HubStore, "call">;
    /**
     * the page's own service worker
     */
    worker?: string;
    /**
     * one that the page has registered by itself
     */
    registration?: ServiceWorkerRegistration;
};
export type PushClick = {
    /**
     * of the notification
     */
    id: string;
    /**
     * the id of the button, null when the notification itself was clicked
     */
    action: string | null;
    /**
     * where it leads
     */
    url: string;
};
/**
 * @typedef {object} PushOptions
 * @property {string} [url] where the hub is; the page's origin if absent
 * @property {() => string | null | Promise<string | null>} [getToken] a client token with the scope `inbox:write`
 * @property {Pick<import("./hub-store.js").HubStore, "call">} [store] in place of `getToken`: a store, whose token it uses
 * @property {string} [worker] the page's own service worker
 * @property {ServiceWorkerRegistration} [registration] one that the page has registered by itself
 */
/**
 * @typedef {object} PushClick
 * @property {string} id of the notification
 * @property {string | null} action the id of the button, null when the notification itself was clicked
 * @property {string} url where it leads
 */
/** @returns {boolean} whether this browser can be pushed to; on iOS only in a web app on the home screen */
export declare function canPush(): boolean;
/**
 * Asks the person if need be, subscribes, and tells the hub.
 * @param {PushOptions} options
 * @returns {Promise<{id: string, endpoint: string}>} the subscription, as the hub has it
 * @throws {HubError} and nothing else. `not_supported`, `denied`, `worker_failed`, `push_service_unreachable`,
 *   `aborted`, `bad_push_key`, `failed` (anything else of the browser), `storage_failed` (pushes arrive, but nothing renews them), `no_token`, `unreachable` (the
 *   hub), `invalid_url`, `not_a_hub`, or what the hub refused: `no_push_key` among it. What the browser said is its
 *   `cause`.
 */
export declare function enablePush(options: PushOptions): Promise<{
    id: string;
    endpoint: string;
}>;
/**
 * Ends it: when the person wants so, or signs out. The hub is told first, while there is a token.
 * @param {PushOptions} options
 * @throws {HubError} the hub refused, or did not answer; the browser is unsubscribed all the same
 */
export declare function disablePush(options: PushOptions): Promise<void>;
/**
 * Takes clicks on notifications while this page is open, in place of a new window: the page comes to the front, and
 * goes where it leads by itself.
 * @param {(click: PushClick) => void} handler
 * @returns {() => void} ends it
 */
export declare function onPushClick(handler: (click: PushClick) => void): () => void;
