/** The deployments with an Elastic IP and in two regions, and what is announced beforehand, with real processes. */
import { describe, expect, it } from "vitest";
import { modeFor, playScenario } from "./play-scenario.ts";

const mode = await modeFor("f00f06");

describe(`deployments on AWS (${mode})`, () => {
  it("an Elastic IP follows the active member, is put right in place, and stays while EC2 is away [REQ 5 aws-elastic-ip] [REQ 5.4 AWS EIP]", async () => {
    const { code, output, result } = await playScenario("aws-elastic-ip", mode);
    expect(code, output).toBe(0);
    expect(result, output).toMatchObject({
      passed: true,
      faults: [
        { fault: "crash", from: "node1", to: "node2" },
        { fault: "planned-move", from: "node2", to: "node1" },
        { fault: "cut-off", from: "node1", to: "node2" },
        { fault: "drift", from: "node2", to: "node2" },
        { fault: "api-outage", from: "node2", to: "node2" },
      ],
      maxSimultaneousActive: 1,
    });
  });

  it("a name leads to the region that is left, in the seven steps of the guide [REQ 5 aws-multi-region] [REQ 5.4 Multi-region] [REQ 5.3.15]", async () => {
    const { code, output, result } = await playScenario("aws-multi-region", mode);
    expect(code, output).toBe(0);
    expect(result, output).toMatchObject({
      passed: true,
      faults: [
        { fault: "server-a-shut-down", from: "server-a", to: "server-b" },
        { fault: "server-b-shut-down", from: "server-b", to: "server-a" },
        { fault: "region-crash", from: "server-a", to: "server-b" },
      ],
      maxSimultaneousActive: 1,
    });
    expect(output.match(/has joined again as the standby/g)).toHaveLength(3);
    expect(output.match(/was never absent/g)).toHaveLength(3);
  });

  it.skipIf(mode === "loopback")("what is announced is a move in order: a reboot, a shutdown, a drain", async () => {
    const { code, output, result } = await playScenario("planned-events", mode);
    expect(code, output).toBe(0);
    expect(result, output).toMatchObject({
      passed: true,
      faults: [
        { fault: "scheduled-reboot", from: "node1", to: "node2" },
        { fault: "shutdown", from: "node2", to: "node1" },
        { fault: "drain", from: "node1", to: "node2" },
      ],
      maxSimultaneousActive: 1,
    });
  });
});

describe.skipIf(mode === "loopback")("maintenance that Azure announces", () => {
  it("is a move in order that is approved afterwards, and a freeze that moves nothing [REQ 5.3.11]", async () => {
    const { code, output, result } = await playScenario("azure-planned-events", mode);
    expect(code, output).toBe(0);
    expect(result, output).toMatchObject({
      passed: true,
      faults: [
        { fault: "redeploy", from: "node1", to: "node2" },
        { fault: "announced-freeze", from: "node2", to: "node2" },
      ],
      maxSimultaneousActive: 1,
    });
  });
});
