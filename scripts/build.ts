/**
 * `npm run build`: the bundle that the image ships (`dist/understudy.mjs` and its chunks). Every subcommand is a chunk
 * of its own, so that an agent never loads the controller or a cloud SDK.
 */
import { rmSync } from "node:fs";
import { build } from "esbuild";

/** Packages that are CommonJS inside call `require`, which an ES module has to make first. */
const REQUIRE_BANNER =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

rmSync("dist", { recursive: true, force: true });
const result = await build({
  entryPoints: { understudy: "src/main.ts" },
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node24",
  mainFields: ["module", "main"],
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  legalComments: "none",
  sourcemap: false,
  banner: { js: REQUIRE_BANNER },
  metafile: true,
  logLevel: "warning",
});
const bytes = Object.values(result.metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
console.log(
  `dist/understudy.mjs: ${Object.keys(result.metafile.outputs).length} files, ${Math.round(bytes / 1024)} KiB`,
);
