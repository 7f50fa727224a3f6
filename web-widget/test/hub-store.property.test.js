/**
 * Whole stores in the tabs of one browser, random schedules: published, marked, refused, lost, offline, reloaded,
 * crashed, frozen, paged in between. When it is quiet, every tab and every feed shows exactly what the hub lists, and one
 * tab is connected.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Clock } from "./clock.js";
import { Browser } from "./model-browser.js";

/** @import { Filter, Mark, MarkAction } from "../src/hub-state.js" */
/** @import { Tab } from "./model-browser.js" */

const ACTIONS = /** @type {MarkAction[]} */ ([
  ...["seen", "read", "unread", "archive", "unarchive", "snooze", "unsnooze", "pin", "unpin", "click", "delete"],
]);
const FILTERS = /** @type {Filter[]} */ ([
  { status: "unread" },
  { status: "archived" },
  { status: "snoozed" },
  { category: "orders" },
  { status: "unread", tag: "a" },
]);

const step = fc.record({
  what: fc.constantFrom(
    ...["publish", "publish", "publish", "publish", "mark", "mark", "mark", "elsewhere", "elsewhere", "markAll"],
    ...["bulkElsewhere", "withdraw", "wake", "restore", "older", "older", "seen", "look", "look", "pass", "pass"],
    ...["lose", "refuse", "fail", "offline", "online", "cut", "reload", "crash", "freeze", "thaw", "open", "close"],
    ...["run", "run", "run", "run", "settle"],
  ),
  which: fc.nat(2),
  pick: fc.nat(40),
  other: fc.nat(40),
});

test("whatever happens, every tab ends with exactly what the hub lists, over one connection", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 80, size: "max" }),
      fc.boolean(),
      async (steps, share) => {
        const clock = new Clock();
        const browser = new Browser(3);
        const { hub } = browser;
        /** @type {(Tab | null)[]} */
        const tabs = [null, null, null];
        const open = (/** @type {number} */ which) => {
          const tab = (tabs[which] = browser.open({ share }));
          tab.store.start();
          return tab;
        };
        const quiet = async () => {
          for (let round = 0; round < 40; round++) {
            await browser.run();
            clock.pass(1);
          }
          await browser.run();
        };
        open(0);
        try {
          for (const { what, which, pick, other } of steps) {
            const tab = tabs[which];
            const ids = [...hub.rows.keys()];
            const id = ids[pick % Math.max(1, ids.length)];
            const action = /** @type {MarkAction} */ (ACTIONS[pick % ACTIONS.length]);
            const more = action === "snooze" ? { until: `203${other % 3}-01-01T00:00:00.000Z` } : {};
            const coverage = other % 3 === 0 ? { category: "orders" } : other % 3 === 1 ? { tag: "a" } : {};
            if (what === "publish")
              hub.publish({
                category: pick % 2 ? "orders" : "builds",
                tags: other % 2 ? ["a"] : [],
                collapse: pick % 5 ? null : "key",
              });
            else if (what === "elsewhere" && id)
              hub.mark({ action, ids: [id, ids[other % ids.length] ?? id], ...more });
            else if (what === "bulkElsewhere") hub.mark({ action, all: true, upto: other, ...coverage, ...more });
            else if (what === "withdraw" && id) hub.withdraw(id);
            else if (what === "wake" && id) hub.wake(id);
            else if (what === "restore" && other % 4 === 0) hub.restore();
            else if (what === "lose") browser.losing += 1;
            else if (what === "refuse") browser.refusing += 1;
            else if (what === "fail") browser.failing += 1;
            else if (what === "offline" || what === "online") browser.setOnline(what === "online");
            else if (what === "cut") for (const socket of browser.sockets) socket.end(1006);
            else if (what === "pass") clock.pass(pick / 4);
            else if (what === "run") await browser.run(pick);
            else if (what === "settle" && pick % 3 === 0) await quiet();
            else if (what === "open" && !tab) open(which);
            else if (!tab) continue;
            else if (what === "mark" && id) mark(tab, { action, ids: [id], ...more });
            else if (what === "markAll") mark(tab, { action, all: true, ...coverage, ...more });
            else if (what === "seen") tab.store.seen();
            else if (what === "older")
              tab.store
                .feed(FILTERS[pick % 9] ?? {})
                .loadOlder()
                .catch(() => {});
            else if (what === "look") tab.store.feed(FILTERS[pick % FILTERS.length]).subscribe(() => {});
            else if (what === "freeze" || what === "thaw") tab.frozen = what === "freeze";
            else if (what === "close" || what === "reload" || what === "crash") {
              if (what === "crash") tab.crash();
              else tab.store.stop();
              tabs[which] = null;
              if (what === "reload") open(which);
            }
          }
          browser.setOnline(true);
          Object.assign(browser, { losing: 0, refusing: 0, failing: 0 });
          for (let which = 0; which < 3; which++) (tabs[which] ?? open(which)).frozen = false;
          await quiet();
          hub.publish();
          await quiet();
          if (share) assert.equal(browser.sockets.size, 1, "one connection");
          for (const tab of tabs) if (tab) await compare(tab, browser, quiet);
        } finally {
          for (const tab of tabs) tab?.store.stop();
          clock.restore();
        }
      },
    ),
    { numRuns: Number(process.env.HUB_WIDGET_STORE_RUNS ?? 60) },
  );
});

/** @param {Tab} tab @param {Mark} mark */
function mark(tab, mark) {
  if (!tab.store.snapshot.ready) return;
  tab.store.mark(mark).catch(({ code }) => assert.ok(code === "forbidden" || code === "reset", code));
}

/**
 * @param {Tab} tab
 * @param {Browser} browser
 * @param {() => Promise<void>} quiet
 */
async function compare({ store, announced }, { hub }, quiet) {
  const { snapshot } = store;
  assert.equal(snapshot.status, "live");
  assert.equal(snapshot.rev, hub.rev);
  assert.equal(snapshot.pending, 0);
  assert.deepEqual(snapshot.counts, hub.counts());
  const ids = announced.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, "an item was announced twice");
  for (const filter of [{}, ...FILTERS]) {
    const feed = store.feed(filter);
    const off = feed.subscribe(() => {});
    await quiet();
    const shown = feed.snapshot;
    assert.deepEqual(shown.items, hub.list(filter).slice(0, shown.items.length), `a hole in ${JSON.stringify(filter)}`);
    while (feed.snapshot.hasOlder) {
      const older = feed.loadOlder();
      await quiet();
      await older;
    }
    assert.deepEqual(feed.snapshot.items, hub.list(filter), JSON.stringify(filter));
    off();
  }
}
