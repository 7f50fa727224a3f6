/** The form: what it sends, the same as a curl line, and how long it took to every screen. */

import { paintJson } from "./paint.js";

/** @import { Backend } from "./backend.js" */

/** @typedef {Record<string, any>} Body */

/** @typedef {{label: string, all?: boolean, body: Record<string, string>}} Preset */

const FIELDS = ["title", "body", "category", "priority", "collapse_key", "action_url"];

/** @type {Preset[]} */
const PRESETS = [
  {
    label: "Order",
    body: {
      title: "Your order is on its way",
      body: "Two parcels, arriving Tuesday between 9 and 12.",
      category: "orders",
      action_url: "https://example.com/orders/1024",
    },
  },
  {
    label: "Build",
    body: {
      title: "main is red",
      body: "3 of 1,204 tests fail since a41f0c7.",
      category: "builds",
      priority: "critical",
      collapse_key: "build/main",
    },
  },
  {
    label: "Comment",
    body: {
      title: "Margaret mentioned you",
      body: "“Could you look at the landing sequence again?”",
      category: "comments",
    },
  },
  {
    label: "Everyone",
    all: true,
    body: {
      title: "Maintenance on Sunday",
      body: "Read-only from 02:00 to 02:15 UTC.",
      category: "status",
      priority: "bulk",
    },
  },
];

export class PublishForm {
  #form;
  #backend;
  #outcome;
  #curl;
  /** The notification sent last: when, and what arrived of it so far. */
  #sent = { id: "", at: 0, answered: "" };
  /** @type {Map<string, {lane: string, place: number, at: number}[]>} arrivals by notification, also before its 202 */
  #arrivals = new Map();

  /**
   * @param {HTMLFormElement} form
   * @param {Backend} backend
   * @param {{user: string, name: string}[]} people
   */
  constructor(form, backend, people) {
    this.#form = form;
    this.#backend = backend;
    this.#outcome = /** @type {HTMLElement} */ (form.querySelector("output"));
    this.#curl = /** @type {HTMLElement} */ (form.querySelector("#curl"));
    const users = new Map(people.map(({ user, name }) => [user, name]));
    const recipients = /** @type {HTMLElement} */ (form.querySelector(".recipients"));
    [...users].forEach(([user, name], at) => recipients.append(chip(user, name, String(at))));
    recipients.append(chip("*", "Everyone", "all"));
    const presets = /** @type {HTMLElement} */ (form.querySelector(".presets"));
    for (const preset of PRESETS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = preset.label;
      button.addEventListener("click", () => this.#fill(preset));
      presets.append(button);
    }
    form.addEventListener("input", (event) => this.#changed(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) form.requestSubmit();
    });
    const copy = /** @type {HTMLButtonElement} */ (form.querySelector("#copy"));
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.#curl.textContent ?? "");
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    });
    this.#fill(/** @type {Preset} */ (PRESETS[0]));
    void this.#takeCategories();
  }

  async #takeCategories() {
    const examples = PRESETS.map(({ body }) => body.category ?? "general");
    const categories = await this.#backend.takeCategories(examples).catch(() => examples);
    const list = /** @type {HTMLElement} */ (this.#form.querySelector("datalist"));
    for (const category of categories) {
      const option = document.createElement("option");
      option.value = category;
      list.append(option);
    }
  }

  /**
   * An item showed up on a screen.
   * @param {string} notification
   * @param {string} lane
   * @param {number} place
   */
  arrived(notification, lane, place) {
    const arrivals = this.#arrivals.get(notification) ?? [];
    this.#arrivals.set(notification, [...arrivals, { lane, place, at: performance.now() }]);
    this.#report();
  }

  /** @param {Preset} preset */
  #fill({ body, all = false }) {
    for (const field of FIELDS) {
      const control = /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(field));
      control.value = body[field] ?? (field === "priority" ? "normal" : "");
    }
    for (const box of this.#boxes()) box.checked = all === (box.value === "*");
    this.#paint();
  }

  /** @returns {HTMLInputElement[]} */
  #boxes() {
    return [...this.#form.querySelectorAll("input[name=to]")].map((box) => /** @type {HTMLInputElement} */ (box));
  }

  /** Everyone, or some: never both. @param {Event} event */
  #changed(event) {
    const box = /** @type {HTMLInputElement} */ (event.target);
    if (box.name === "to" && box.checked) {
      for (const other of this.#boxes()) if ((other.value === "*") !== (box.value === "*")) other.checked = false;
    }
    this.#paint();
  }

  /** @returns {Body} */
  #body() {
    const data = new FormData(this.#form);
    const to = data.getAll("to");
    /** @type {Body} */
    const body = { recipients: to.includes("*") ? [{ all: true }] : to };
    for (const field of FIELDS) {
      const value = String(data.get(field) ?? "").trim();
      if (value && !(field === "priority" && value === "normal")) body[field] = value;
    }
    return body;
  }

  #paint() {
    const fields = Object.entries(this.#body()).map(([field, value]) => `"${field}": ${JSON.stringify(value)}`);
    const body = `{${fields.join(",\n       ")}}`.replaceAll("'", "'\\''");
    const lines = [
      `curl ${location.origin}/v1/notifications \\`,
      `  -H 'Authorization: Bearer ${this.#backend.key}' \\`,
      "  -H 'Content-Type: application/json' \\",
      "  -d '",
    ];
    this.#curl.replaceChildren(lines.join("\n"), ...paintJson(body), "'");
  }

  async #send() {
    const body = this.#body();
    if (body.recipients.length === 0) return this.#say("Choose somebody to send it to.", true);
    const at = performance.now();
    this.#say("sending…");
    try {
      const { ok, status, answer, took } = await this.#backend.publish(body);
      if (!ok) return this.#say(answer.detail ?? answer.title ?? `HTTP ${status}`, true);
      this.#sent = { id: answer.id, at, answered: `${status} in ${milliseconds(took)}` };
      this.#report();
    } catch (error) {
      this.#say(`The hub did not answer (${error instanceof Error ? error.message : error}).`, true);
    }
    return undefined;
  }

  #report() {
    const { id, at, answered } = this.#sent;
    if (!id) return;
    const parts = (this.#arrivals.get(id) ?? []).map((arrival) => {
      const part = document.createElement("span");
      part.className = "hop";
      part.dataset.hue = String(arrival.place);
      part.textContent = `${arrival.lane} ${milliseconds(arrival.at - at)}`;
      return part;
    });
    const first = document.createElement("span");
    first.className = "hop";
    first.textContent = answered;
    this.#outcome.className = "";
    this.#outcome.replaceChildren(first, ...parts);
  }

  /** @param {string} text @param {boolean} [wrong] */
  #say(text, wrong = false) {
    this.#outcome.className = wrong ? "wrong" : "";
    this.#outcome.textContent = text;
  }
}

/** @param {string} value @param {string} label @param {string} hue */
function chip(value, label, hue) {
  const element = document.createElement("label");
  element.className = "chip";
  element.dataset.hue = hue;
  const box = document.createElement("input");
  box.type = "checkbox";
  box.name = "to";
  box.value = value;
  element.append(box, label);
  return element;
}

/** @param {number} duration */
function milliseconds(duration) {
  return `${duration < 10 ? duration.toFixed(1) : Math.round(duration)} ms`;
}
