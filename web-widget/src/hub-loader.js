/**
 * The panel of an element, which is loaded when it is first wanted: what most pages need is the bell alone. It comes in
 * three modules at once, so that none waits for another.
 */

import { parseTabs } from "./hub-threads.js";

/** @import { HubElement } from "./hub-element.js" */
/** @import { Panel } from "./hub-panel.js" */
/** @import { Item } from "./hub-state.js" */
/** @import { Speaker } from "./hub-speaker.js" */
/** @import { Tab } from "./hub-threads.js" */

/** @typedef {((item: Item, defaultContent: HTMLElement) => Node | null) | null} RenderItem */
/** @typedef {HubElement & {speaker: Speaker, tabs: Tab[], renderItem: RenderItem}} PanelHost */

export class PanelLoader {
  #host;
  #place;
  #close;
  /** @type {Promise<Panel> | null} */
  #loading = null;
  /** @type {Panel | null} null until it is loaded */
  panel = null;
  /** @type {Tab[] | null} as the page set them */
  #tabs = null;
  /** @type {RenderItem} */
  #renderItem = null;

  /**
   * @param {PanelHost} host
   * @param {(panel: Panel) => void} place puts it into the host
   * @param {() => void} [close] what closes it; without, it is part of the page
   */
  constructor(host, place, close) {
    this.#host = host;
    this.#place = place;
    this.#close = close;
  }

  /** @returns {Promise<Panel>} rejects where a module cannot be had, or fails; the next call tries again */
  load() {
    this.#loading ??= Promise.all([import("./hub-panel.js"), import("./hub-feed.js"), import("./hub-row.js")])
      .then(([{ createPanel }, { createList }, { createRows }]) => {
        const panel = createPanel(this.#host, createList, createRows, this.#close);
        this.#place(panel);
        return (this.panel = panel);
      })
      .catch((error) => {
        this.#loading = null;
        throw error;
      });
    return this.#loading;
  }

  /** The list is before the person's eyes: not where the preferences stand in its place, nor in what the page hides. */
  get reading() {
    return !document.hidden && !!this.panel?.list.element.checkVisibility();
  }

  get tabs() {
    return this.#tabs ?? parseTabs(this.#host.getAttribute("tabs"));
  }

  set tabs(tabs) {
    this.#tabs = tabs;
    this.#host.rebuild();
  }

  get renderItem() {
    return this.#renderItem;
  }

  set renderItem(renderItem) {
    this.#renderItem = renderItem;
    this.#host.rebuild();
  }
}
