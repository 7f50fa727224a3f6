/** The package as others get it: what is in it, that it loads without a page, and how little of it a page needs. */

import assert from "node:assert/strict";
import { build } from "esbuild";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipped } from "../tools/sizes.js";

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL("../", import.meta.url));
const NAME = "@notification-hub/widget";
/** Where an app is that has the package and React installed. */
let app = "";

before(async () => {
  app = await mkdtemp(join(tmpdir(), "hub-app-"));
  const installed = join(app, "node_modules", NAME);
  await mkdir(installed, { recursive: true });
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", app], { cwd: PACKAGE });
  const tarball = join(app, JSON.parse(stdout)[0].filename);
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  for (const name of ["react", "react-dom", "scheduler"]) {
    await symlink(join(PACKAGE, "node_modules", name), join(app, "node_modules", name));
  }
  await writeFile(join(app, "package.json"), '{"type": "module"}');
});

after(() => rm(app, { recursive: true }));

/** @param {string} code of a module in the app @returns {Promise<string>} what it prints */
async function inNode(code) {
  return (await run(process.execPath, ["--input-type=module", "--eval", code], { cwd: app })).stdout;
}

/**
 * @param {string} code of a page's module
 * @returns {Promise<number>} bytes that it loads at first, gzipped
 */
async function inPage(code) {
  const { outputFiles = [] } = await build({
    stdin: { contents: code, resolveDir: app },
    bundle: true,
    splitting: true,
    outdir: "/out",
    format: "esm",
    minify: true,
    write: false,
    logLevel: "error",
    metafile: true,
  });
  const text = outputFiles.map((file) => [file.path, file.text]);
  const files = new Map(/** @type {[string, string][]} */ (text));
  /** @type {Set<string>} */
  const first = new Set(["/out/stdin.js"]);
  for (const path of first) {
    for (const [, name] of (files.get(path) ?? "").matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g))
      first.add(`/out/${name}`);
  }
  return [...first].reduce((sum, path) => sum + gzipped(files.get(path) ?? ""), 0);
}

test("every export has its file and its declarations, and there is nothing else", async () => {
  const root = join(app, "node_modules", NAME);
  const names = (await readdir(root)).sort();
  assert.deepEqual(names, ["README.md", "dist", "package.json", "src", "types"]);
  const { exports, dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  assert.equal(dependencies, undefined);
  const files = Object.values(exports).flatMap((target) =>
    typeof target === "string" ? target : Object.values(target),
  );
  for (const file of files.filter((name) => !name.includes("*"))) await readFile(join(root, file));
});

test("it loads in Node without a DOM, and touches nothing but storage before it is started", async () => {
  const code = `
    const found = new Set();
    for (const name of ["document", "window", "localStorage", "indexedDB", "customElements"]) {
      Object.defineProperty(globalThis, name, { configurable: true, get: () => void found.add(name) });
    }
    const { HubClient } = await import("${NAME}/client");
    const { HubStore } = await import("${NAME}/store");
    await import("${NAME}/push");
    await import("${NAME}/react");
    const options = { url: "https://hub.test", getToken: () => null };
    new HubClient(options);
    const { snapshot } = new HubStore(options);
    found.delete("localStorage"); // a store looks whether there is one
    delete globalThis.customElements;
    const { HubInbox } = await import("${NAME}");
    console.log(JSON.stringify([snapshot.status, snapshot.items, typeof HubInbox, [...found]]));`;
  assert.deepEqual(JSON.parse(await inNode(code)), ["stopped", [], "function", []]);
});

test("it renders on a server, with nothing in it yet", async () => {
  const code = `
    import { createElement as h } from "react";
    import { renderToString } from "react-dom/server";
    import { HubProvider, useCounts, useInbox, usePreferences, useArrivals } from "${NAME}/react";
    function Inbox() {
      const { items, status, hasOlder } = useInbox({ tag: "a" });
      useArrivals(() => {});
      return h("p", null, [items.length, status, hasOlder, useCounts().unread, usePreferences().choices].join());
    }
    const getToken = () => { throw new Error("asked on a server"); };
    console.log(renderToString(h(HubProvider, { getToken }, h(Inbox))));
    try { renderToString(h(Inbox)); } catch (error) { console.log(error.message); }`;
  assert.equal(
    await inNode(code),
    "<p>0,stopped,false,0,</p>\nThere is no &lt;HubProvider&gt; around this component.\n"
      .replace(/&lt;/, "<")
      .replace(/&gt;/, ">"),
  );
});

test("a page takes what it uses and no more", async () => {
  const client = await inPage(`import { HubClient } from "${NAME}/client"; new HubClient({ getToken }).start();`);
  const store = await inPage(`import { HubStore } from "${NAME}/store"; new HubStore({ getToken }).start();`);
  const both = await inPage(`import { HubStore } from "${NAME}/store"; import "${NAME}"; new HubStore({ getToken });`);
  const element = await inPage(`import "${NAME}";`);
  const nothing = await inPage(`import { HubClient } from "${NAME}/client"; import { HubStore } from "${NAME}/store";`);
  const dist = async (/** @type {string} */ name) => gzipped(await readFile(join(PACKAGE, "dist", name)));
  const slack = 1.03; // a bundler's own words, and style sheets as they were written
  assert.ok(client <= (await dist("hub-client.js")) * slack, `the client alone: ${client} bytes`);
  assert.ok(store <= (await dist("hub-store.js")) * slack, `the store: ${store} bytes`);
  assert.ok(element <= (await dist("hub-inbox.js")) * (slack + 0.05), `the element: ${element} bytes`);
  assert.ok(both <= element * slack, `element and store have one store: ${both} bytes, the element ${element}`);
  assert.ok(nothing < 100, `imported and not used: ${nothing} bytes`);
});
