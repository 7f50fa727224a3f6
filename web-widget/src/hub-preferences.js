/**
 * What a person wants to get: categories by channels, quiet hours, a pause. Loaded when it is first shown.
 *
 * Every change is shown and saved at once, by a merge patch; what the hub refuses is put back and said. Changes are
 * saved one after the other, and when the last is through, what holds is read anew: a switch may have moved others.
 */

import { pause, setQuietHours, switchCategory, switchChannel } from "./hub-choices.js";
import { workingWeek } from "./hub-snooze.js";

/** @import { CategoryChoices, Change, Channel, ChannelChoice, Choices, QuietWindow } from "./hub-choices.js" */
/** @import { Toolkit } from "./hub-toolkit.js" */

export const WORDS = {
  pausing: "Pause",
  pausingHint: "Everything still arrives here, but nothing is pushed, mailed or texted.",
  pausedUntil: (/** @type {string} */ time) => `Paused until ${time}`,
  resume: "Resume",
  forAnHour: "1 hour",
  untilTomorrow: "Until tomorrow",
  forAWeek: "1 week",
  choices: "What you get",
  in_app: "In app",
  web_push: "Push",
  email: "Email",
  sms: "SMS",
  allCategories: "All notifications",
  everythingElse: "Everything else",
  alwaysOn: "Always on",
  quietHours: "Quiet hours",
  quietHint: "What comes in these hours is held back until they end. Critical notifications still get through.",
  quietDays: "Days",
  quietFrom: "From",
  quietTo: "To",
  addHours: "Add hours",
  removeHours: "Remove these hours",
  timeZone: "Time zone",
  choicesFailed: "Your settings could not be loaded.",
  notSaved: "That could not be saved, so it was put back.",
  mayNotSave: "This page may not change your settings.",
};

const CSS = `
.prefs {
  padding: 16px;
  text-align: start;
}
.prefs section {
  display: grid;
  gap: 10px;
  min-width: 0;
}
.prefs section + * {
  margin-block-start: 22px;
}
.prefs section :is(h3, p) {
  margin: 0;
}
.prefs h3 {
  font-size: 14px;
  font-weight: 640;
}
.prefs :is(p, small, thead th) {
  font-size: 12.5px;
  font-weight: 400;
  color: var(--_muted);
}
.prefs .refused:not(:empty) {
  position: sticky;
  inset-block-end: 12px;
  margin-block-end: 0;
  padding: 8px 12px;
  border: 1px solid;
  border-radius: 8px;
  color: var(--_danger);
  background: var(--_surface);
}
.prefs .wrap {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 8px;
}
.prefs .head {
  display: flex;
  align-items: center;
  gap: 8px;
}
.head h3 {
  flex: 1;
}
.prefs :is(.action, select, input) {
  min-height: 32px;
}
.prefs :is(select, input) {
  padding: 3px 8px;
  border: 1px solid color-mix(in srgb, var(--_muted) 55%, var(--_line));
  border-radius: 8px;
  font: inherit;
  font-size: 13px;
  color: inherit;
  background: var(--_surface);
}
.prefs table {
  width: 100%;
  table-layout: fixed;
  border-collapse: collapse;
}
.prefs th {
  padding: 9px 8px 9px 0;
  padding-inline: 0 8px;
  text-align: start;
  font-weight: 500;
  overflow-wrap: anywhere;
}
.prefs small {
  display: block;
}
.prefs :is(td, thead th) {
  width: 56px;
  padding: 4px 0;
  text-align: center;
  vertical-align: middle;
}
.prefs thead td {
  width: auto;
}
.prefs tbody tr {
  border-block-start: 1px solid var(--_line);
}
.switch {
  position: relative;
  width: 44px;
  height: 28px;
  vertical-align: middle;
}
.switch::before {
  content: "";
  position: absolute;
  inset: 4px 5px;
  border-radius: 10px;
  background: light-dark(#8a8e97, #6b707b);
}
.switch::after {
  content: "";
  position: absolute;
  inset-block-start: 7px;
  inset-inline-start: 8px;
  width: 14px;
  height: 14px;
  border-radius: 50%;
  background: #fff;
}
.switch[aria-checked="true"]::before {
  background: var(--_accent);
}
.switch[aria-checked="true"]::after {
  inset-inline-start: 22px;
  background: var(--_on-accent);
}
.switch[aria-disabled] {
  opacity: 0.5;
  cursor: default;
}
.hours {
  display: grid;
  gap: 10px;
  width: 100%;
  padding: 12px;
  border: 1px solid var(--_line);
  border-radius: 8px;
}
.hours .days {
  display: flex;
  flex: 1;
  gap: 4px;
}
.hours .days .action {
  flex: 1;
  max-width: 44px;
  padding: 4px 0;
}
.hours [aria-pressed="true"] {
  color: var(--_on-accent);
  background: var(--_accent);
}
.prefs label {
  display: flex;
  align-items: center;
  gap: 8px;
  font-size: 13px;
}
.prefs select {
  max-width: 230px;
}
.prefs .drop {
  display: grid;
  place-items: center;
  padding: 0 6px;
}
@media (prefers-reduced-motion: no-preference) {
  .switch::before,
  .switch::after {
    transition: 0.15s;
  }
}
@media (forced-colors: active) {
  .switch::before,
  .hours [aria-pressed="true"] {
    forced-color-adjust: none;
    color: HighlightText;
    background: GrayText;
  }
  .prefs [aria-checked="true"]::before,
  .hours [aria-pressed="true"] {
    background: Highlight;
  }
  .switch::after {
    forced-color-adjust: none;
    background: Canvas !important;
  }
}
`;

const PATH = "v1/inbox/preferences";
const CROSS = "M6 6l12 12M18 6L6 18";
const NIGHT = { days: [1, 2, 3, 4, 5, 6, 7], from: "22:00", to: "07:00" };
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** A Monday, so that weekdays can be counted from it. */
const MONDAY_MS = 4 * DAY_MS;

/**
 * Reads what holds and shows it in `container`, until it is destroyed.
 * @param {HTMLElement} container emptied and filled
 * @param {Toolkit} toolkit
 * @returns {{destroy: () => void}} changes under way are still saved
 */
export function mount(container, { h, icon, store, messages, language, adopt }) {
  adopt(CSS);
  /** @type {typeof WORDS & Record<string, any>} */
  const words = { ...WORDS, ...messages };
  /** @type {Choices} as they are shown */
  let choices;
  /** @type {(() => void)[]} what brings the page up to `choices` */
  let draws = [];
  /** Changes that are not answered yet. */
  let saving = 0;
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  let gone = false;
  const alert = h("p", { class: "refused", role: "alert" });

  const draw = () => draws.forEach((one) => one());

  /**
   * Shows a change and saves it; a refusal brings back what was shown before, but for what was changed since.
   * @param {(choices: Choices) => Change} make
   */
  const change = (make) => {
    const { patch, after } = make(choices);
    choices = after;
    saving++;
    alert.textContent = "";
    draw();
    last = last
      .then(() => store.call("PATCH", PATH, patch))
      .then(() => {
        known = after; // should it not be told now what holds
      })
      .catch((error) => {
        alert.textContent = error.status === 403 ? words.mayNotSave : words.notSaved;
      })
      .then(async () => {
        if (--saving) return;
        const held = await read().catch(() => known);
        if (!saving) take(held);
      });
  };

  /** @type {Choices} what the hub said last */
  let known;
  const read = async () => (known = await store.call("GET", `${PATH}/choices`));

  /** @type {string} */
  let shape;
  /** @param {Choices} held */
  const take = (held) => {
    choices = held;
    // The switches stay as long as they are the same ones: who is at one of them is not thrown off.
    const now = JSON.stringify([held.channels, held.categories], (key, value) => (key === "enabled" ? 0 : value));
    if (shape !== now && !gone) build();
    shape = now;
    draw();
  };

  /**
   * @param {string} label
   * @param {() => boolean} on
   * @param {(on: boolean) => void} [turn] absent: it stays as it is
   */
  const toggle = (label, on, turn) => {
    const button = h("button", {
      type: "button",
      class: "switch",
      role: "switch",
      "aria-label": label,
      "aria-disabled": turn ? null : "true",
      click: () => turn?.(!on()),
    });
    draws.push(() => button.setAttribute("aria-checked", String(on())));
    return button;
  };
  /** @param {string} label @param {() => void} click */
  const plain = (label, click) => h("button", { type: "button", class: "action", click }, label);
  /** @param {Channel} channel */
  const nameOf = (channel) => words[channel] ?? channel;

  /**
   * @param {string} title
   * @param {(string | null)[]} notes
   * @param {() => {channels: ChannelChoice[]} | undefined} held what the row is about, as it is shown
   * @param {(now: Choices, channel: Channel, on: boolean) => Change} [make] absent: it stays as it is
   */
  const row = (title, notes, held, make) => {
    const cells = choices.channels.map(({ channel }) => {
      const choice = () => held()?.channels.find((one) => one.channel === channel);
      const turn = make && ((/** @type {boolean} */ to) => change((now) => make(now, channel, to)));
      const label = [`${title}: ${nameOf(channel)}`, make ? null : words.alwaysOn].filter(Boolean).join(", ");
      return h("td", {}, choice() ? toggle(label, () => !!choice()?.enabled, turn) : null);
    });
    const small = notes.map((note) => note && h("small", {}, h("bdi", {}, note)));
    return h("tr", {}, h("th", { scope: "row" }, title, ...small), ...cells);
  };

  /** @param {CategoryChoices} category */
  const categoryRow = ({ category: name, label, description, required }) =>
    row(
      label ?? words.everythingElse,
      [description, required ? words.alwaysOn : null],
      () => choices.categories.find((one) => one.category === name),
      required ? undefined : (now, channel, on) => switchCategory(now, name, channel, on),
    );

  const table = () =>
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h("tr", {}, h("td"), ...choices.channels.map(({ channel }) => h("th", { scope: "col" }, nameOf(channel)))),
      ),
      h(
        "tbody",
        {},
        row(words.allCategories, [], () => choices, switchChannel),
        ...choices.categories.map(categoryRow),
      ),
    );

  const pausing = () => {
    /** @param {Date | null} until */
    const set = (until) => {
      change((now) => pause(now, until));
      box.querySelector("button")?.focus();
    };
    const box = h("div", { class: "wrap" });
    let drawn = "";
    draws.push(() => {
      const until = choices.paused_until;
      if (drawn === (drawn = until ?? "-")) return;
      const tomorrow = new Date();
      tomorrow.setDate(tomorrow.getDate() + 1);
      tomorrow.setHours(9, 0, 0, 0);
      box.replaceChildren(
        ...(until
          ? [h("strong", {}, words.pausedUntil(timeText(until, language))), plain(words.resume, () => set(null))]
          : [
              plain(words.forAnHour, () => set(new Date(Date.now() + HOUR_MS))),
              plain(words.untilTomorrow, () => set(tomorrow)),
              plain(words.forAWeek, () => set(new Date(Date.now() + 7 * DAY_MS))),
            ]),
      );
    });
    return h("section", {}, h("h3", {}, words.pausing), h("p", {}, words.pausingHint), box);
  };

  /** @param {QuietWindow[]} weekly */
  const setWeekly = (weekly) => change((now) => setQuietHours(now, weekly, zone.value));
  const zone = h("select", { change: () => setWeekly(choices.quiet_hours?.weekly ?? []) });

  /** @param {QuietWindow} hours @param {number} index */
  const hoursBox = (hours, index) => {
    /** @param {Partial<QuietWindow>} some */
    const set = (some) =>
      setWeekly((choices.quiet_hours?.weekly ?? []).map((one, at) => (at === index ? { ...one, ...some } : one)));
    const days = h("div", { class: "days", role: "group", "aria-label": words.quietDays });
    const first = workingWeek(language);
    for (let count = 0; count < 7; count++) {
      const day = ((first + count - 1) % 7) + 1;
      const flip = () => {
        const now = choices.quiet_hours?.weekly[index]?.days ?? [];
        const then = now.includes(day) ? now.filter((one) => one !== day) : [...now, day].sort();
        if (then.length) set({ days: then }); // hours on no day are removed by their own button
      };
      days.append(
        h(
          "button",
          {
            type: "button",
            class: "action",
            "aria-pressed": String(hours.days.includes(day)),
            "aria-label": dayName(day, language, "long"),
            click: flip,
          },
          dayName(day, language, "narrow"),
        ),
      );
    }
    /** @param {"from" | "to"} end @param {string} label */
    const time = (end, label) => {
      const input = h("input", {
        type: "time",
        required: true,
        change: () => input.value && set({ [end]: input.value }),
      });
      input.value = hours[end].slice(0, 5);
      return h("label", {}, label, input);
    };
    const drop = h(
      "button",
      {
        type: "button",
        class: "action drop",
        "aria-label": words.removeHours,
        click: () => {
          setWeekly((choices.quiet_hours?.weekly ?? []).filter((_, at) => at !== index));
          quiet?.focus();
        },
      },
      icon(CROSS),
    );
    return h(
      "div",
      { class: "hours", role: "group", "aria-label": words.quietHours },
      h("div", { class: "head" }, days, drop),
      h("div", { class: "wrap" }, time("from", words.quietFrom), time("to", words.quietTo)),
    );
  };

  /** @type {HTMLElement | undefined} */
  let quiet;
  const quietHours = () => {
    const weekly = () => choices.quiet_hours?.weekly ?? [];
    quiet = toggle(
      words.quietHours,
      () => weekly().length > 0,
      (on) => setWeekly(on ? [NIGHT] : []),
    );
    const list = h("div", { class: "wrap" });
    const more = h(
      "div",
      { class: "wrap" },
      plain(words.addHours, () => setWeekly([...weekly(), NIGHT])),
      h("label", {}, words.timeZone, zone),
    );
    let drawn = "";
    draws.push(() => {
      more.hidden = !weekly().length;
      setZone(choices.quiet_hours?.timezone);
      const now = JSON.stringify(weekly());
      if (drawn === (drawn = now)) return;
      // The focus stays at the same place in the same hours.
      const controls = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll("button, input")]);
      const at = controls().findIndex((one) => one.matches(":focus"));
      list.replaceChildren(...weekly().map(hoursBox));
      controls()[at]?.focus();
    });
    return h(
      "section",
      {},
      h("div", { class: "head" }, h("h3", {}, words.quietHours), quiet),
      h("p", {}, words.quietHint),
      list,
      more,
    );
  };

  /** @param {string | undefined} wanted */
  const setZone = (wanted) => {
    const name = wanted ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (![...zone.options].some((one) => one.value === name))
      for (const one of new Set([name, ...(zone.options.length ? [] : Intl.supportedValuesOf("timeZone"))]))
        zone.append(h("option", { value: one }, one.replaceAll("_", " ")));
    zone.value = name;
  };

  const build = () => {
    draws = [];
    container.replaceChildren(
      h(
        "div",
        { class: "prefs", part: "preferences" },
        pausing(),
        h("section", {}, h("h3", {}, words.choices), table()),
        quietHours(),
        alert,
      ),
    );
  };

  const load = async () => {
    const state = h("p", { role: "status" }, words.loadingOlder);
    container.replaceChildren(h("div", { class: "prefs" }, state));
    try {
      take(await read());
    } catch {
      if (gone) return;
      state.textContent = words.choicesFailed;
      const again = () => load().then(() => container.querySelector("button")?.focus());
      state.after(h("div", { class: "wrap" }, plain(words.retry, again)));
    }
  };
  load();

  return {
    destroy() {
      gone = true;
      draws = [];
      container.replaceChildren();
    },
  };
}

/**
 * @param {number} day 1 Monday … 7 Sunday
 * @param {string | undefined} language
 * @param {"long" | "narrow"} weekday
 */
function dayName(day, language, weekday) {
  return new Date(MONDAY_MS + (day - 1) * DAY_MS).toLocaleDateString(language, { weekday, timeZone: "UTC" });
}

/**
 * @param {string} time RFC 3339
 * @param {string | undefined} language
 */
function timeText(time, language) {
  return new Date(time).toLocaleString(language, {
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "numeric",
    minute: "2-digit",
  });
}
