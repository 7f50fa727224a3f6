/** What a page loads stays within its budget. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { opened, sizes, table } from "../tools/sizes.js";

test("every file is within its budget, gzipped, and so is an open inbox", async () => {
  const found = await sizes();
  const over = [...found, opened(found)].filter(({ gzipped, budget }) => gzipped > budget);
  assert.deepEqual(over, [], `\n${table(found)}\n`);
});
