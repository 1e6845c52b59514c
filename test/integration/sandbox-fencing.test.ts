/** Fencing with real processes: lost members are stopped through the EC2 API, and nothing moves while it refuses. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { whyNoNamespaces } from "../../src/sandbox/launcher/namespaces.ts";
import { leftoversOf } from "./host-state.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const mode = (await whyNoNamespaces("f00f02")) === undefined ? "namespaces" : "loopback";

it(`scenario fencing in mode ${mode}: proof before every grant, and never two active`, async () => {
  const output = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      [MAIN, "sandbox", "--scenario", "fencing", "--mode", mode, "--json"],
      (_error, stdout, stderr) => resolve(`${stderr}\n${stdout}`),
    );
  });
  const last = output.split("\n").findLast((line) => line.startsWith('{"scenario"'));
  const result: unknown = JSON.parse(last ?? "{}");
  expect(result, output).toMatchObject({
    scenario: "fencing",
    faults: [
      { fault: "fenced-freeze", from: "node1", to: "node2" },
      { fault: "unproven-crash", from: "node2", to: "node1" },
    ],
    maxSimultaneousActive: 1,
  });
  expect(output).not.toContain("was granted the group although");
  expect(output.match(/EC2 has stopped/g)).toHaveLength(2);
  expect(leftoversOf(/understudy sandbox ([0-9a-f]{6})/.exec(output)?.[1] ?? "")).toEqual([]);
});
