// What mail clients make of the golden mails, by the data of caniemail.com.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { caniemail } from "caniemail";

const MAILS = new URL("../../tests/golden/mails/", import.meta.url);
/** @type {Parameters<typeof caniemail>[0]["clients"]} */
const CLIENTS = ["gmail.*", "apple-mail.*", "outlook.*", "yahoo.*"];

// Left out somewhere, and nothing is lost: corners are square, dark is what the client makes of it, margins are wide,
// and where the style sheet is dropped everything has its styles inline.
const GRACEFUL = new Set([
  "border-radius",
  "color-scheme CSS property",
  "color-scheme meta tag",
  "<style> element",
  "@media",
  "Attribute selector",
  "Class selector",
  "Descendant combinator",
  "Type selector",
  "<body> element", // becomes a <div>; the outer table has its colour too
  "role attribute",
  // Of the hidden preview line alone: where one is not known, another hides it.
  "display:none",
  "max-height property",
  "overflow",
]);

for (const name of readdirSync(MAILS).filter((file) => file.endsWith(".html"))) {
  test(`${name} uses only what mail clients show`, () => {
    const { issues } = caniemail({ clients: CLIENTS, html: readFileSync(new URL(name, MAILS), "utf8") });
    const lost = new Set();
    for (const [client, found] of issues.errors) {
      for (const { title } of found) if (!GRACEFUL.has(title)) lost.add(`${client}: ${title}`);
    }
    assert.deepEqual([...lost], []);
  });
}

test("what clients drop is found", () => {
  const html = `<div style="display:flex;position:fixed"><video src="https://example.com/x.mp4"></video></div>`;
  const { issues } = caniemail({ clients: CLIENTS, html });
  const found = new Set([...issues.errors.values()].flat().map(({ title }) => title));
  assert.ok(found.has("<video> element") || [...found].some((title) => title.includes("video")), [...found].join());
});
