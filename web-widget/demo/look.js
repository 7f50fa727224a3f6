/**
 * "Make it yours": every choice is an attribute or a custom property of the element, set on the screens above, and told
 * as the lines to put into a page.
 */

/** @import { HubInbox } from "../src/hub-inbox.js" */

/**
 * @typedef {object} Choice
 * @property {string} name of the form's control
 * @property {"attribute" | "property" | "place"} kind an attribute of the element, a custom property, or where it stands
 * @property {string} target its name there
 * @property {string} usual the value that is not told, because it is what holds anyway
 * @property {string} [unit] after a number
 */

/** @type {Choice[]} */
const CHOICES = [
  { name: "theme", kind: "attribute", target: "theme", usual: "" },
  { name: "density", kind: "attribute", target: "density", usual: "" },
  { name: "badge", kind: "attribute", target: "badge", usual: "" },
  { name: "language", kind: "attribute", target: "lang", usual: "" },
  { name: "accent", kind: "property", target: "--hub-accent", usual: "" },
  { name: "radius", kind: "property", target: "--hub-radius", usual: "12", unit: "px" },
  { name: "size", kind: "property", target: "--hub-font-size", usual: "14", unit: "px" },
];
const RIGHT_TO_LEFT = ["ar", "he"];

export class Look {
  #form;
  #code;
  #stage;
  /** @type {Set<string>} choices that were touched: an untouched colour leaves each person theirs */
  #touched = new Set();

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLElement} code where the lines are told
   * @param {HTMLElement} stage around the elements
   */
  constructor(form, code, stage) {
    this.#form = form;
    this.#code = code;
    this.#stage = stage;
    form.addEventListener("input", (event) => {
      this.#touched.add(/** @type {HTMLInputElement} */ (event.target).name);
      this.#apply();
    });
    form.addEventListener("reset", () => {
      this.#touched.clear();
      queueMicrotask(() => this.#apply());
    });
    this.#tell();
  }

  #apply() {
    for (const element of this.#stage.querySelectorAll("hub-inbox")) {
      const inbox = /** @type {HubInbox} */ (element);
      for (const { name, kind, target, usual, unit = "" } of CHOICES) {
        const value = this.#value(name);
        const set = value !== usual && value !== "";
        if (kind === "property") inbox.style.setProperty(target, set ? `${value}${unit}` : null);
        else if (set) inbox.setAttribute(target, value);
        else inbox.removeAttribute(target);
      }
      const app = inbox.closest(".app");
      app?.setAttribute("dir", RIGHT_TO_LEFT.includes(this.#value("language")) ? "rtl" : "ltr");
    }
    this.#tell();
  }

  #tell() {
    const attributes = [];
    const properties = [];
    for (const { name, kind, target, usual, unit = "" } of CHOICES) {
      const value = this.#value(name);
      if (value === usual || value === "") continue;
      if (kind === "property") properties.push(`  ${target}: ${value}${unit};`);
      else attributes.push(` ${target}="${value}"`);
    }
    const lines = [`<hub-inbox hub="${location.origin}"${attributes.join("")}></hub-inbox>`];
    if (properties.length) lines.push("", "/* in your stylesheet */", "hub-inbox {", ...properties, "}");
    this.#code.textContent = lines.join("\n");
  }

  /** @param {string} name @returns {string} "" for a colour that nobody chose */
  #value(name) {
    const control = /** @type {HTMLInputElement | HTMLSelectElement} */ (this.#form.elements.namedItem(name));
    return control.type === "color" && !this.#touched.has(name) ? "" : control.value;
  }
}
