/** node test/consumer/build.js FILE: prints an example as an app's bundler makes it, with this package as installed. */

import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compileScript, parse } from "vue/compiler-sfc";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

/** @type {import("esbuild").Plugin} */
const APP = {
  name: "what the app has installed",
  setup({ onLoad, onResolve, resolve }) {
    onResolve({ filter: /^[^.]/ }, ({ path, kind, pluginData }) =>
      kind === "entry-point" || pluginData === APP
        ? undefined
        : resolve(path, { kind, resolveDir: PACKAGE, pluginData: APP }),
    );
    onLoad({ filter: /\.vue$/ }, async ({ path }) => {
      const { descriptor } = parse(await readFile(path, "utf8"), { filename: path });
      const compilerOptions = { isCustomElement: (/** @type {string} */ tag) => tag.startsWith("hub-") };
      return {
        contents: compileScript(descriptor, { id: path, inlineTemplate: true, templateOptions: { compilerOptions } })
          .content,
      };
    });
  },
};

const { outputFiles } = await build({
  entryPoints: [process.argv[2] ?? ""],
  bundle: true,
  format: "esm",
  jsx: "automatic",
  define: {
    "process.env.NODE_ENV": '"production"',
    __VUE_OPTIONS_API__: "false",
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
  },
  plugins: [APP],
  write: false,
  logLevel: "error",
});
process.stdout.write(outputFiles[0]?.contents ?? "");
