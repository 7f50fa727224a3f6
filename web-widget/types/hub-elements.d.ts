/** What pages write of the elements: attributes and properties by tag, and events. For the DOM; hub-jsx and hub-vue. */

import type { HubBell, HubFeed, HubInbox, HubPreferences, HubToasts } from "./hub-inbox.js";
import type { HubStore, HubStoreOptions } from "./hub-store.js";
import type { Action, Item } from "./hub-state.js";
import type { Words } from "./hub-words.js";
import type { Tab } from "./hub-threads.js";

/** An attribute that is there or not; before React 19 leave it out rather than writing false. */
type Flag = boolean | "";

interface Shown {
  for?: string;
  lang?: string;
  theme?: "light" | "dark";
  messages?: Partial<Words>;
}

interface Source extends Shown {
  hub?: string;
  getToken?: HubStoreOptions["getToken"] | null;
  store?: HubStore | null;
}

interface Bell extends Source {
  badge?: "unseen";
  "title-badge"?: Flag;
  "app-badge"?: Flag;
}

interface List extends Source {
  density?: "compact";
  /** The attribute as text; the property as tabs. */
  tabs?: string | Tab[];
  target?: string;
  push?: Flag;
  worker?: string;
  registration?: ServiceWorkerRegistration;
  renderItem?: ((item: Item, defaultContent: HTMLElement) => Node | null) | null;
}

/** Attributes and properties by tag. */
export interface HubElements {
  "hub-inbox": Bell & List & { open?: Flag; "keep-open"?: Flag };
  "hub-bell": Bell;
  "hub-feed": List;
  "hub-toasts": Source & {
    placement?: `${"top" | "bottom"}-${"start" | "center" | "end"}`;
    duration?: number | string;
    sound?: string;
  };
  "hub-preferences": Source;
}

/** Events by name; they bubble, also out of shadow roots. */
export interface HubEvents {
  "hub-activate": CustomEvent<{ item: Item }>;
  "hub-action": CustomEvent<{ item: Item; action: Action }>;
  "hub-arrived": CustomEvent<{ item: Item; missed: boolean }>;
  "hub-opened": CustomEvent<null>;
  "hub-closed": CustomEvent<null>;
  "hub-bell-click": CustomEvent<null>;
  "hub-more": CustomEvent<null>;
}

declare global {
  interface HTMLElementTagNameMap {
    "hub-inbox": HubInbox;
    "hub-bell": HubBell;
    "hub-feed": HubFeed;
    "hub-toasts": HubToasts;
    "hub-preferences": HubPreferences;
  }
  interface HTMLElementEventMap extends HubEvents {}
}
