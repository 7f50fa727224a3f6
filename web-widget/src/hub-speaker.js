/**
 * What is said to screen readers: one polite sentence for all that comes within a second, so that they can follow, and
 * a critical item at once. Of the elements that show one store only the first that the page does not hide speaks.
 */

import { h } from "./hub-dom.js";

/** @import { HubElement } from "./hub-element.js" */
/** @import { Item } from "./hub-state.js" */

const BATCH_MS = 1000;

/** @type {WeakMap<object, Speaker>} by store */
const speakers = new WeakMap();

export class Speaker {
  #host;
  #polite = h("div", { class: "only-read-aloud", role: "status" });
  #alert = h("div", { class: "only-read-aloud", role: "alert" });
  #count = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {HubElement} host outside what may be hidden, or it is not heard */
  constructor(host) {
    this.#host = host;
    host.root.append(this.#polite, this.#alert);
  }

  /** @param {Item} item that arrived */
  arrived({ priority, title }) {
    const { store, words } = this.#host;
    // What a toast shows it says as well.
    const toasted = this.#host.among((one) => one.localName === "hub-toasts");
    if (!store || (toasted && !this.#host.among((one) => one.reading))) return;
    const first = speakers.get(store);
    // One that the page hides, as on narrow screens, is not heard.
    if (!first || !first.#polite.checkVisibility() || first.#host.store !== store) speakers.set(store, this);
    else if (first !== this) return;
    if (priority === "critical") {
      this.#alert.textContent = `${words.critical}: ${title}`;
      return;
    }
    this.#count += 1;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.say(this.#host.words.arrived(this.#count));
      this.#count = 0;
    }, BATCH_MS);
  }

  /** @param {string} text */
  say(text) {
    // The same words twice are no change, and not read.
    this.#polite.replaceChildren(text);
  }
}
