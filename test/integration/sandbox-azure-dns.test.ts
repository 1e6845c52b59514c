/** The deployment behind a name in Azure DNS with real processes, a real name server and TLS: guide 001, 4.5. */
import { describe, expect, it } from "vitest";
import { modeFor, playScenario } from "./play-scenario.ts";

const mode = await modeFor("f00f07");

describe(`a name in Azure DNS (${mode})`, () => {
  it("leads clients to the active member, is never absent in a move, is repaired in place, and moves when that is refused [REQ 5 azure-dns] [REQ 5.4 Azure DNS] [REQ 5.3.3b] [REQ 5.3.9]", async () => {
    const { code, output, result } = await playScenario("azure-dns", mode);
    expect(code, output).toBe(0);
    expect(result, output).toMatchObject({
      passed: true,
      faults: [
        { fault: "crash", from: "node1", to: "node2" },
        { fault: "planned-move", from: "node2", to: "node1" },
        { fault: "record-deleted", from: "node1", to: "node1" },
        { fault: "repair-refused", from: "node1", to: "node2" },
        { fault: "api-outage", from: "node2", to: "node2" },
      ],
      maxSimultaneousActive: 1,
    });
    expect(output).toContain("test-record1.cluster1.zone was never absent");
  });
});
