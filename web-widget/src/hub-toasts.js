/**
 * <hub-toasts>: what has just arrived, for a moment, at the edge of the window. Loaded by the element.
 *
 * Attributes of the element: `placement` (`top` or `bottom`, `-start`, `-center` or `-end`; `bottom-end` if absent),
 * `duration` (seconds; if absent, as long as reading takes), `sound` (empty: a soft tone; else the address of one).
 * Events, from the element: `hub-activate` and `hub-action` as a row's, and `hub-more` when the rest is asked for,
 * which opens the page's <hub-inbox> unless it is prevented.
 *
 * At most three at once, the rest is counted. One tab shows an item: a visible one, and of several the first. Nothing
 * is shown while the list is before the person's eyes, and everything shown is in the inbox as well, so nothing is lost
 * when a toast goes: after its time, which stands still under the pointer, with the focus inside and while the page is
 * hidden; by its button, Esc or a swipe; or because the item was seen elsewhere. What is critical stays until closed.
 */

/** @import { Action, Item } from "./hub-state.js" */
/** @import { Toolkit } from "./hub-toolkit.js" */

const CSS = `
:host {
  display: block;
}
.toasts {
  position: fixed;
  inset: auto 0 0;
  display: flex;
  flex-direction: column;
  align-items: end;
  width: auto;
  height: auto;
  max-width: none;
  margin: 0;
  padding: max(16px, env(safe-area-inset-bottom)) 16px;
  border: 0;
  overflow: visible;
  color: inherit;
  background: none;
  pointer-events: none;
}
:host([placement^="top"]) .toasts {
  inset: 0 0 auto;
  padding-block-start: max(16px, env(safe-area-inset-top));
}
:host([placement$="start"]) .toasts {
  align-items: start;
}
:host([placement$="center"]) .toasts {
  align-items: center;
}
.toasts > div {
  display: flex;
  flex-direction: column;
  align-items: inherit;
  width: 100%;
}
.toasts > .rest {
  pointer-events: auto;
  min-height: 28px;
  padding: 0 14px;
  border-radius: 14px;
  font-size: 12.5px;
  font-weight: 600;
}
.toast {
  position: relative;
  display: grid;
  grid-template-columns: 1fr auto;
  gap: 2px 8px;
  width: min(var(--hub-toast-width, 344px), 100%);
  padding: 12px 10px 13px 16px;
  padding-inline: 16px 10px;
  overflow: clip;
  text-align: start;
  pointer-events: auto;
  touch-action: pan-y;
}
.toast,
.toasts > .rest {
  color: var(--_text);
  background: var(--_surface);
  border: 1px solid var(--_line);
  box-shadow: var(--hub-shadow, 0 1px 2px rgb(0 0 0 / 0.06), 0 12px 32px -8px rgb(0 0 0 / 0.26));
  margin-block-start: 10px;
}
.toast {
  border-radius: var(--_radius);
}
.toast.critical::before {
  content: "";
  position: absolute;
  inset-block: 0;
  inset-inline-start: 0;
  width: 4px;
  background: var(--_danger);
}
.toast .name {
  min-width: 0;
  padding: 2px 0;
  overflow-wrap: anywhere;
  text-align: start;
  text-decoration: none;
  font-weight: 620;
  color: inherit;
}
.toast .name::after {
  content: "";
  position: absolute;
  inset: 0;
  border-radius: var(--_radius);
}
.toast .name:focus-visible {
  outline: none;
}
.toast .name:focus-visible::after {
  outline: 2px solid var(--_accent);
  outline-offset: -3px;
}
.toast b {
  color: var(--_danger);
}
.toast p {
  grid-column: 1 / -1;
  margin: 0;
  padding-inline-end: 8px;
  color: var(--_muted);
  overflow-wrap: anywhere;
  display: -webkit-box;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 3;
  line-clamp: 3;
  overflow: hidden;
}
.toast footer {
  position: relative;
  grid-column: 1 / -1;
  display: flex;
  flex-wrap: wrap;
  gap: 8px;
  margin-block-start: 8px;
}
.toast .shut {
  position: relative;
  display: grid;
  place-items: center;
  width: 26px;
  height: 26px;
  border-radius: 8px;
  color: var(--_muted);
}
.toast .shut:hover {
  background: var(--_hover);
}
.toast .shut svg {
  width: 15px;
  height: 15px;
}
@media (max-width: 480px) {
  .toasts {
    padding-inline: 8px;
  }
  .toast {
    width: 100%;
  }
}
@media (prefers-reduced-motion: no-preference) {
  .toast {
    animation: toast 0.25s cubic-bezier(0.2, 0.8, 0.3, 1);
  }
  .toast:not(.held) {
    transition:
      translate 0.18s,
      opacity 0.18s;
  }
  @keyframes toast {
    from {
      opacity: 0;
      scale: 0.96;
    }
  }
}
`;

const CROSS = "M6 6l12 12M18 6L6 18";
/** At once, whatever arrives. */
const MOST = 3;
/** Reading takes 5 s and 50 ms a character: 1,200 characters a minute, which slow readers reach. */
const LEAST_MS = 5000;
const CHARACTER_MS = 50;
/** A swipe of this many CSS pixels closes; a press that moved less than the other one is a click. */
const SWIPE = 80;
const CLICK = 6;
/** Between two sounds, in milliseconds: a burst is one. */
const QUIET_MS = 2000;

/**
 * @typedef {object} Toast
 * @property {Item} item
 * @property {HTMLElement} element
 * @property {ReturnType<typeof setTimeout>} [timer]
 * @property {() => void} release gives up the claim to be the tab that shows it
 */

/**
 * Shows arrivals from now on, until it is destroyed.
 * @param {HTMLElement} element the <hub-toasts>, whose attributes say where and how long
 * @param {Toolkit} toolkit
 * @returns {{destroy: () => void}}
 */
export function mount(element, { h, icon, safeLink, store, messages, root, adopt, reading }) {
  adopt(CSS);
  /** @type {Toast[]} oldest first */
  let shown = [];
  let more = 0;
  let held = false;
  let soundedAt = -Infinity;
  /** @type {Element | null} where the focus was before it came here */
  let origin = null;
  const ending = new AbortController();
  const { signal } = ending;

  // Two regions that are there before their first text: one is read when there is time, the other at once.
  const polite = h("div", { role: "status" });
  const urgent = h("div", { role: "alert" });
  const all = () => {
    if (send("hub-more")) inboxFor(element)?.setAttribute("open", "");
    clear();
  };
  const rest = h("button", { type: "button", class: "rest", hidden: true, click: all });
  const region = h("div", { class: "toasts", popover: "manual" }, urgent, polite, rest);

  /** @param {string} name @param {object} [detail] @returns {boolean} whether nobody prevented it */
  const send = (name, detail) =>
    element.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));

  /** @param {Toast} toast */
  const close = (toast) => {
    if (!shown.includes(toast)) return;
    shown = shown.filter((one) => one !== toast);
    clearTimeout(toast.timer);
    toast.release();
    const focused = toast.element.contains(root.activeElement);
    toast.element.remove();
    if (!shown.length) more = 0;
    draw();
    if (!focused) return;
    const next = shown.at(-1)?.element.querySelector("button.shut") ?? origin;
    if (next instanceof HTMLElement) next.focus({ preventScroll: true });
  };
  const clear = () => [...shown].forEach(close);

  const draw = () => {
    rest.hidden = !more;
    rest.textContent = messages.more(more);
  };

  /** @param {Toast} toast */
  const wind = (toast) => {
    clearTimeout(toast.timer);
    if (held || toast.item.priority === "critical") return;
    const given = Number(element.getAttribute("duration")) * 1000;
    const text = toast.item.title + (toast.item.body ?? "");
    toast.timer = setTimeout(() => close(toast), given || LEAST_MS + text.length * CHARACTER_MS);
  };
  const hold = () => {
    held = document.hidden || region.matches(":hover") || region.contains(root.activeElement);
    for (const toast of shown) {
      if (held) clearTimeout(toast.timer);
      else wind(toast);
    }
  };

  /**
   * @param {Item} item
   * @param {() => void} release
   */
  const show = (item, release) => {
    /** @param {string} name @param {object} detail @param {Event} event */
    const follow = (name, detail, event) => {
      if (!send(name, { item, ...detail })) event.preventDefault();
      store.mark({ action: "click", ids: [item.id] }).catch(() => {}); // rolled back, and told by the store's `error`
      close(toast);
    };
    /**
     * @param {string} kind its class
     * @param {string | null | undefined} address
     * @param {(Node | string)[]} label
     * @param {(event: Event) => void} click
     */
    const link = (kind, address, label, click) => {
      const href = safeLink(address);
      return href
        ? h("a", { class: kind, href, draggable: "false", click }, ...label)
        : h("button", { class: kind, type: "button", click }, ...label);
    };
    const critical = item.priority === "critical";
    const label = critical ? [h("b", {}, messages.critical), ` · ${item.title}`] : [item.title];
    const actions = (item.actions ?? []).map((/** @type {Action} */ action) =>
      link("action", action.url, [action.label], (event) => follow("hub-action", { action }, event)),
    );
    const shut = { class: "shut", type: "button", "aria-label": `${messages.close}: ${item.title}` };
    const card = h(
      "div",
      { class: critical ? "toast critical" : "toast", part: "toast" },
      link("name", item.action_url, label, (event) => follow("hub-activate", {}, event)),
      h("button", { ...shut, click: () => close(toast) }, icon(CROSS)),
      item.body ? h("p", {}, item.body) : null,
      actions.length ? h("footer", {}, ...actions) : null,
    );
    /** @type {Toast} */
    const toast = { item, element: card, release };
    swipe(card, () => close(toast));
    card.addEventListener("keydown", ({ key }) => key === "Escape" && close(toast));
    if (shown.length === MOST) {
      const oldest = shown.find((one) => one.item.priority !== "critical") ?? shown[0];
      const count = more + 1;
      if (oldest) close(oldest);
      more = count;
    }
    shown.push(toast);
    (critical ? urgent : polite).append(card);
    draw();
    wind(toast);
    sound();
  };

  /** @param {{item: Item, missed: boolean}} arrival */
  const arrive = async ({ item, missed }) => {
    const busy = () => document.hidden || !!reading?.() || signal.aborted;
    if (missed || busy()) return;
    const release = await claim(`hub-toast:${item.id}`);
    if (!release) return;
    if (busy()) release();
    else show(item, release);
  };

  const sound = () => {
    const now = performance.now();
    const address = element.getAttribute("sound");
    // Before the person has touched the page, browsers keep it silent, and a tone would come with the first click.
    if (address === null || now - soundedAt < QUIET_MS || navigator.userActivation?.hasBeenActive === false) return;
    soundedAt = now;
    const href = safeLink(address);
    if (href) new Audio(href).play().catch(() => {});
    else tone();
  };

  /** What was seen, read or taken away somewhere needs no toast any more. */
  const compare = () => {
    if (!shown.length) return;
    const now = new Map(store.snapshot.items.map((item) => [item.id, item]));
    for (const toast of [...shown]) {
      const item = now.get(toast.item.id);
      if (!item || item.seen_at !== null) close(toast);
    }
  };

  root.append(region);
  region.showPopover?.();
  region.addEventListener("pointerenter", hold);
  region.addEventListener("pointerleave", hold);
  region.addEventListener("focusin", ({ relatedTarget }) => {
    if (relatedTarget instanceof Element && !region.contains(relatedTarget)) origin = relatedTarget;
    hold();
  });
  // When it tells of leaving, the focus has not left yet.
  region.addEventListener("focusout", () => queueMicrotask(hold));
  document.addEventListener("visibilitychange", hold, { signal });
  const offs = [store.on("item", arrive), store.subscribe(compare)];

  return {
    destroy() {
      ending.abort();
      for (const off of offs) off();
      clear();
      region.remove();
    },
  };
}

/**
 * The first tab that asks has it, until it gives it back.
 * @param {string} name
 * @returns {Promise<(() => void) | null>} gives it back; null: another tab has it. Without Web Locks, everybody has it.
 */
function claim(name) {
  return new Promise((resolve) => {
    if (!navigator.locks) return resolve(() => {});
    navigator.locks
      .request(name, { ifAvailable: true }, (lock) =>
        lock ? new Promise((release) => resolve(() => release(undefined))) : resolve(null),
      )
      .catch(() => resolve(() => {}));
  });
}

/**
 * @param {HTMLElement} element
 * @returns {Element | null | undefined} the one that it names, else the first of the page
 */
function inboxFor(element) {
  const page = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  return page.getElementById(element.getAttribute("for") ?? "") ?? page.querySelector("hub-inbox");
}

/**
 * @param {HTMLElement} card
 * @param {() => void} away
 */
function swipe(card, away) {
  /** @type {number | null} */
  let from = null;
  let moved = 0;
  card.addEventListener("pointerdown", (event) => {
    if (event.button === 0) from = event.clientX;
    moved = 0;
  });
  card.addEventListener("pointermove", (event) => {
    // It may have been let go elsewhere.
    if (!event.buttons) from = null;
    if (from === null) return;
    moved = event.clientX - from;
    if (Math.abs(moved) < CLICK) return;
    card.setPointerCapture(event.pointerId);
    card.classList.add("held");
    card.style.translate = `${moved}px`;
    card.style.opacity = String(1 - Math.min(0.7, Math.abs(moved) / 300));
  });
  /** @param {Event} event */
  const end = (event) => {
    if (from === null) return;
    from = null;
    card.classList.remove("held");
    if (event.type === "pointerup" && Math.abs(moved) >= SWIPE) return away();
    card.style.translate = card.style.opacity = "";
  };
  card.addEventListener("pointerup", end);
  card.addEventListener("pointercancel", end);
  // What was pulled and let go was not clicked.
  const click = (/** @type {Event} */ event) => {
    if (Math.abs(moved) >= CLICK) stop(event);
    moved = 0;
  };
  card.addEventListener("click", click, true);
}

/** @param {Event} event */
function stop(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** Two soft notes, a fourth apart. */
function tone() {
  const context = new AudioContext();
  const note = (/** @type {number} */ hertz, /** @type {number} */ after) => {
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    const at = context.currentTime + after;
    oscillator.frequency.value = hertz;
    gain.gain.setValueAtTime(0.0001, at);
    gain.gain.exponentialRampToValueAtTime(0.06, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(at);
    oscillator.stop(at + 0.5);
    return oscillator;
  };
  note(660, 0);
  note(880, 0.12).onended = () => context.close();
}
