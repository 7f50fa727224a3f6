/**
 * Is somebody there? Active means a visible page that somebody used within `IDLE_SECONDS`; everything else is idle.
 * Where there is no document (a server, a worker) the answer is always active. The network's `online` event is watched
 * here too.
 */

import { IDLE_SECONDS } from "./hub-policy.js";

/** @typedef {"active" | "idle"} Activity */

const USES = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"];

/**
 * @param {{onChange: (state: Activity) => void, onReturn: () => void}} events `onReturn`: the network or the page is
 *   back
 * @returns {{state: Activity, stop: () => void}} `state` is the present one; `stop` removes every listener
 */
export function watchActivity({ onChange, onReturn }) {
  const page = globalThis.document;
  if (page === undefined) return { state: "active", stop: () => {} };

  let usedAt = Date.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const watch = {
    /** @type {Activity} */
    state: page.visibilityState === "visible" ? "active" : "idle",
    stop() {
      clearTimeout(timer);
      removals.abort();
    },
  };
  const decide = () => {
    clearTimeout(timer);
    const left = usedAt + IDLE_SECONDS * 1000 - Date.now();
    const visible = page.visibilityState === "visible";
    const state = visible && left > 0 ? "active" : "idle";
    if (visible && left > 0) timer = setTimeout(decide, left);
    if (state === watch.state) return;
    watch.state = state;
    onChange(state);
  };
  const used = () => {
    usedAt = Date.now();
    if (watch.state === "idle") decide();
  };
  const removals = new AbortController();
  const options = { capture: true, passive: true, signal: removals.signal };
  for (const use of USES) globalThis.addEventListener(use, used, options);
  page.addEventListener(
    "visibilitychange",
    () => {
      if (page.visibilityState === "visible") {
        usedAt = Date.now();
        onReturn();
      }
      decide();
    },
    options,
  );
  globalThis.addEventListener("online", onReturn, options);
  decide();
  return watch;
}
