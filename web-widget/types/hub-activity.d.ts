/**
 * Is somebody there? Active means a visible page that somebody used within `IDLE_SECONDS`; everything else is idle.
 * Where there is no document (a server, a worker) the answer is always active. The network's `online` event is watched
 * here too.
 */
export type Activity = "active" | "idle";
/**
 * @param {() => void} onChange it is the other state now
 * @param {() => void} onReturn the network or the page is back
 * @returns {{state: Activity, stop: () => void}} `state` is the present one; `stop` removes every listener
 */
export declare function watchActivity(onChange: () => void, onReturn: () => void): {
    state: Activity;
    stop: () => void;
};
