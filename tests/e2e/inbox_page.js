/**
 * A page with the elements and a hub of its own making behind WebSocket and fetch: what the elements show of an inbox
 * of any size and state, without a hub that has to get there.
 */

const { HubStore } = await import("/widget/hub-inbox.js");

const asked = new URLSearchParams(location.search);
const size = Number(asked.get("size"));
const state = asked.get("state") ?? "live";
const START = Date.now();

/** @param {number} seq @param {object} [more] */
const item = (seq, more) => ({
  id: `i${seq}`,
  notification_id: `n${seq}`,
  seq,
  rev: seq,
  category: seq % 3 ? "comments" : "builds",
  title: `Number ${seq}`,
  body: "What it says, in a line or so.",
  priority: "normal",
  actions:
    seq % 5
      ? null
      : [{ id: "open", label: "Open", url: "https://example.com/" }],
  actor: seq % 2 ? { id: "grace", name: "Grace", avatar_url: null } : null,
  tags: null,
  created_at: new Date(START - (size - seq) * 3_600_000).toISOString(),
  ...Object.fromEntries(
    ["seen", "read", "clicked", "archived", "pinned"].map((name) => [
      `${name}_at`,
      null,
    ]),
  ),
  snoozed_until: null,
  thread_key: null,
  ...more,
});

/** @param {number} from the highest `seq` of it @returns {[object[], string | null]} items and the next cursor */
const page = (from) => {
  const length = Math.min(from, 50);
  const items = Array.from({ length }, (_, at) => item(from - at));
  return [items, from > 50 ? String(from - 50) : null];
};

/** The hub's REST: pages of the inbox, and nothing in the archive. @param {string | URL} address */
const answer = async (address) => {
  if (state === "failing") throw new TypeError("no network");
  const asks = new URL(address).searchParams;
  const [items, next] = asks.get("status")
    ? [[], null]
    : page(Number(asks.get("cursor")) || rev);
  const body = {
    items,
    next_cursor: next,
    counts: counts(),
    rev,
    sync: `c${rev}`,
  };
  return new Response(JSON.stringify(body), {
    headers: { "Content-Type": "application/json" },
  });
};

let rev = size;
let away = state === "unreachable";
/** @type {any} */
let socket;
const counts = () => ({ unseen: rev, unread: rev, total: rev });

class Socket extends EventTarget {
  constructor() {
    super();
    socket = this;
    if (state === "loading") return;
    setTimeout(() => (away ? this.end(1006) : this.tell("open")));
  }

  tell(type, more) {
    const event = Object.assign(new Event(type), more);
    this[`on${type}`]?.(event);
    this.dispatchEvent(event);
  }

  say(frame) {
    this.tell("message", { data: JSON.stringify(frame) });
  }

  end(code) {
    this.readyState = 3;
    this.tell("close", { code, reason: "" });
  }

  send(text) {
    const frame = JSON.parse(text);
    if (frame.type !== "hello") return;
    if (state === "stopped") return this.end(4500);
    if (state === "refused") return this.end(4501);
    const [items, next] = page(size);
    this.say({
      type: "welcome",
      connection: "c",
      heartbeat_seconds: 1000,
      expires_at: new Date(START + 9e6).toISOString(),
      rev,
      cursor: `c${rev}`,
      counts: counts(),
      items,
      next_cursor: next,
    });
  }

  close() {}
}
Socket.prototype.readyState = 1;

/** New items, one frame each. @param {number} count @param {object} [more] */
window.arrive = (count, more) => {
  for (let at = 0; at < count; at += 1) {
    rev += 1;
    socket.say({
      type: "item",
      rev,
      cursor: `c${rev}`,
      item: item(rev, more),
      counts: counts(),
    });
  }
};
window.cut = () => {
  away = true;
  socket.end(1006);
};

const store = new HubStore({
  getToken: () => window.token ?? "token",
  WebSocket: Socket,
  fetch: answer,
  transport: "websocket",
  persist: false,
  share: false,
});
const element = document.querySelector(asked.get("element") ?? "hub-inbox");
element.store = store;
window.store = store;
store.start();
