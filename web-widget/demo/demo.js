/**
 * The demo that `hub dev` serves at `/`: a form that publishes, one screen per person, each with a client and a
 * connection of its own, and the wire between them. Everything is real; only the tokens come straight from the dev key,
 * which a real page never holds: its backend asks for them.
 */

import { Backend } from "./backend.js";
import { Look } from "./look.js";
import { PublishForm } from "./publish.js";
import { Screen } from "./screen.js";
import { Wire } from "./wire.js";

/** @type {Record<string, string>} */
const NAMES = { ada: "Ada", grace: "Grace", edsger: "Edsger" };

/** @returns {{user: string, name: string, lane: string}[]} */
function people() {
  const wanted = new URLSearchParams(location.search).get("people") ?? "ada,grace";
  const users = wanted
    .split(",")
    .map((user) => user.trim())
    .filter(Boolean)
    .slice(0, 3);
  return users.map((user, at) => {
    const name = NAMES[user] ?? user;
    const screens = users.filter((other) => other === user).length;
    const number = users.slice(0, at + 1).filter((other) => other === user).length;
    return { user, name, lane: screens > 1 ? `${name} ${number}` : name };
  });
}

/** Light or dark: the system's until the button says otherwise. */
function themeButton() {
  const root = document.documentElement;
  const stored = localStorage.getItem("hub-demo-theme");
  if (stored) root.dataset.theme = stored;
  byId("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme ?? (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    localStorage.setItem("hub-demo-theme", root.dataset.theme);
  });
}

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

const crowd = people();
themeButton();
const wire = new Wire(byId("wire"), byId("filters"), ["Backend", "Hub", ...crowd.map(({ lane }) => lane)]);
byId("pause").addEventListener("click", (event) => {
  const paused = wire.togglePause();
  /** @type {HTMLElement} */ (event.currentTarget).setAttribute("aria-pressed", String(paused));
});
byId("clear").addEventListener("click", () => wire.clear());
wire.onCount = (text) => (byId("wire-count").textContent = text);

const backend = new Backend();
backend.onTraffic = (direction, frame, size) => {
  wire.add({ lane: "Backend", direction, transport: "rest", frame, size, at: Date.now() });
};
const form = new PublishForm(/** @type {HTMLFormElement} */ (byId("publish")), backend, crowd);
const template = /** @type {HTMLTemplateElement} */ (byId("screen"));
crowd.forEach((person, at) => {
  const screen = new Screen(template, person, at, () => backend.takeToken(person.user));
  screen.store.on("frame", (traffic) => wire.add({ lane: person.lane, ...traffic }));
  screen.store.on("item", ({ item, missed }) => {
    if (!missed) form.arrived(item.notification_id, person.lane, at);
  });
  byId("stage").append(screen.element);
  screen.start();
});
new Look(/** @type {HTMLFormElement} */ (byId("look")), byId("look-code"), byId("stage"));
