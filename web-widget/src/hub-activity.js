/**
 * Is somebody there? Active means a visible page that somebody used within `IDLE_SECONDS`; everything else is idle.
 * Where there is no document (a server, a worker) the answer is always active. The network's `online` event is watched
 * here too.
 */

import { IDLE_SECONDS } from "./hub-policy.js";

/** @typedef {"active" | "idle"} Activity */

const USES = ["pointerdown", "pointermove", "keydown", "wheel", "focus"];

/**
 * @param {() => void} onChange it is the other state now
 * @param {() => void} onReturn the network or the page is back
 * @returns {{state: Activity, stop: () => void}} `state` is the present one; `stop` removes every listener
 */
export function watchActivity(onChange, onReturn) {
  const page = globalThis.document;
  const removals = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const watch = {
    /** @type {Activity} */
    state: "active",
    stop() {
      clearTimeout(timer);
      removals.abort();
    },
  };
  if (!page) return watch;
  const options = { capture: true, passive: true, signal: removals.signal };
  /** @param {Activity} state */
  const enter = (state) => {
    clearTimeout(timer);
    if (state === "active") timer = setTimeout(enter, IDLE_SECONDS * 1000, "idle");
    if (state === watch.state) return;
    watch.state = state;
    onChange();
  };
  const look = () => enter(page.visibilityState === "visible" ? "active" : "idle");
  for (const use of USES) addEventListener(use, look, options);
  addEventListener("online", onReturn, options);
  page.addEventListener(
    "visibilitychange",
    () => {
      look();
      if (watch.state === "active") onReturn();
    },
    options,
  );
  look();
  return watch;
}
