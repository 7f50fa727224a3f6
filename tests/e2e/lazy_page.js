/**
 * The page of test_widget_lazy.py: mounts the modules that are loaded later, as they are shipped, on a real store. What
 * the elements hand them in is made here from the same sources.
 */

import { h, icon, safeLink } from "/src/hub-dom.js";
import { adopt, styleSheet } from "/src/hub-style.js";
import { HubStore } from "/src/hub-store.js";
import { ENGLISH, LOCALES } from "/src/hub-text.js";

const {
  hub,
  user,
  language = "en",
  scopes = "",
  show = "",
} = Object.fromEntries(new URLSearchParams(location.search));
document.documentElement.lang = language;
document.documentElement.dir = ["ar", "he"].includes(language) ? "rtl" : "ltr";

const store = new HubStore({
  url: hub,
  getToken: async () =>
    (await fetch(`/token?user=${user}&scopes=${scopes}`)).text(),
});
store.on("error", () => {}); // refused marks are part of what is tried
const messages = {
  ...ENGLISH,
  ...(LOCALES[language] ? (await LOCALES[language]()).default : {}),
};

/** Makes a host with a shadow root in a section of the page. */
function toolkitFor(name) {
  const host = document.createElement(`x-${name}`);
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [styleSheet()];
  document.querySelector("main").append(host);
  return {
    h,
    icon,
    safeLink,
    store,
    messages,
    language,
    host,
    root,
    adopt: (css) => adopt(root, css),
    url: hub,
    reading: () => window.reading,
  };
}

window.store = store;
window.reading = false;
window.events = [];
for (const type of ["hub-activate", "hub-action", "hub-more"])
  addEventListener(type, (event) => {
    event.preventDefault();
    window.events.push([
      type,
      event.detail.item?.title,
      event.detail.action?.id,
    ]);
  });

const ready = new Promise((resolve) => {
  const off = store.on("change", () => {
    if (store.snapshot.status !== "live") return;
    off();
    resolve();
  });
});
store.start();
await ready;

if (show.includes("menu")) {
  const { openMenu } = await import("/dist/hub-menu.js");
  const toolkit = toolkitFor("menu");
  const anchor = h(
    "button",
    {
      type: "button",
      class: "action",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      click: () =>
        openMenu(toolkit, {
          item: store.snapshot.items[0],
          anchor,
          onDone: () => (window.done += 1),
        }),
    },
    "Options",
  );
  window.done = 0;
  toolkit.root.append(anchor);
}
if (show.includes("preferences")) {
  const { mount } = await import("/dist/hub-preferences.js");
  const toolkit = toolkitFor("preferences");
  const container = h("div");
  toolkit.root.append(container);
  window.preferences = mount(container, toolkit);
}
if (show.includes("toasts")) {
  const { mount } = await import("/dist/hub-toasts.js");
  const toolkit = toolkitFor("toasts");
  window.toasts = mount(toolkit.host, toolkit);
  window.toastHost = toolkit.host;
}
if (show.includes("push")) {
  const { mount } = await import("/dist/hub-push-prompt.js");
  const toolkit = toolkitFor("push");
  // A push service is not to be had here; what it would give is handed in by the test.
  const pushManager = {
    getSubscription: async () => null,
    subscribe: async () => ({ toJSON: () => window.subscription }),
  };
  toolkit.host.registration = { pushManager };
  const container = h("div");
  toolkit.root.append(container);
  window.push = mount(container, toolkit);
}
document.body.dataset.ready = "true";
