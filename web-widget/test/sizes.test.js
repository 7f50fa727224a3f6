/** What a page loads stays within its budget. */

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import { opened, sizes, table } from "../tools/sizes.js";

test("every file is within its budget, gzipped, and so is an open inbox", async () => {
  const found = await sizes();
  const over = [...found, opened(found)].filter(({ gzipped, budget }) => gzipped > budget);
  assert.deepEqual(over, [], `\n${table(found)}\n`);
});

test("the README says what the element weighs, and where everything is", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const found = await sizes();
  const bell = found.find(({ file }) => file === "hub-inbox.js");
  const [, whole, alone] = /this one \| (\d+), the bell alone (\d+) \|/.exec(readme) ?? [];
  assert.deepEqual(
    [whole, alone],
    [opened(found), bell].map((size) => String(Math.ceil((size?.gzipped ?? 0) / 1024))),
  );
  const told = readme.replace(/hub-locale-\{([\w,]+)\}/, (_, all) => all.replace(/\w+/g, "hub-locale-$&.js"));
  const files = await readdir(new URL("../src/", import.meta.url));
  assert.deepEqual(
    files.filter((name) => !told.includes(name)),
    [],
  );
});
