import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pause, setQuietHours, switchCategory, switchChannel } from "../src/hub-choices.js";

/** @import { CategoryChoices, Channel, Choices } from "../src/hub-choices.js" */

/** @param {Partial<CategoryChoices>} some @param {Partial<Record<Channel, boolean>>} channels @returns {CategoryChoices} */
function category(some, channels) {
  const list = /** @type {[Channel, boolean][]} */ (Object.entries(channels));
  return {
    category: "news",
    label: "News",
    description: null,
    required: false,
    consent: false,
    enabled: true,
    ...some,
    channels: list.map(([channel, enabled]) => ({ channel, enabled })),
  };
}

/** @param {CategoryChoices[]} categories @returns {Choices} */
function choices(...categories) {
  return {
    channels: [
      { channel: "in_app", enabled: true },
      { channel: "email", enabled: true },
    ],
    categories,
    quiet_hours: null,
    paused_until: null,
    paused_by: null,
    timezone: "Europe/Berlin",
  };
}

test("a switch says its own channel and nothing else", () => {
  const before = choices(category({}, { in_app: true, email: true }));
  const { patch, after } = switchCategory(before, "news", "email", false);
  assert.deepEqual(patch, { categories: { news: { channels: { email: false } } } });
  assert.deepEqual(after, choices(category({}, { in_app: true, email: false })));
  assert.equal(before.categories[0]?.channels[1]?.enabled, true, "what was shown is not touched");
});

test("a category that was off comes back with nothing but what was switched on", () => {
  const before = choices(category({ enabled: false }, { in_app: false, web_push: false, email: false }));
  const { patch, after } = switchCategory(before, "news", "email", true);
  assert.deepEqual(patch, {
    categories: { news: { enabled: null, channels: { in_app: false, web_push: false, email: true } } },
  });
  assert.equal(after.categories[0]?.enabled, true);
});

test("where a consent is needed, it covers what is on outside the app", () => {
  const before = choices(category({ consent: true }, { in_app: true, web_push: true, email: false }));
  assert.deepEqual(switchCategory(before, "news", "email", true).patch.consents, {
    news: { granted: true, channels: ["web_push", "email"] },
  });
  assert.deepEqual(switchCategory(before, "news", "web_push", false).patch.consents, {
    news: { granted: false, channels: null },
  });
  assert.equal(switchCategory(before, "news", "in_app", false).patch.consents, undefined);
});

test("a channel that is switched off takes back what categories said in its favour, but for what is required", () => {
  const before = choices(
    category({}, { in_app: true, email: true }),
    category({ category: "security", required: true }, { email: true }),
    category({ category: "quiet" }, { email: false }),
    category({ category: "app" }, { in_app: true }),
  );
  const { patch, after } = switchChannel(before, "email", false);
  assert.deepEqual(patch, { channels: { email: false }, categories: { news: { channels: { email: null } } } });
  const on = after.categories.filter(({ channels }) => channels.some((c) => c.channel === "email" && c.enabled));
  assert.deepEqual(
    on.map((one) => one.category),
    ["security"],
  );
  assert.deepEqual(switchChannel(after, "email", true).patch, { channels: { email: true } });
});

test("a pause ends as it was made: one's own is taken back, another's is overruled by a time that has passed", () => {
  const until = new Date("2026-12-01T08:00:00Z");
  const paused = pause(choices(), until);
  assert.deepEqual(paused.patch, { paused_until: "2026-12-01T08:00:00.000Z" });
  assert.equal(paused.after.paused_by, "person");
  assert.deepEqual(pause(paused.after, null).patch, { paused_until: null });
  const theirs = { ...paused.after, paused_by: "project" };
  const overruled = pause(theirs, null);
  assert.ok(Date.parse(overruled.patch.paused_until) < Date.now());
  assert.deepEqual([overruled.after.paused_until, overruled.after.paused_by], [null, null]);
});

test("quiet hours name a zone only where it is not the person's", () => {
  const weekly = [{ days: [6, 7], from: "22:00", to: "09:00" }];
  assert.deepEqual(setQuietHours(choices(), weekly, "Asia/Tokyo").patch, {
    quiet_hours: { weekly, timezone: "Asia/Tokyo" },
  });
  const own = setQuietHours(choices(), weekly, "Europe/Berlin");
  assert.deepEqual(own.patch, { quiet_hours: { weekly, timezone: null } });
  assert.deepEqual(own.after.quiet_hours, { weekly, timezone: "Europe/Berlin", layer: "person" });
});

test("whatever is switched, in whatever order: what is shown is where the switches were put", () => {
  const channel = fc.constantFrom(/** @type {Channel} */ ("in_app"), /** @type {Channel} */ ("email"));
  const moves = fc.array(fc.tuple(fc.constantFrom("a", "b"), channel, fc.boolean()), { maxLength: 12 });
  fc.assert(
    fc.property(moves, fc.boolean(), fc.boolean(), (made, enabled, consent) => {
      const channels = { in_app: enabled, email: enabled };
      let now = choices(
        category({ category: "a", enabled, consent }, channels),
        category({ category: "b", enabled }, channels),
      );
      /** @type {Map<string, boolean>} */
      const wanted = new Map();
      for (const [name, at, on] of made) {
        now = switchCategory(now, name, at, on).after;
        wanted.set(`${name} ${at}`, on);
      }
      for (const { category: name, channels: held } of now.categories) {
        for (const one of held) {
          assert.equal(one.enabled, wanted.get(`${name} ${one.channel}`) ?? (enabled || false));
        }
      }
    }),
  );
});
