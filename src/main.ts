#!/usr/bin/env node
/**
 * The one program: `understudy SUBCOMMAND`. This file only maps a subcommand to the module that runs it, imported
 * when asked for, so that no process loads what it does not use. It never decides anything.
 */
import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

/** Runs until the process should end and resolves to its exit code. */
type Run = (argv: readonly string[]) => Promise<number>;

/** Long-running processes; the CLI's own commands are registered in `cli/program.ts`. */
const PROCESSES: Readonly<Record<string, () => Promise<Run>>> = {
  controller: async () => (await import("./controller/main.ts")).runController,
  agent: async () => (await import("./nodeagent/guard/main.ts")).runAgent,
  "agent-worker": async () => (await import("./nodeagent/worker/main.ts")).runWorker,
  sandbox: async () => (await import("./sandbox/main.ts")).runSandbox,
  "sandbox-apiserver": async () => (await import("./sandbox/apiserver/main.ts")).runApiServerProcess,
};

async function main(argv: readonly string[]): Promise<number> {
  const load = PROCESSES[argv[0] ?? ""];
  if (load !== undefined) return (await load())(argv.slice(1));
  return (await import("./cli/program.ts")).runProgram(argv);
}

const modules = fileURLToPath(new URL("../node_modules", import.meta.url));
if (existsSync(modules)) enableCompileCache(`${modules}/.cache/understudy`);
process.exitCode = await main(process.argv.slice(2));
