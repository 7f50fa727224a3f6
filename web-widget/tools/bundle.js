/**
 * What the gateway serves and the package ships: one minified ES module per file that is loaded by its name.
 *
 * Each holds all that it imports statically. A relative `import("…")` stays as it is: a module that is loaded lazily
 * lies beside the one that loads it, on a gateway as in a folder. The same sources give the same bytes.
 */

import { transform, build } from "esbuild";
import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));

/** Loaded by name: entries of the page first, then what they load lazily. What is not written yet is not built. */
const LOADED =
  /^hub-(client|store|inbox|push|sw|react|sse|menu|panel|feed|row|preferences|push-prompt|toasts|locale-[a-z]+(-[a-z]+)?)\.js$/i;
/** A classic script, because `importScripts` takes no module; it imports nothing. */
const WORKER = "hub-sw.js";
/** Hooks and store are two files, so that a page with both has one store; React is the page's own. */
/** @type {Record<string, string[]>} */
const BESIDE = { "hub-react.js": ["react", "./hub-store.js"] };

const IMPORT = "__import_as_it_is";

/** @type {import("esbuild").Plugin} */
const LAZY = {
  name: "lazy modules stay where they are",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\.\// }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path, external: true } : undefined,
    );
    // Of a name with a variable esbuild would make a table of the files that there are now.
    onLoad({ filter: /[\\/]src[\\/]hub-[^\\/]*\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replaceAll("import(`./", `${IMPORT}(\`./`),
    }));
  },
};

/** @returns {Promise<string[]>} names of the files in `dist`, sorted */
export async function loaded() {
  return (await readdir(SOURCES)).filter((name) => LOADED.test(name)).sort();
}

/**
 * @returns {Promise<Map<string, string>>} the text of every bundle by its file's name
 * @throws {Error} a source that esbuild cannot read
 */
export async function bundles() {
  const names = await loaded();
  return new Map(await Promise.all(names.map(async (name) => /** @type {const} */ ([name, await bundle(name)]))));
}

/** @param {string} name */
async function bundle(name) {
  /** @type {import("esbuild").BuildOptions} */
  const asModule = {
    bundle: true,
    format: "esm",
    external: BESIDE[name] ?? [],
    plugins: [LAZY],
  };
  const { outputFiles = [] } = await build({
    entryPoints: [SOURCES + name],
    write: false,
    minify: true,
    charset: "utf8",
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
    ...(name === WORKER ? {} : asModule),
  });
  return minifiedStyles(/** @type {import("esbuild").OutputFile} */ (outputFiles[0]).text.replaceAll(IMPORT, "import"));
}

/**
 * Style sheets are template literals, which a bundler leaves as they were written. One is known by its rules: it has
 * some, nothing is put into it, and esbuild reads all of it as CSS without a doubt.
 *
 * @param {string} script minified, so that it has no comments
 */
export async function minifiedStyles(script) {
  let text = "";
  let done = 0;
  for (let at = script.indexOf("`"); at >= 0; at = script.indexOf("`", Math.max(at + 1, done))) {
    const [literal, inner] = /^`((?:[^`\\$]|\\.|\$(?!\{))*)`/s.exec(script.slice(at)) ?? [];
    if (!literal || !inner || !/^[^;{}]+\{.*\}\s*$/s.test(inner)) continue;
    const css = inner.replace(/\\([\\`$])/g, "$1");
    const options = /** @type {const} */ ({ loader: "css", minify: true, charset: "utf8", logLevel: "silent" });
    const { code, warnings } = await transform(css, options);
    if (warnings.length) continue;
    // esbuild leaves custom properties as they are; what only separates in them may go.
    const sheet = code
      .trimEnd()
      .replace(/(--[\w-]+):\s*([^;}"']*)/g, (_, name, value) => `${name}:${value.replace(/,\s+/g, ",")}`);
    text += script.slice(done, at) + "`" + sheet.replace(/[\\`]|\$(?=\{)/g, "\\$&") + "`";
    done = at + literal.length;
  }
  return text + script.slice(done);
}
