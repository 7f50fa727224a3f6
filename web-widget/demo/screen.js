/** One person's screen: an app with a bell in its corner, the state of its line, and a plug to pull. */

import { HubStore } from "/widget/hub-inbox.js";

/** @import { Snapshot } from "../src/hub-store.js" */

export class Screen {
  /** @type {HTMLElement} */
  element;
  store;
  #words;
  #plug;
  #wanted;
  #glow = 0;

  /**
   * @param {HTMLTemplateElement} template
   * @param {{user: string, name: string, lane: string}} person
   * @param {number} at its place in the row, from 0
   * @param {() => Promise<string>} getToken
   */
  constructor(template, person, at, getToken) {
    const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
    this.element = find(copy, "article", HTMLElement);
    this.element.dataset.hue = String(at);
    find(copy, ".face", HTMLElement).textContent = person.name.slice(0, 1);
    find(copy, "h2", HTMLElement).textContent = person.lane;
    this.#words = find(copy, ".words", HTMLElement);
    this.#plug = find(copy, ".plug", HTMLButtonElement);
    // A screen is a device: with a line of its own, and nothing kept.
    this.store = new HubStore({ getToken, share: false, persist: false });
    this.inbox = /** @type {import("../src/hub-inbox.js").HubInbox} */ (find(copy, "hub-inbox", HTMLElement));

    this.#wanted = find(copy, "select", HTMLSelectElement);
    this.#wanted.addEventListener("change", () => this.store.use(this.#wanted.value === "sse" ? "sse" : "auto"));
    this.#plug.addEventListener("click", () => {
      if (this.store.snapshot.status === "stopped") this.store.start();
      else this.store.stop();
    });
    this.store.on("change", (snapshot) => this.#show(snapshot));
    this.store.on("item", () => this.#flash());
    this.#show(this.store.snapshot);
  }

  /** To be called when the element is in the page. */
  start() {
    this.inbox.store = this.store;
    this.store.start();
  }

  /** @param {Snapshot} snapshot */
  #show({ status, transport, rev, stopped }) {
    const cut = status === "stopped";
    const end = stopped ? `closed ${stopped.code ?? ""}` : "line cut";
    const words = { stopped: end, connecting: "connecting…", waiting: "reconnecting…", live: "live" };
    const via = transport === "sse" && this.#wanted.value !== "sse" ? " over SSE" : "";
    this.element.dataset.status = status;
    this.#words.textContent = `${words[status]}${via}${rev === null ? "" : ` · rev ${rev}`}`;
    this.#plug.textContent = cut ? "Plug in" : "Cut line";
    this.#plug.setAttribute("aria-pressed", String(cut));
  }

  #flash() {
    cancelAnimationFrame(this.#glow);
    this.element.classList.remove("hit");
    this.#glow = requestAnimationFrame(() => this.element.classList.add("hit"));
  }
}

/**
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {{new (): T}} kind
 * @returns {T}
 */
function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (found instanceof kind) return found;
  throw new TypeError(`${selector} is not in the template`);
}
