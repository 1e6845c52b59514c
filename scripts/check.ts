/** `npm run check`: format, lint, types, generated files, conventions and unit tests; under a minute. */
import { spawnSync } from "node:child_process";

const STEPS: readonly (readonly [string, readonly string[]])[] = [
  ["format", ["oxfmt", "--check", "."]],
  ["lint", ["oxlint", "--type-aware", "src", "test", "scripts", "bench"]],
  ["types", ["tsc", "--noEmit", "-p", "."]],
  ["generated files", ["node", "scripts/generate.ts", "--check"]],
  ["conventions", ["vitest", "run", "test/tidy", "--reporter=dot"]],
  ["unit tests", ["vitest", "run", "src", "--reporter=dot"]],
];

const failed: string[] = [];
for (const [name, [program = "", ...args]] of STEPS) {
  console.log(`> ${name}`);
  if (spawnSync(program, args, { stdio: ["ignore", "inherit", "inherit"] }).status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? "check: everything holds" : `check: failed: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
