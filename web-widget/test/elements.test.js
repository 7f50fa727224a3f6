/** What is declared for frameworks is what the elements say of themselves. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const read = (/** @type {string} */ name) => readFile(new URL(`../src/${name}`, import.meta.url), "utf8");

test("attributes and events are declared as the elements' comments list them", async () => {
  const sources = (await read("hub-inbox.js")) + (await read("hub-bell.js"));
  const declared = await read("hub-elements.d.ts");
  const names = (/** @type {string} */ text, /** @type {RegExp} */ pattern) =>
    [...new Set([...text.matchAll(pattern)].map(([, name]) => name))].sort();
  const attributes = declared.slice(0, declared.indexOf("export interface HubEvents"));
  const properties = ["getToken", "messages", "registration", "renderItem", "store"];
  assert.deepEqual(
    names(attributes, /[;{]\s+(?:\/\*\*.*\*\/\s+)?"?([\w-]+)"?\?:/g).filter((name) => !properties.includes(name ?? "")),
    names(sources, /@attr (\S+)/g),
  );
  assert.deepEqual(names(declared, /"(hub-[\w-]+)": CustomEvent/g), names(sources, /@fires (\S+)/g));
  assert.deepEqual(
    names(declared.slice(declared.indexOf("HTMLElementTagNameMap")), /"(hub-[\w-]+)": Hub/g),
    names(sources, /@element (\S+)/g),
  );
});
