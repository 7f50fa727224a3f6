/**
 * What a page loads, in bytes as they travel: gzip -9 of each file in `dist`, as the gateway sends it.
 *
 * node tools/sizes.js prints the table; `test/sizes.test.js` fails over a budget.
 */

import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const KIB = 1024;
/** The nearest rival's element has 42.4 KiB; a page should not notice ours. */
const ENTRIES = new Map([
  ["hub-client.js", 4 * KIB],
  ["hub-inbox.js", 14 * KIB], // with client and store, all default features, English and the styles
  ["hub-store.js", 8 * KIB], // with the client
]);
const LAZY = 4 * KIB;
/** What is over its budget, and may not grow until it is within it. */
const OVER = new Map([
  ["hub-inbox.js", 21_200],
  ["hub-store.js", 8_800],
]);

/**
 * @typedef {object} Size
 * @property {string} file
 * @property {number} raw bytes
 * @property {number} gzipped bytes
 * @property {number} budget bytes, gzipped
 */

/** @param {string | Buffer} content */
export const gzipped = (content) => gzipSync(content, { level: 9 }).length;

/** @returns {Promise<Size[]>} of every file, entries first */
export async function sizes() {
  const names = (await readdir(DIST)).sort(
    (a, b) => Number(ENTRIES.has(b)) - Number(ENTRIES.has(a)) || (a < b ? -1 : 1),
  );
  return Promise.all(
    names.map(async (file) => {
      const content = await readFile(DIST + file);
      return {
        file,
        raw: content.length,
        gzipped: gzipped(content),
        budget: OVER.get(file) ?? ENTRIES.get(file) ?? LAZY,
      };
    }),
  );
}

/** @param {Size[]} found */
export function table(found) {
  const number = (/** @type {number} */ n) => n.toLocaleString("en").padStart(9);
  const lines = found.map(
    ({ file, raw, gzipped, budget }) =>
      `${file.padEnd(24)}${number(raw)}${number(gzipped)}${number(budget)}${gzipped > budget ? `  ${gzipped - budget} too many` : ""}`,
  );
  return [
    `${"bytes".padEnd(24)}${"minified".padStart(9)}${"gzip -9".padStart(9)}${"budget".padStart(9)}`,
    ...lines,
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(await sizes()));
