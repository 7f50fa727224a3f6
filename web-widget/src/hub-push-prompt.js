/**
 * Asks whether to notify while the page is closed, before the browser does: the browser's own question can be asked
 * once, and a "Block" there is for good. Loaded only where it may be asked.
 *
 * Shown only where push is possible, the browser was not asked yet, the hub has a key, and the person did not say "Not
 * now" within the last month. Attribute of the element: `worker`, the page's own service worker (`/hub-sw.js` if
 * absent). Property: `registration`, one that the page has registered by itself.
 */

/** @import { Toolkit } from "./hub-toolkit.js" */

export const WORDS = {
  pushTitle: "Get notified when this page is closed",
  pushHint: "Only about what you have not seen here. You can turn it off at any time.",
  pushOn: "Turn on",
  pushLater: "Not now",
  pushDone: "You will be notified on this device.",
  pushDenied: "Your browser blocks notifications from this page. Its settings for this site can change that.",
  pushFailed: "That could not be turned on. Try again later.",
};

const CSS = `
.push {
  display: grid;
  grid-template-columns: auto 1fr;
  gap: 2px 12px;
  padding: 12px 16px 14px;
  text-align: start;
  background: color-mix(in srgb, var(--_accent) 7%, var(--_surface));
  border-block-end: 1px solid var(--_line);
}
.push svg {
  grid-row: span 3;
  margin-block-start: 1px;
  color: var(--_accent);
}
.push strong {
  font-weight: 620;
}
.push p {
  margin: 0;
  font-size: 12.5px;
  color: var(--_muted);
}
.push div {
  display: flex;
  flex-wrap: wrap;
  gap: 8px;
  margin-block-start: 8px;
}
.push button {
  min-height: 30px;
  padding: 3px 12px;
  border-radius: 8px;
  font-size: 13px;
  font-weight: 600;
}
.push .yes {
  color: var(--_on-accent);
  background: var(--_accent);
}
.push .no:hover {
  background: color-mix(in srgb, currentColor 8%, transparent);
}
.push [aria-disabled] {
  opacity: 0.6;
}
`;

const BELL = ["M6 9.5a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4s2-1.5 2-6.5z", "M10 19.5a2.2 2.2 0 0 0 4 0"];
const MONTH_MS = 30 * 86_400_000;

/**
 * Fills `container` if there is something to ask; else it stays empty.
 * @param {HTMLElement} container
 * @param {Toolkit} toolkit
 * @returns {{destroy: () => void}}
 */
export function mount(container, { h, icon, store, messages, host, url, adopt }) {
  /** @type {typeof WORDS & Record<string, any>} */
  const words = { ...WORDS, ...messages };
  const options = {
    url: url ?? host.getAttribute("hub") ?? undefined,
    store,
    worker: host.getAttribute("worker") ?? undefined,
    registration: /** @type {any} */ (host).registration,
  };
  const memory = `hub-push:${store.person?.project}/${store.person?.user}`;
  let gone = false;

  const ask = async () => {
    if (!mayAsk() || Date.now() - recall(memory) < MONTH_MS) return;
    // Loaded now: a browser lets a page ask right after a click, and not once a module has come over the network.
    const [{ enablePush }, key] = await Promise.all([
      import("./hub-push.js"),
      store.call("GET", "v1/inbox/push-key").catch(() => null),
    ]);
    if (!key || gone || !mayAsk()) return;
    adopt(CSS);
    /** @type {HTMLElement | null} */
    const panel = container.closest("[tabindex]");
    const title = h("strong", { id: "push" }, words.pushTitle);
    const hint = h("p", {}, words.pushHint);
    const yes = h("button", { type: "button", class: "yes", click: () => turnOn() }, words.pushOn);
    const later = () => {
      remember(memory);
      // To the panel that it is in, or the focus would be lost with it.
      if (container.matches(":focus-within")) panel?.focus();
      container.replaceChildren();
    };
    const no = h("button", { type: "button", class: "no", click: later }, words.pushLater);
    const buttons = h("div", {}, yes, no);

    const turnOn = async () => {
      // Not `disabled`, which would take the focus away.
      if (yes.ariaDisabled) return;
      yes.ariaDisabled = "true";
      /** @type {keyof typeof WORDS} */
      let said = "pushDone";
      try {
        await enablePush(options);
      } catch (error) {
        said = /** @type {any} */ (error).code === "denied" ? "pushDenied" : "pushFailed";
        // Closed without an answer: that is "not now".
        if (said === "pushDenied" && Notification.permission === "default") return later();
      }
      if (gone) return;
      yes.ariaDisabled = null;
      const focused = buttons.matches(":focus-within");
      hint.textContent = words[said];
      title.hidden = said === "pushDone";
      if (said === "pushFailed") return;
      yes.remove();
      no.textContent = words.close ?? "";
      if (focused) no.focus();
    };
    hint.setAttribute("role", "status");
    container.replaceChildren(
      h("section", { class: "push", part: "push", "aria-labelledby": "push" }, icon(...BELL), title, hint, buttons),
    );
  };
  ask().catch(() => {}); // a module that does not load now is asked for with the next page

  return {
    destroy() {
      gone = true;
      container.replaceChildren();
    },
  };
}

function mayAsk() {
  const possible = "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
  return possible && Notification.permission === "default";
}

/** @param {string} key @returns {number} when it was said, in milliseconds since the epoch; 0: never */
function recall(key) {
  try {
    return Number(localStorage.getItem(key));
  } catch {
    return 0;
  }
}

/** @param {string} key */
function remember(key) {
  try {
    localStorage.setItem(key, String(Date.now()));
  } catch {
    // Where nothing may be kept, it is asked again with the next page.
  }
}
