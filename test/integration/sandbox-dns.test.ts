/** The deployments behind a name in Route 53 with real processes and a real name server. */
import { describe, expect, it } from "vitest";
import { modeFor, playScenario } from "./play-scenario.ts";

const mode = await modeFor("f00f05");

describe(`a name in Route 53 (${mode})`, () => {
  it("leads clients to the active member, is never absent in a move, and is repaired in place [REQ 5 aws-dns] [REQ 5.4 AWS DNS] [REQ 5.3.9] [REQ 5.2 AWS DNS slow to resolve]", async () => {
    const { code, output, result } = await playScenario("aws-dns", mode);
    expect(code, output).toBe(0);
    expect(result, output).toMatchObject({
      passed: true,
      faults: [
        { fault: "crash", from: "node1", to: "node2" },
        { fault: "planned-move", from: "node2", to: "node1" },
        { fault: "cut-off", from: "node1", to: "node2" },
        { fault: "record-deleted", from: "node2", to: "node2" },
        { fault: "record-changed", from: "node2", to: "node2" },
        { fault: "api-outage", from: "node2", to: "node2" },
      ],
      maxSimultaneousActive: 1,
    });
    expect(output.match(/srv\.hz1\.local\. was never absent/g)).toHaveLength(2);
  });

  it("carries real member addresses to clients beyond the VPC, the service after the record [REQ 5 aws-dns-direct-connect] [REQ 5.3.14]", async () => {
    const { code, output, result } = await playScenario("aws-dns-direct-connect", mode);
    expect(code, output).toBe(0);
    expect(result, output).toMatchObject({
      passed: true,
      faults: [
        { fault: "crash", from: "node1", to: "node2" },
        { fault: "planned-move", from: "node2", to: "node1" },
        { fault: "cut-off", from: "node1", to: "node2" },
        { fault: "record-deleted", from: "node2", to: "node2" },
        { fault: "link-down", from: "node2", to: "node2" },
      ],
      maxSimultaneousActive: 1,
    });
    expect(output.match(/service\.example\.com\. was never absent/g)).toHaveLength(2);
  });
});
