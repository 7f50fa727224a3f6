/** The built files: whole in themselves, lazy where the sources are, with small style sheets. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { bundles, minifiedStyles } from "../tools/bundle.js";

/** Imports of a minified module: [how, from where]. */
const IMPORTS = /\b(import\(|from|import)\s*["'`]((?:\.\.?\/)?[\w@/.${}-]+)["'`]/g;

test("a bundle imports nothing but lazy files that are built, too, and what is the page's own", async () => {
  const built = await bundles();
  for (const [name, text] of built) {
    for (const [, how, path = ""] of text.matchAll(IMPORTS)) {
      if (name === "hub-react.js" && how !== "import(") assert.ok(["react", "./hub-store.js"].includes(path), path);
      else assert.equal(how, "import(", `${name} imports ${path}`);
      if (!path.includes("${") && path !== "react") assert.ok(built.has(path.slice(2)), `${name} loads ${path}`);
    }
  }
});

test("the same sources give the same bytes", async () => {
  assert.deepEqual(await bundles(), await bundles());
});

test("style sheets in template literals lose what nobody reads, other literals lose nothing", async () => {
  const css =
    ':host {\n  --_line: var(--hub-line, light-dark(#fff,  #000));\n  margin: 0px;\n}\n/* why */\n.a::before {\n  content: "\\\\201c";\n}\n';
  const others = ["`${a} {b: c}`", "`a {\n  not css at all:\n}`", "`x`", "`{\n  b: c;\n}`"];
  const before = others.map((literal) => `f(${literal})`).join(";");
  assert.equal(
    await minifiedStyles(`${before};g(\`${css}\`);${before}`),
    `${before};g(\`:host{--_line:var(--hub-line,light-dark(#fff,#000));margin:0}.a:before{content:"“"}\`);${before}`,
  );
});
