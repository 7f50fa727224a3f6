/**
 * node tools/build.js [--check]
 *
 * Writes `dist/` (see bundle.js) and `types/` (declarations, made by tsc from JSDoc, and those for frameworks as they
 * were written) and what docs/ says of them (see reference.js). All are committed, because a gateway in a checkout
 * serves them, and who runs one may have no Node. With --check nothing is written: it fails where
 * they are not what the sources give.
 */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SOURCES, bundles } from "./bundle.js";
import { reference } from "./reference.js";

const PACKAGE = fileURLToPath(new URL("../", import.meta.url));
const check = process.argv.includes("--check");

/** @returns {Promise<Map<string, string>>} */
async function declarations() {
  const folder = await mkdtemp(join(tmpdir(), "hub-types-"));
  try {
    const tsc = join(PACKAGE, "node_modules/.bin/tsc");
    await promisify(execFile)(tsc, ["--project", join(PACKAGE, "tsconfig.types.json"), "--outDir", folder]);
    const written = [...(await contents(SOURCES))].filter(([name]) => name.endsWith(".d.ts"));
    return new Map([...(await contents(folder)), ...written]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * @param {string} folder
 * @returns {Promise<Map<string, string>>} of files by name; none where there is no such folder
 */
async function contents(folder) {
  const names = await readdir(folder).catch(() => /** @type {string[]} */ ([]));
  return new Map(
    await Promise.all(names.map(async (n) => /** @type {const} */ ([n, await readFile(join(folder, n), "utf8")]))),
  );
}

/** @param {string} name @param {Map<string, string>} wanted @returns {Promise<string[]>} what was not as it should be */
async function settle(name, wanted) {
  const folder = join(PACKAGE, name);
  const found = await contents(folder);
  const stale = [...new Set([...wanted.keys(), ...found.keys()])].filter((n) => wanted.get(n) !== found.get(n)).sort();
  if (!check) {
    await mkdir(folder, { recursive: true });
    for (const file of stale) {
      const text = wanted.get(file);
      await (text === undefined ? rm(join(folder, file)) : writeFile(join(folder, file), text));
    }
  }
  return stale.map((file) => `${name}/${file}`);
}

const stale = await settle("dist", await bundles());
try {
  const declared = await declarations();
  stale.push(...(await settle("types", declared)));
  const page = join(PACKAGE, "../docs/widget-reference.md");
  const text = reference(declared, await contents(SOURCES));
  if (text !== (await readFile(page, "utf8").catch(() => ""))) {
    stale.push("../docs/widget-reference.md");
    if (!check) await writeFile(page, text);
  }
} catch (error) {
  console.error(/** @type {{stdout?: string}} */ (error).stdout || /** @type {Error} */ (error).message); // what tsc minds
  process.exitCode = 1;
}
if (check && stale.length) {
  console.error(`web-widget/ is not built from its sources: ${stale.join(", ")}. Run: make widget`);
  process.exitCode = 1;
} else {
  for (const file of stale) console.log(`wrote web-widget/${file}`);
}
