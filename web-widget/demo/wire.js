/**
 * The wire: every frame and call as an arrow between the one who sent it and the one who got it, newest first. A row
 * opens to the JSON itself.
 */

import { paintJson, span } from "./paint.js";

/** @import { Frame } from "../src/hub-state.js" */

/**
 * @typedef {object} Passage
 * @property {string} lane whose connection it is
 * @property {"in" | "out"} direction as seen from there
 * @property {"websocket" | "sse" | "tab" | "rest" | null} transport
 * @property {Frame} frame
 * @property {number} size in characters
 * @property {number} at milliseconds since the epoch
 */

const KEEP = 300;
const HUB = 1;
const GROUPS = {
  calls: "Calls",
  inbox: "Inbox",
  marks: "Marks",
  receipts: "Receipts",
  heartbeat: "Heartbeat",
};
/** @type {Record<string, keyof typeof GROUPS>} */
const GROUP_OF = {
  mark: "marks",
  ok: "marks",
  error: "marks",
  seen: "marks",
  ack: "receipts",
  state: "receipts",
  ping: "heartbeat",
  pong: "heartbeat",
};

export class Wire {
  /** @type {(text: string) => void} */
  onCount = () => {};
  #log;
  #lanes;
  #paused = false;
  #count = 0;
  #size = 0;

  /**
   * @param {HTMLElement} log
   * @param {HTMLElement} filters
   * @param {string[]} lanes from left to right; the second is the hub
   */
  constructor(log, filters, lanes) {
    this.#log = log;
    this.#lanes = lanes;
    log.style.setProperty("--lanes", String(lanes.length));
    const head = element("div", "passage head");
    const names = element("div", "lanes");
    lanes.forEach((lane, at) => {
      const name = span("lane", lane);
      if (at > HUB) name.dataset.hue = String(at - 2);
      names.append(name);
    });
    head.append(span("clock", "Time"), names, span("type", "Frame"), span("summary", ""), span("size", "Size"));
    log.append(head);
    for (const [group, label] of Object.entries(GROUPS))
      filters.append(this.#filter(group, label, group !== "heartbeat" && group !== "receipts"));
    lanes.slice(2).forEach((lane, at) => {
      const button = this.#filter(`lane-${at}`, lane, true);
      button.dataset.hue = String(at);
      filters.append(button);
    });
  }

  togglePause() {
    this.#paused = !this.#paused;
    return this.#paused;
  }

  clear() {
    while (this.#log.children.length > 1) this.#log.lastElementChild?.remove();
    this.#count = this.#size = 0;
    this.onCount("");
  }

  /** @param {Passage} passage */
  add(passage) {
    if (this.#paused) return;
    this.#log.firstElementChild?.after(this.#row(passage));
    if (this.#log.children.length > KEEP) this.#log.lastElementChild?.remove();
    this.#count += 1;
    this.#size += passage.size;
    this.onCount(`${this.#count} frames · ${(this.#size / 1024).toFixed(1)} KiB`);
  }

  /** @param {string} name @param {string} label @param {boolean} on */
  #filter(name, label, on) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    const show = () => {
      button.setAttribute("aria-pressed", String(on));
      this.#log.classList.toggle(`no-${name}`, !on);
    };
    button.addEventListener("click", () => {
      on = !on;
      show();
    });
    show();
    return button;
  }

  /** @param {Passage} passage */
  #row({ lane, direction, transport, frame, size, at }) {
    const place = this.#lanes.indexOf(lane);
    const row = element("details", "row");
    row.dataset.group = GROUP_OF[frame.type] ?? (transport === "rest" ? "calls" : "inbox");
    row.dataset.lane = String(place - 2);
    const arrow = element("span", `arrow ${transport}`);
    // Outwards is towards the hub, which stands between the backend and the people.
    const [from, to] = direction === "out" ? [place, HUB] : [HUB, place];
    arrow.dataset.points = to > from ? "right" : "left";
    if (place > HUB) arrow.dataset.hue = String(place - 2);
    arrow.style.gridColumn = `${Math.min(from, to) + 1} / ${Math.max(from, to) + 2}`;
    arrow.style.setProperty("--span", String(Math.abs(from - to) + 1));
    const lanes = element("span", "lanes");
    lanes.append(arrow);
    const line = element("summary", "passage");
    const type = span("type", frame.type.replace(" /v1/", " /"));
    if (place > HUB) type.dataset.hue = String(place - 2);
    line.append(
      span("clock", clock(at)),
      lanes,
      type,
      span("summary", summary(frame)),
      span("size", size ? sized(size) : ""),
    );
    row.append(line);
    row.addEventListener("toggle", () => {
      if (row.children.length > 1) return;
      const code = element("pre", "json");
      code.append(...paintJson(JSON.stringify(frame, null, 2)));
      row.append(code);
    });
    return row;
  }
}

/**
 * @param {Frame} frame
 * @returns {string} what matters of it
 */
export function summary(frame) {
  const unread = frame.counts ? ` · ${frame.counts.unread} unread` : "";
  const what = frame.all
    ? `all up to ${frame.upto}`
    : frame.ids
      ? `${frame.ids.length} ${frame.ids.length === 1 ? "item" : "items"}`
      : "";
  switch (frame.type) {
    case "hello":
      return frame.cursor ? "resume from a cursor" : "no cursor: send me everything";
    case "welcome":
      return frame.items ? `rev ${frame.rev} · ${frame.items.length} items${unread}` : "resuming";
    case "changes":
      return `rev ${frame.since} → ${frame.rev} · ${frame.items.length} items, ${frame.updates.length} updates, ${frame.removed.length} removed${unread}`;
    case "item":
      return `rev ${frame.rev} · “${frame.item.title}”${frame.removed?.length ? ` replaces ${frame.removed.length}` : ""}${unread}`;
    case "update":
      return `rev ${frame.rev} · ${what} · ${Object.keys(frame.set).join(", ")}${unread}`;
    case "removed":
      return `rev ${frame.rev} · ${what}${unread}`;
    case "ack":
      return `I hold everything up to ${frame.rev}`;
    case "seen":
      return `seen up to ${frame.rev}`;
    case "mark":
      return `#${frame.ref} ${frame.action} ${what}`;
    case "ok":
      return `#${frame.ref} rev ${frame.rev} · ${frame.changed} changed`;
    case "error":
      return `${frame.code}: ${frame.detail}`;
    case "state":
      return frame.state;
    case "sync":
      return "something is missing";
    case "POST /v1/notifications":
      return `“${frame.title}” → ${frame.recipients.map((/** @type {any} */ to) => (to.all ? "everyone" : to)).join(", ")}`;
    case "POST /v1/inbox/mark":
      return `${frame.action} ${what}`;
    case "POST /v1/inbox/receipts":
      return Object.entries(frame)
        .filter(([field]) => field !== "type" && field !== "connection")
        .map((pair) => pair.join(" "))
        .join(", ");
    case "201":
      return `token, good until ${frame.expires_at}`;
    case "202":
      return `accepted · ${frame.recipients ?? "…"} ${frame.recipients === 1 ? "recipient" : "recipients"}`;
    default:
      if (frame.detail) return frame.detail;
      if (Array.isArray(frame.items)) return `${frame.items.length} items`;
      return frame.category ?? (frame.rev === undefined ? "" : `rev ${frame.rev}`);
  }
}

/** @param {number} at */
function clock(at) {
  const time = new Date(at);
  return `${time.toLocaleTimeString("en-GB")}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

/** @param {number} size */
function sized(size) {
  return size < 1000 ? `${size} B` : `${(size / 1024).toFixed(1)} K`;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} kind
 */
function element(tag, kind) {
  const made = document.createElement(tag);
  made.className = kind;
  return made;
}
