/** What a person types: every command with its help, an example and its exit codes. Commands live in files of their own. */
import { Command } from "commander";
import { registerDump } from "./dump.ts";
import { registerExplain } from "./explain.ts";
import { registerMove } from "./move.ts";
import { registerPreflight } from "./preflight.ts";
import { registerStatus } from "./status.ts";
import { registerValidate } from "./validate.ts";

/** Exit codes shared by every command; each command's help repeats those it uses. */
export const EXIT = {
  ok: 0,
  /** The answer is no: a manifest has problems, a move was refused, a wait ran out. */
  negative: 1,
  /** Wrong usage, an unreadable file, or a cluster that cannot be reached. */
  usage: 2,
} as const;

const PROCESS_HELP = `
Processes (run by the chart and the sandbox):
  controller              reconciles the resources; leader-elected
  agent                   runs on every VM; starts agent-worker below it
  sandbox                 a virtual cloud on this machine: npm run demo
Each has --help of its own.`;

export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = new Command("understudy")
    .description("Keeps a service reachable at one address while the virtual machines under it fail.")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", PROCESS_HELP)
    .exitOverride();
  registerValidate(program);
  registerPreflight(program);
  registerStatus(program);
  registerMove(program);
  registerExplain(program);
  registerDump(program);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? EXIT.ok);
  } catch (thrown) {
    if (thrown instanceof Error && "exitCode" in thrown) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    throw thrown;
  }
}
