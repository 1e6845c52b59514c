/** `understudy explain GROUP`: why it is where it is, and what would happen if its active member died now. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { messageOf } from "../lib/errors.ts";
import { type Dump, seenInDump, takenInstant, whatIsWrongWithDump } from "../reconcilers/failover-group/dump.ts";
import { explainGroup, type Explanation } from "../reconcilers/failover-group/explain.ts";
import { explainFailure } from "./cluster.ts";
import { type DumpOptions, takeDump, withDumpFlags } from "./dump.ts";
import { renderTable } from "./table.ts";

interface ExplainOptions extends DumpOptions {
  readonly from?: string;
  readonly output: string;
}

const HELP = `
Example:
  understudy explain failover1 -n ha

Asks the same code that decides; takes a few seconds, since who lives can only be seen by waiting.

Exit codes: 0 a failover would succeed, 1 it would not (or nobody is active), 2 no such group, wrong usage or no cluster.`;

export function registerExplain(program: Command): void {
  withDumpFlags(program.command("explain"))
    .description("why a group is where it is, and what would happen if its active member died now")
    .argument("<group>", "the group")
    .option("--from <file>", "explain from a dump (understudy dump), without a cluster")
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText("after", HELP)
    .action(async (group: string, options: ExplainOptions) => {
      process.exitCode = await runExplain(group, options);
    });
}

async function runExplain(name: string, options: ExplainOptions): Promise<number> {
  try {
    if (options.output !== "text" && options.output !== "json")
      throw new Error(`--output is text or json, not ${options.output}`);
    const dump = options.from === undefined ? await takeDump(options) : await readDump(options.from);
    const namespace =
      options.namespace ?? dump.groups.find((group) => group.metadata.name === name)?.metadata.namespace ?? "default";
    const seen = await seenInDump(dump, { namespace, name });
    if (seen === undefined) {
      console.error(
        `understudy explain: no group ${name} in namespace ${namespace}; there are: ${dump.groups.map((group) => group.metadata.name).join(", ") || "none"}`,
      );
      return 2;
    }
    const explanation = explainGroup(seen, takenInstant(dump));
    console.log(
      options.output === "json" ? JSON.stringify(explanation, null, 2) : renderExplanation(explanation).join("\n"),
    );
    return explanation.wouldFollow ? 0 : 1;
  } catch (thrown) {
    console.error(`understudy explain: ${explainFailure(thrown)}`);
    return 2;
  }
}

async function readDump(file: string): Promise<Dump> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, "utf8"));
  } catch (thrown) {
    throw new Error(`${file}: ${messageOf(thrown)}`, { cause: thrown });
  }
  const wrong = whatIsWrongWithDump(parsed);
  if (wrong !== undefined) throw new Error(`${file}: ${wrong}`);
  return parsed as Dump;
}

export function renderExplanation(explanation: Explanation): string[] {
  const { group, where, ifActiveDied, next, members, blocks, timings } = explanation;
  const rows = members.map((member) => [
    member.node,
    member.state,
    member.session,
    [member.reason, member.message].filter((text) => text !== undefined && text !== "").join(": "),
  ]);
  return [
    `${group} is ${where}`,
    "",
    ...(ifActiveDied === undefined ? [] : [`If its active member died now: ${ifActiveDied}`]),
    `What the controller does next: ${next}`,
    "",
    ...renderTable([["MEMBER", "STATE", "SESSION", "WHY"], ...rows], "  "),
    "",
    ...(blocks.length === 0
      ? ["Nothing blocks a failover."]
      : ["What blocks what:", ...blocks.map((block) => `  - ${block}`)]),
    "",
    "Timings in force:",
    ...timings.map((timing) => `  - ${timing}`),
  ];
}
