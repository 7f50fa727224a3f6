import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { localText, snoozeChoices, workingWeek } from "../src/hub-snooze.js";

const zone = process.env.TZ;

afterEach(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

/** @param {string} timezone @param {string} now on its clock @param {number} [firstDay] */
function offered(timezone, now, firstDay) {
  process.env.TZ = timezone;
  return Object.fromEntries(snoozeChoices(new Date(now), firstDay).map(({ name, at }) => [name, localText(at)]));
}

test("on a Wednesday morning there are all four, in time order", () => {
  assert.deepEqual(Object.entries(offered("Europe/Berlin", "2026-11-25T10:30")), [
    ["inAnHour", "2026-11-25T11:30"],
    ["thisEvening", "2026-11-25T18:00"],
    ["tomorrow", "2026-11-26T09:00"],
    ["nextWeek", "2026-11-30T09:00"],
  ]);
});

test("the evening comes before an hour from now when it is nearer, and not at all once it has come", () => {
  assert.deepEqual(Object.keys(offered("UTC", "2026-11-25T17:30")), [
    "thisEvening",
    "inAnHour",
    "tomorrow",
    "nextWeek",
  ]);
  for (const time of ["18:00", "18:01", "23:59"]) {
    assert.equal(offered("UTC", `2026-11-25T${time}`).thisEvening, undefined, time);
  }
});

test("around midnight, tomorrow is the next day of the calendar", () => {
  assert.equal(offered("UTC", "2026-12-31T23:59").tomorrow, "2027-01-01T09:00");
  assert.equal(offered("UTC", "2027-01-01T00:00").tomorrow, "2027-01-02T09:00");
  assert.equal(offered("UTC", "2026-12-31T23:30").inAnHour, "2027-01-01T00:30");
});

test("nine o'clock stays nine o'clock when the clocks change in between", () => {
  // Berlin goes back an hour in the night to 2026-10-25, and forward in the one to 2027-03-28.
  assert.equal(offered("Europe/Berlin", "2026-10-24T12:00").tomorrow, "2026-10-25T09:00");
  assert.equal(offered("Europe/Berlin", "2027-03-27T12:00").tomorrow, "2027-03-28T09:00");
  assert.equal(offered("Europe/Berlin", "2027-03-24T12:00").nextWeek, "2027-03-29T09:00");
});

test("an hour is an hour while the clocks change", () => {
  process.env.TZ = "Europe/Berlin";
  for (const now of ["2026-10-25T00:30:00Z", "2027-03-28T00:30:00Z"]) {
    const choice = snoozeChoices(new Date(now)).find(({ name }) => name === "inAnHour");
    assert.equal(Number(choice?.at) - Date.parse(now), 3_600_000);
  }
  assert.equal(offered("Europe/Berlin", "2027-03-28T01:30").inAnHour, "2027-03-28T03:30");
});

test("midnight may not exist: Beirut skips it, and its tomorrow is still at nine", () => {
  assert.equal(offered("Asia/Beirut", "2026-03-28T20:00").tomorrow, "2026-03-29T09:00");
});

test("the day before the working week, tomorrow is next week, and is offered once", () => {
  assert.equal(offered("UTC", "2026-11-29T10:00").nextWeek, undefined, "a Sunday, to weeks of Monday");
  assert.equal(offered("UTC", "2026-11-29T10:00", 7).nextWeek, "2026-12-06T09:00", "a Sunday, to weeks of Sunday");
  assert.equal(offered("UTC", "2026-11-28T10:00", 7).nextWeek, undefined);
  assert.equal(offered("UTC", "2026-11-30T08:00").nextWeek, "2026-12-07T09:00", "on a Monday it is the next one");
});

test("a working week begins after the weekend of the place", () => {
  for (const [language, day] of /** @type {const} */ ([
    ["de", 1],
    ["en-US", 1],
    ["he-IL", 7],
    ["ar-EG", 7],
    ["fa-IR", 6],
  ])) {
    assert.equal(workingWeek(language), day, language);
  }
});
