/**
 * The three deployments behind an Azure load balancer with real processes: the verification of their guides. Namespaces where
 * they can be made, else loopback mode, in which Direct Server Return is not real.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { whyNoNamespaces } from "../../src/sandbox/launcher/namespaces.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const mode = (await whyNoNamespaces("f00f03")) === undefined ? "namespaces" : "loopback";

function play(scenario: string): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, "sandbox", "--scenario", scenario, "--mode", mode, "--json"],
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, output: code === 0 ? stdout : `${stdout}\n${stderr}` });
      },
    );
  });
}

const FAULTS = [
  { fault: "simulated-fault", from: "node1", to: "node2" },
  { fault: "crash", from: "node2", to: "node1" },
  { fault: "planned-move", from: "node1", to: "node2" },
];

describe(`an Azure load balancer (${mode})`, () => {
  it.each([
    { scenario: "azure-public-lb", faults: FAULTS, tags: "[REQ 5 azure-public-lb] [REQ 5.4 Public LB] [REQ 5.3.3]" },
    { scenario: "azure-internal-lb", faults: FAULTS, tags: "[REQ 5 azure-internal-lb] [REQ 5.4 Internal LB]" },
    {
      scenario: "azure-internal-lb-dsr",
      faults: [
        { fault: "captured-packets", from: "node1", to: "node1" },
        ...FAULTS,
        { fault: "frontend-removed", from: "node2", to: "node2" },
      ],
      tags: "[REQ 5 azure-internal-lb-dsr] [REQ 5.1 LB probe port DSR]",
    },
  ])(
    "leads clients of $scenario to the active member alone, whatever happens to it $tags",
    async ({ scenario, faults }) => {
      const { code, output } = await play(scenario);
      expect(code, output).toBe(0);
      const last = output.split("\n").findLast((line) => line.startsWith('{"scenario"'));
      expect(JSON.parse(last ?? "{}"), output).toMatchObject({
        scenario,
        passed: true,
        faults,
        maxSimultaneousActive: 1,
      });
      expect(output).toContain("3 reactivations were tried on node1 before the group moved");
    },
  );
});
