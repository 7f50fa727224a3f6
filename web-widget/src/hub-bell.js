/** <hub-bell>: a bell with a badge, and the same count in the title of the page and on its icon. */

import { h, icon } from "./hub-dom.js";
import { HubElement } from "./hub-element.js";
import { Speaker } from "./hub-speaker.js";

/** @import { Item } from "./hub-state.js" */

const BELL = "M6 9.5a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4s2-1.5 2-6.5zM10 19.5a2.2 2.2 0 0 0 4 0";
const PREFIX = /^\(\p{Nd}+\+?\) /u;

/**
 * The bell alone. Attributes, slot, parts and properties are those of `<hub-inbox>` that are about the bell.
 *
 * @element hub-bell
 * @fires hub-bell-click - it was pressed
 */
export class HubBell extends HubElement {
  #badge = h("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: true });
  bell = h(
    "button",
    { class: "bell", part: "bell", type: "button", click: () => this.clicked() },
    h("slot", { name: "bell" }, icon(BELL)),
    this.#badge,
  );
  speaker = new Speaker(this);
  /** Written last to the title and the icon, so that what others write there stays. */
  #told = 0;

  constructor() {
    super();
    this.root.prepend(this.bell);
  }

  clicked() {
    this.fire("hub-bell-click");
  }

  /** How many the badge counts. */
  get count() {
    const snapshot = this.store?.snapshot;
    if (!snapshot || snapshot.stopped) return 0;
    return this.getAttribute("badge") === "unseen" ? snapshot.counts.unseen : snapshot.counts.unread;
  }

  /** @override */
  changed() {
    super.changed();
    // A hidden page draws no frame, and is where these two are looked at.
    const { count } = this;
    if (count === this.#told) return;
    this.#told = count;
    if (this.hasAttribute("title-badge")) {
      document.title = (count ? `(${short(count, this.language)}) ` : "") + document.title.replace(PREFIX, "");
    }
    if (this.hasAttribute("app-badge")) navigator.setAppBadge?.(count).catch(() => {});
  }

  /** @override */
  draw() {
    const { count } = this;
    this.#badge.hidden = !count;
    this.#badge.textContent = short(count, this.language);
    this.bell.ariaLabel = this.words.bell(count);
  }

  /** @override @param {Item} item @param {boolean} missed */
  arrived(item, missed) {
    this.fire("hub-arrived", { item, missed });
    this.speaker.arrived(item);
    this.bell.classList.remove("ringing");
    requestAnimationFrame(() => this.bell.classList.add("ringing"));
  }
}

/**
 * @param {number} count
 * @param {string} [language]
 */
function short(count, language) {
  return Math.min(count, 99).toLocaleString(language) + (count > 99 ? "+" : "");
}
