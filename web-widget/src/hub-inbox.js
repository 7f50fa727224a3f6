/**
 * The elements of a page.
 *
 *     <script type="module" src="https://hub.example/widget/hub-inbox.js"></script>
 *     <hub-inbox hub="https://hub.example"></hub-inbox>
 *     <script type="module">
 *       document.querySelector("hub-inbox").getToken = async () => (await fetch("/hub-token")).text();
 *     </script>
 *
 * `<hub-inbox>` is a bell and a panel, `<hub-bell>` the bell alone, `<hub-feed>` the panel in the page, `<hub-toasts>`
 * what arrives, `<hub-preferences>` what a person wants to get; those of a page share one store (hub-element.js).
 *
 * Text is set as text, never as HTML, and links pass an allow-list. Works under `style-src 'self'` and `trusted-types
 * 'none'`.
 */

import { HubClient } from "./hub-client.js";
import { HubBell } from "./hub-bell.js";
import { h } from "./hub-dom.js";
import { HubElement } from "./hub-element.js";
import { PanelLoader } from "./hub-loader.js";
import { Speaker } from "./hub-speaker.js";
import { HubStore } from "./hub-store.js";

export { HubBell, HubClient, HubStore };

/** @typedef {import("./hub-elements.js").HubElements} HubElements */
/** @typedef {import("./hub-elements.js").HubEvents} HubEvents */
/** @import { RenderItem } from "./hub-loader.js" */
/** @import { Item } from "./hub-state.js" */
/** @import { Tab } from "./hub-threads.js" */
/** @import { Toolkit } from "./hub-toolkit.js" */

/** What cannot be loaded now is asked for again. */
const ignore = () => {};
/** @param {() => void} task Safari has no idle callbacks. */
const whenIdle = (task) => (globalThis.requestIdleCallback ?? setTimeout)(task);

/**
 * A bell with a badge, and below it a panel with the list: a popover, on narrow screens a sheet.
 *
 * @element hub-inbox
 * @attr hub - where the hub is; the page's origin if absent
 * @attr for - the id of the element whose store it shows; else that of the page's only one
 * @attr theme - `light` or `dark`; otherwise the page's color-scheme
 * @attr density - `compact`: less air
 * @attr open - the panel is open
 * @attr keep-open - a click elsewhere does not close the panel
 * @attr badge - `unseen`: the badge counts what was not seen instead of what was not read
 * @attr title-badge - the count stands before the page's title, too
 * @attr app-badge - and on the icon of an installed app
 * @attr tabs - `all,unread,archived` if absent; also `snoozed`, `category:billing = Bills`, `tag:mention`
 * @attr push - asks about web push in the panel
 * @attr worker - the page's service worker, for push; `/hub-sw.js` if absent
 * @attr target - of every link, as in `<a target>`
 * @attr lang - of words and times; else that of the nearest element that says one
 * @fires hub-activate - a title was followed; `detail.item`; `preventDefault()` keeps the link from being followed
 * @fires hub-action - one of an item's buttons was; `detail.item`, `detail.action`; cancelable as well
 * @fires hub-arrived - a new item came; `detail.item`, and `detail.missed`: while nobody was connected
 * @fires hub-opened - the panel opened
 * @fires hub-closed - the panel closed
 * @slot bell - in place of the bell's picture; the button is named by `messages.bell`
 * @slot header - between heading and buttons
 * @slot empty - in place of what stands where there is nothing
 * @csspart bell - the button
 * @csspart badge - the count on it
 * @csspart panel - what opens
 * @csspart header - its upper edge, with its title
 * @csspart count - how many are unread
 * @csspart all - marks all as read
 * @csspart settings - leads to the preferences
 * @csspart back - leads back from them
 * @csspart close - closes the panel
 * @csspart tabs - the tabs
 * @csspart tab - one of them
 * @csspart banner - says that the connection is lost
 * @csspart push - asks about web push
 * @csspart newer - leads to what is new
 * @csspart list - the items
 * @csspart item - one of them
 * @csspart avatar - whose picture it has
 * @csspart title - what it says first
 * @csspart category - its category
 * @csspart thread - unfolds its thread
 * @csspart action - one of its own buttons
 * @csspart tools - its buttons for marking
 * @csspart toggle - read or unread
 * @csspart archive - into the archive or back
 * @csspart more - opens its menu
 * @csspart options - that menu
 * @csspart preferences - the preferences
 * @cssprop --hub-accent - buttons, dots, the tab that is chosen
 * @cssprop --hub-on-accent - what stands on the accent
 * @cssprop --hub-danger - what is critical
 * @cssprop --hub-surface - the ground
 * @cssprop --hub-text - the text
 * @cssprop --hub-muted - what matters less
 * @cssprop --hub-line - lines
 * @cssprop --hub-hover - the ground under the pointer
 * @cssprop --hub-bell - the bell
 * @cssprop --hub-badge - the ground of the badge
 * @cssprop --hub-radius - of the panel's corners
 * @cssprop --hub-avatar-radius - of pictures
 * @cssprop --hub-shadow - of the panel
 * @cssprop --hub-font - the font
 * @cssprop --hub-font-size - its size; all others go by it
 * @cssprop --hub-panel-width - the panel's width
 * @cssprop --hub-panel-height - the most that it is high
 */
export class HubInbox extends HubBell {
  /** @override */
  static observedAttributes = ["open", ...HubBell.observedAttributes];

  #loader = new PanelLoader(
    this,
    ({ element, list }) => {
      this.bell.after(element);
      element.addEventListener("keydown", (event) => {
        if (event.target === element && event.key === "ArrowDown") list.enter();
      });
    },
    () => {
      this.open = false;
    },
  );
  /** While in a document: an attribute that is there at the start is no change. */
  #live = false;
  /** The panel is before somebody's eyes, or on its way there. */
  #shown = false;

  constructor() {
    super();
    this.bell.ariaHasPopup = "dialog";
    this.bell.ariaExpanded = "false";
    this.root.addEventListener("keydown", (event) => {
      if (/** @type {KeyboardEvent} */ (event).key !== "Escape" || !this.open) return;
      event.stopPropagation();
      this.open = false;
    });
  }

  /** @override @param {AbortSignal} signal */
  connected(signal) {
    const passive = { passive: true, signal };
    document.addEventListener(
      "pointerdown",
      (event) => {
        if (!this.hasAttribute("keep-open") && !event.composedPath().includes(this)) this.open = false;
      },
      passive,
    );
    const place = () => {
      if (this.open) this.#loader.panel?.place(this.bell);
    };
    globalThis.addEventListener("resize", place, passive);
    globalThis.addEventListener("scroll", place, { ...passive, capture: true });
    this.#live = true;
    signal.addEventListener("abort", () => {
      // A popover that leaves the document is closed by that.
      this.#live = false;
      this.#show(false);
    });
    this.#turned();
  }

  /**
   * @override
   * @param {string} attribute
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(attribute, before, now) {
    if (attribute !== "open") super.attributeChangedCallback(attribute, before, now);
    else if (this.#live && (before === null) !== (now === null)) this.#turned();
  }

  get open() {
    return this.hasAttribute("open");
  }

  set open(open) {
    this.toggleAttribute("open", open);
  }

  async toggle() {
    this.open = !this.open;
    if (this.open) (await this.#loader.load().catch(ignore))?.element.focus({ preventScroll: true });
  }

  /** What the tabs show; over the attribute of this name. @returns {Tab[]} */
  get tabs() {
    return this.#loader.tabs;
  }

  set tabs(tabs) {
    this.#loader.tabs = tabs;
  }

  /** Draws an item's content in place of the default one; null, or an exception, for that. @returns {RenderItem} */
  get renderItem() {
    return this.#loader.renderItem;
  }

  set renderItem(renderItem) {
    this.#loader.renderItem = renderItem;
  }

  /** @override */
  get reading() {
    return this.#shown && this.#loader.reading;
  }

  /** @override */
  clicked() {
    void this.toggle();
  }

  /** @override */
  rebuild() {
    this.#loader.panel?.rebuild();
    this.changed();
  }

  /** @override */
  draw() {
    super.draw();
    // What the bell needs is there: now the panel may come, before somebody asks for it or the line is lost.
    if (this.store?.snapshot.ready && !this.#loader.panel) whenIdle(() => this.#loader.load().catch(ignore));
    if (!this.#shown) return;
    this.#loader.panel?.draw();
    if (this.reading) this.store?.seen();
  }

  /** @override @param {Item} item @param {boolean} missed */
  arrived(item, missed) {
    super.arrived(item, missed);
    this.#loader.panel?.list.arrived(item);
  }

  /** @param {boolean} shown */
  #show(shown) {
    const { panel } = this.#loader;
    this.#shown = shown;
    panel?.element.classList.toggle("shown", shown);
    if (panel) panel.list.shown = shown;
  }

  /** The attribute `open` came or went. */
  async #turned() {
    this.bell.ariaExpanded = String(this.open);
    let { panel } = this.#loader;
    if (!panel && this.open) {
      try {
        panel = await this.#loader.load();
      } catch {
        // Closed again meanwhile, nobody waits for it.
        if (this.open) this.speaker.say(this.words.failed);
        this.open = false;
      }
    }
    // It may have turned back meanwhile, or left the page.
    if (!panel || !this.#live || this.open === this.#shown) return;
    const { open } = this;
    const { element, list } = panel;
    const inside = element.contains(this.root.activeElement);
    this.#show(open);
    if (open) {
      element.showPopover?.();
      panel.place(this.bell);
      list.goUp();
    } else {
      element.hidePopover?.();
      panel.showList();
    }
    if (!open && inside) this.bell.focus();
    this.changed();
    this.fire(open ? "hub-opened" : "hub-closed");
  }
}

/**
 * The list with its tabs in the page. Attributes, events, slots, parts and properties are those of `<hub-inbox>` that are
 * about the list.
 *
 * @element hub-feed
 */
export class HubFeed extends HubElement {
  speaker = new Speaker(this);
  #loader = new PanelLoader(this, ({ element, list }) => {
    this.root.prepend(element);
    list.shown = true;
  });

  /** @override */
  get reading() {
    return this.#loader.reading;
  }

  get tabs() {
    return this.#loader.tabs;
  }

  /** As of `<hub-inbox>`. @param {Tab[]} tabs */
  set tabs(tabs) {
    this.#loader.tabs = tabs;
  }

  /** As of `<hub-inbox>`. @returns {RenderItem} */
  get renderItem() {
    return this.#loader.renderItem;
  }

  set renderItem(renderItem) {
    this.#loader.renderItem = renderItem;
  }

  /** @override */
  rebuild() {
    this.#loader.panel?.rebuild();
    this.changed();
  }

  /** @override */
  draw() {
    const { panel } = this.#loader;
    if (!panel) return void this.#loader.load().then(() => this.changed(), ignore);
    panel.draw();
    if (this.reading) this.store?.seen();
  }

  /** @override @param {Item} item @param {boolean} missed */
  arrived(item, missed) {
    this.fire("hub-arrived", { item, missed });
    this.speaker.arrived(item);
    this.#loader.panel?.list.arrived(item);
  }
}

/** An element whose module is loaded when there is one with a store in the page. */
class Shell extends HubElement {
  /** @type {{destroy(): void} | null} */
  #module = null;
  #turn = 0;
  /** It could not be had. */
  #missing = false;
  /** @internal @type {HTMLElement} */
  place = h("div");

  constructor() {
    super();
    this.root.append(this.place);
  }

  /** @internal @returns {Promise<{mount(place: HTMLElement, toolkit: Toolkit): {destroy(): void}}>} */
  async load() {
    return { mount: () => ({ destroy() {} }) };
  }

  /** @override */
  async rebuild() {
    this.#module?.destroy();
    this.#module = null;
    const turn = ++this.#turn;
    if (!this.store) return;
    const module = await this.load().catch(ignore);
    // It may have left the page meanwhile.
    if (turn !== this.#turn) return;
    this.#missing = !module;
    if (module) this.#module = module.mount(this.place, this.toolkit);
  }

  /** @override */
  draw() {
    if (!this.#missing) return;
    this.#missing = false;
    void this.rebuild();
  }
}

/**
 * Arrivals while nobody looks at the list, each for a moment in a corner of the page.
 *
 * @element hub-toasts
 * @attr placement - `bottom-end` if absent: `top` or `bottom`, then `-start`, `-center` or `-end`
 * @attr duration - seconds; by the length of the text if absent
 * @attr sound - a soft tone, or the address of a sound
 * @fires hub-activate - a title was followed; as of `<hub-inbox>`
 * @fires hub-action - one of an item's buttons was; as of `<hub-inbox>`
 * @fires hub-more - what is counted and not shown was asked for; unless it is cancelled, the inbox opens
 * @csspart toast - one of them
 * @cssprop --hub-toast-width - how wide they are
 */
export class HubToasts extends Shell {
  /** @override @internal @type {HTMLElement} */
  place = this;

  /** @override @internal */
  load() {
    return import("./hub-toasts.js");
  }
}

/**
 * What a person wants to get, in the page: categories and channels, quiet hours, a pause.
 *
 * @element hub-preferences
 */
export class HubPreferences extends Shell {
  /** @override @internal */
  load() {
    return import("./hub-preferences.js");
  }
}

/** @type {Record<string, CustomElementConstructor>} */
const ELEMENTS = {
  "hub-inbox": HubInbox,
  "hub-bell": HubBell,
  "hub-feed": HubFeed,
  "hub-toasts": HubToasts,
  "hub-preferences": HubPreferences,
};
if (globalThis.customElements) {
  for (const [name, element] of Object.entries(ELEMENTS)) {
    if (!customElements.get(name)) customElements.define(name, element);
  }
}
