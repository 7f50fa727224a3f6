/**
 * The menu of one item: read and unread, pin, snooze, archive, mute its category, delete. Loaded when it is first
 * opened.
 *
 * A menu button's menu (APG): arrows, Home and End, letters; the arrow that points inwards opens what is behind an
 * entry, the other one leads back; Esc and Tab close it, and the focus returns to the button.
 */

import { categoryName } from "./hub-category.js";
import { localText, snoozeChoices, workingWeek } from "./hub-snooze.js";

/** @import { Item, MarkAction } from "./hub-state.js" */
/** @import { Toolkit } from "./hub-toolkit.js" */

/** Beside these it says what the catalogue has for the list as well. */
export const WORDS = {
  actionsFor: (/** @type {string} */ title) => `Actions for “${title}”`,
  pinIt: "Pin to the top",
  unpinIt: "Unpin",
  snooze: "Snooze",
  unsnooze: "End snooze",
  mute: (/** @type {string} */ category) => `Mute “${category}”`,
  muted: (/** @type {string} */ category) => `“${category}” is muted.`,
  muteRefused: "This category cannot be muted.",
  undo: "Undo",
  remove: "Delete",
  removeForGood: "Delete for good?",
  inAnHour: "In 1 hour",
  thisEvening: "This evening",
  tomorrow: "Tomorrow",
  nextWeek: "Next week",
  pickTime: "Pick a time…",
  snoozeUntil: "Snooze until",
  notDone: "That did not work. Try again.",
};

const ICONS = {
  read: ["M5 12.5l4.5 4.5L19 7.5"],
  unread: ["M12 8a4 4 0 1 0 0 8 4 4 0 1 0 0-8z"],
  pin: ["M9 3h6l-1 7 4 3v2H6v-2l4-3z", "M12 15v6"],
  snooze: ["M12 4a8 8 0 1 0 0 16 8 8 0 1 0 0-16z", "M12 8v4.5l3 2"],
  archive: ["M4 5h16v4H4z", "M6 9v10h12V9", "M10 13h4"],
  mute: [
    "M8 8a6 6 0 0 1 10 3c0 3 .6 4.5 1.2 5.5M6.2 10.5C6 14 4 16.5 4 16.5h12",
    "M10 19.5a2.2 2.2 0 0 0 4 0",
    "M4 4l16 16",
  ],
  remove: ["M5 7h14", "M10 7V4h4v3", "M7 7l1 13h8l1-13"],
  back: ["M14 6l-6 6 6 6"],
  more: ["M10 6l6 6-6 6"],
};

const CSS = `
.options {
  position: fixed;
  inset: auto;
  margin: 0;
  padding: 5px;
  min-width: 208px;
  max-width: min(320px, calc(100vw - 16px));
  max-height: calc(100dvh - 16px);
  overflow: auto;
  color: var(--_text);
  background: var(--_surface);
  border: 1px solid var(--_line);
  border-radius: min(var(--_radius), 12px);
  box-shadow: var(--hub-shadow, 0 1px 2px rgb(0 0 0 / 0.06), 0 12px 32px -8px rgb(0 0 0 / 0.28));
  font-family: var(--hub-font, inherit);
  font-size: 13.5px;
  line-height: 1.35;
  text-align: start;
}
.options:focus {
  outline: none;
}
.options button {
  display: flex;
  align-items: center;
  gap: 10px;
  width: 100%;
  min-height: 34px;
  padding: 5px 9px;
  border-radius: 7px;
  text-align: start;
}
.options button span {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
}
.options button:is(:hover, :focus) {
  background: var(--_hover);
}
.options button:focus-visible {
  outline-offset: -2px;
}
.options svg {
  flex: none;
  width: 17px;
  height: 17px;
  color: var(--_muted);
}
.options .turns:dir(rtl) {
  scale: -1 1;
}
.options .risky,
.options .risky svg {
  color: var(--_danger);
}
.options time {
  font-size: 12px;
  color: var(--_muted);
}
.options hr {
  margin: 5px 9px;
  border: 0;
  border-block-start: 1px solid var(--_line);
}
.options strong {
  display: block;
  padding: 6px 9px;
  font-weight: 620;
}
.options p {
  margin: 0;
  padding: 6px 9px;
}
.options form {
  display: grid;
  gap: 8px;
  padding: 0 9px 6px;
}
.options input {
  min-height: 34px;
  padding: 4px 8px;
  font: inherit;
  color: inherit;
  background: var(--_surface);
  border: 1px solid var(--_muted);
  border-radius: 8px;
}
.options form button {
  justify-content: center;
  font-weight: 600;
  text-align: center;
  color: var(--_on-accent);
  background: var(--_accent);
}
.options form button:is(:hover, :focus) {
  background: var(--_accent);
}
@media (prefers-reduced-motion: no-preference) {
  .options {
    animation: options 0.12s ease-out;
  }
  @keyframes options {
    from {
      opacity: 0;
      translate: 0 -4px;
    }
  }
}
@media (forced-colors: active) {
  .options button:focus {
    outline: 2px solid Highlight;
  }
}
`;

/** Letters typed within this time, in milliseconds, are one word. */
const TYPING_MS = 600;
/** No item is snoozed for longer: the hub's own limit. */
const YEAR_MS = 365 * 86_400_000;
/** Between the menu and its button, and the edge of the window, in CSS pixels. */
const GAP = 4;
const EDGE = 8;

/** @type {WeakMap<HTMLElement, () => void>} what closes the open menu, by its button */
const open = new WeakMap();

/**
 * Opens it, or closes the one that this anchor has open.
 * @param {Toolkit} toolkit
 * @param {object} options
 * @param {Item} options.item as it is now
 * @param {HTMLElement} options.anchor its button; gets `aria-expanded`, and the focus when the menu closes
 * @param {(marking?: Promise<unknown>) => void} [options.onDone] once, when it has closed; with what `store.mark` gave
 *   if something was chosen. A refusal is handled here, and may be shown there.
 */
export function openMenu({ h, icon, store, messages, language, root, adopt }, { item, anchor, onDone }) {
  const there = open.get(anchor);
  if (there) return there();
  adopt(CSS);
  /** @type {typeof WORDS & Record<string, any>} */
  const words = { ...WORDS, ...messages };
  const category = categoryName(item.category);
  const gone = new AbortController();
  const menu = h("div", { class: "options", part: "options", popover: "manual", tabindex: "-1" });
  const rtl = getComputedStyle(anchor).direction === "rtl";
  let typed = "";
  let typedAt = 0;

  /** @param {Promise<unknown>} [marking] */
  const close = (marking) => {
    if (gone.signal.aborted) return;
    gone.abort();
    open.delete(anchor);
    anchor.setAttribute("aria-expanded", "false");
    // The row may be gone meanwhile.
    const goal = anchor.isConnected ? anchor : /** @type {HTMLElement} */ (menu.parentElement?.closest("[tabindex]"));
    if (menu.contains(root.activeElement)) goal?.focus({ preventScroll: true });
    menu.remove();
    onDone?.(marking);
  };

  /** @param {MarkAction} action @param {object} [more] */
  const mark = (action, more) => {
    // The focus is back on the row before the mark takes the row away: whoever keeps the list moves it to a neighbour.
    const marking = Promise.resolve().then(() => store.mark({ action, ids: [item.id], ...more }));
    marking.catch(() => {});
    close(marking);
  };

  /**
   * @param {string[] | null} paths
   * @param {string} label
   * @param {() => void} chosen
   * @param {{class?: string, into?: boolean, at?: Date}} [more] `into`: there is more behind it
   */
  const entry = (paths, label, chosen, { class: name, into, at } = {}) => {
    const button = h(
      "button",
      { type: "button", role: "menuitem", tabindex: "-1", class: name, click: chosen, "aria-haspopup": into && "menu" },
      paths && icon(...paths),
      h("span", {}, label),
      at ? h("time", { datetime: at.toISOString() }, timeText(at, language)) : null,
    );
    if (into) {
      button.append(icon(...ICONS.more));
      button.lastElementChild?.classList.add("turns");
    }
    return button;
  };

  /** @type {(() => void) | null} where Back leads; null on the first page */
  let back = null;

  /**
   * @param {string} label
   * @param {(() => void) | null} upwards
   * @param {Node[]} content
   * @param {string} [role]
   */
  const show = (label, upwards, content, role = "menu") => {
    back = upwards;
    typed = "";
    menu.setAttribute("role", role);
    menu.setAttribute("aria-label", label);
    menu.replaceChildren(...content);
    place(menu, anchor, rtl);
    (entries()[0] ?? menu.querySelector("input, button") ?? menu).focus({ preventScroll: true });
  };
  const entries = () => /** @type {HTMLElement[]} */ ([...menu.querySelectorAll("[role=menuitem]")]);
  /** @param {() => void} to */
  const backEntry = (to) => {
    const button = entry(ICONS.back, words.back, to);
    button.firstElementChild?.classList.add("turns");
    return button;
  };

  const first = () =>
    show(words.actionsFor(item.title), null, [
      item.read_at === null
        ? entry(ICONS.read, words.markRead, () => mark("read"))
        : entry(ICONS.unread, words.markUnread, () => mark("unread")),
      item.pinned_at === null
        ? entry(ICONS.pin, words.pinIt, () => mark("pin"))
        : entry(ICONS.pin, words.unpinIt, () => mark("unpin")),
      ...(item.snoozed_until ? [entry(ICONS.snooze, words.unsnooze, () => mark("unsnooze"))] : []),
      entry(ICONS.snooze, words.snooze, snooze, { into: true }),
      item.archived_at === null
        ? entry(ICONS.archive, words.archive, () => mark("archive"))
        : entry(ICONS.archive, words.unarchive, () => mark("unarchive")),
      h("hr", { role: "separator" }),
      entry(ICONS.mute, words.mute(category), mute),
      entry(ICONS.remove, words.remove, remove, { into: true, class: "risky" }),
    ]);

  const snooze = () =>
    show(words.snoozeUntil, first, [
      backEntry(first),
      ...snoozeChoices(new Date(), workingWeek(language)).map(({ name, at }) =>
        entry(null, words[name], () => mark("snooze", { until: at.toISOString() }), { at }),
      ),
      h("hr", { role: "separator" }),
      entry(null, words.pickTime, pick, { into: true }),
    ]);

  const pick = () => {
    const tomorrow = snoozeChoices(new Date()).find(({ name }) => name === "tomorrow");
    const input = h("input", { type: "datetime-local", required: true, "aria-label": words.snoozeUntil });
    input.min = localText(new Date(Date.now() + 60_000));
    input.max = localText(new Date(Date.now() + YEAR_MS));
    input.value = localText(/** @type {Date} */ (tomorrow?.at));
    /** @param {SubmitEvent} event */
    const submit = (event) => {
      event.preventDefault();
      mark("snooze", { until: new Date(input.value).toISOString() });
    };
    const form = h("form", { submit }, input, h("button", { type: "submit" }, words.snooze));
    show(words.snoozeUntil, snooze, [h("strong", { "aria-hidden": "true" }, words.snoozeUntil), form], "dialog");
  };

  const remove = () =>
    show(words.removeForGood, first, [
      h("strong", { "aria-hidden": "true" }, words.removeForGood),
      backEntry(first),
      entry(ICONS.remove, words.remove, () => mark("delete"), { class: "risky" }),
    ]);

  const mute = async () => {
    const path = "v1/inbox/preferences";
    /** @param {boolean | null} enabled */
    const say = (enabled) => store.call("PATCH", path, { categories: { [item.category]: { enabled } } });
    let undo = null;
    let text = words.muted(category);
    try {
      const before = (await store.call("GET", path)).categories?.[item.category]?.enabled ?? null;
      await say(false);
      undo = entry(null, words.undo, () => {
        const saying = say(before);
        saying.catch(() => {});
        close(saying);
      });
    } catch (error) {
      text = /** @type {any} */ (error).status === 422 ? words.muteRefused : words.notDone;
    }
    if (gone.signal.aborted) return;
    const note = h("p", { role: "status" });
    undo?.removeAttribute("role");
    show(text, null, undo ? [note, undo] : [note], "dialog");
    note.textContent = text; // after it is there, or nobody hears it
  };

  /** @param {KeyboardEvent} event */
  const key = (event) => {
    const list = entries();
    const at = list.indexOf(/** @type {HTMLElement} */ (root.activeElement));
    const [inwards, outwards] = rtl ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
    /** @type {number | undefined} */
    let to;
    if (event.key === "Tab" && menu.role === "menu") return close();
    if (event.key === "Escape") close();
    else if (menu.role !== "menu") return event.stopPropagation();
    else if (event.key === "ArrowDown") to = at + 1;
    else if (event.key === "ArrowUp") to = at < 0 ? -1 : at - 1;
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = -1;
    else if (event.key === outwards) back?.();
    else if (event.key === inwards) {
      if (list[at]?.ariaHasPopup === "menu") list[at].click();
    } else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const letter = event.key.toLocaleLowerCase();
      // The same letter again goes on from entry to entry; others make a word, which stays where it fits.
      typed = event.timeStamp - typedAt > TYPING_MS || typed === letter ? letter : typed + letter;
      typedAt = event.timeStamp;
      const from = typed.length > 1 ? at : at + 1;
      const found = [...list.slice(from), ...list.slice(0, from)].find((one) =>
        one.innerText.trim().toLocaleLowerCase().startsWith(typed),
      );
      found?.focus();
    } else return event.stopPropagation();
    if (to !== undefined) {
      typed = "";
      list.at(to % list.length)?.focus();
    }
    event.preventDefault();
    event.stopPropagation();
  };

  /** @param {Event} event whether it happened in the menu or on its button */
  const within = (event) => [menu, anchor].some((one) => event.composedPath().includes(one));
  const { signal } = gone;
  menu.addEventListener("keydown", key);
  menu.addEventListener("focusout", ({ relatedTarget: to }) => {
    if (to instanceof Node && to !== anchor && !menu.contains(to)) close();
  });
  document.addEventListener("pointerdown", (event) => within(event) || close(), { signal, passive: true });
  globalThis.addEventListener("resize", () => close(), { signal });
  globalThis.addEventListener("scroll", (event) => within(event) || close(), { signal, capture: true, passive: true });

  open.set(anchor, close);
  anchor.setAttribute("aria-expanded", "true");
  // Inside what it is opened from, which may be a popover or a dialog: beside it, it would count as outside.
  (anchor.closest("[popover], dialog") ?? root).append(menu);
  menu.showPopover?.();
  first();
}

/**
 * Below the anchor, at its end; above it where there is more room.
 * @param {HTMLElement} menu
 * @param {HTMLElement} anchor
 * @param {boolean} rtl
 */
function place(menu, anchor, rtl) {
  const { top, bottom, left, right } = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const { clientWidth: roomX, clientHeight: roomY } = document.documentElement;
  const x = rtl ? left : right - width;
  const y = bottom + GAP + height > roomY - EDGE && top > roomY - bottom ? top - GAP - height : bottom + GAP;
  menu.style.left = `${Math.max(EDGE, Math.min(x, roomX - width - EDGE))}px`;
  menu.style.top = `${Math.max(EDGE, Math.min(y, roomY - height - EDGE))}px`;
}

/**
 * The weekday only where the time is not today's.
 * @param {Date} time
 * @param {string | undefined} language
 */
function timeText(time, language) {
  const weekday = time.toDateString() === new Date().toDateString() ? undefined : "short";
  return time.toLocaleString(language, { weekday, hour: "numeric", minute: "2-digit" });
}
