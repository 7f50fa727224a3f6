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
  ["hub-inbox.js", 14 * KIB], // the elements with client and store; what is seen once the bell is pressed is lazy
  ["hub-store.js", 8.75 * KIB], // with the client
]);
const LAZY = 4 * KIB;
/** What a page has loaded when somebody reads the list: our own number, so that nothing only moves. */
export const OPENED = { files: ["hub-inbox.js", "hub-panel.js", "hub-feed.js", "hub-row.js"], budget: 24 * KIB };

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
        budget: ENTRIES.get(file) ?? LAZY,
      };
    }),
  );
}

/** @param {Size[]} found @returns {Size} of an inbox that is open, as the sum of its files */
export function opened(found) {
  const parts = found.filter(({ file }) => OPENED.files.includes(file));
  const sum = (/** @type {"raw" | "gzipped"} */ key) => parts.reduce((all, part) => all + part[key], 0);
  return { file: "an open inbox", raw: sum("raw"), gzipped: sum("gzipped"), budget: OPENED.budget };
}

/** @param {Size[]} found */
export function table(found) {
  const number = (/** @type {number} */ n) => n.toLocaleString("en").padStart(9);
  const lines = [...found, opened(found)].map(
    ({ file, raw, gzipped, budget }) =>
      `${file.padEnd(24)}${number(raw)}${number(gzipped)}${number(budget)}${gzipped > budget ? `  ${gzipped - budget} too many` : ""}`,
  );
  return [
    `${"bytes".padEnd(24)}${"minified".padStart(9)}${"gzip -9".padStart(9)}${"budget".padStart(9)}`,
    ...lines,
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(await sizes()));
