import { describe, expect, test } from "vitest";
import { awsDns } from "../../../test/builders/worker-group.ts";
import type { AzureDns, Condition } from "../../api/generated/types.ts";
import { nameFacts } from "./name-plan.ts";

function azureDns(record: string): AzureDns {
  const { monitor, timeouts, write } = awsDns().spec;
  return {
    metadata: { namespace: "ha", name: "dns" },
    spec: {
      resourceGroup: "TestGroup1",
      zone: "cluster1.zone",
      record,
      zoneType: "Public",
      addressType: "InternalIP",
      ttl: "1h",
      whenStopped: "Keep",
      monitor,
      timeouts,
      write,
    },
    status: { active: { node: "node1", epoch: 7 }, members: [{ node: "node1", address: "10.5.0.110" }] },
  };
}

const propagated = (status: Condition["status"], reason: string): Condition[] => [
  { type: "Propagated", status, reason, message: "", lastTransitionTime: "2026-01-01T00:00:00Z" },
];

describe("what to watch about a name", () => {
  test("the record's name without its last dot, the member's address, and the node's own resolvers", () => {
    expect(nameFacts(awsDns(), "node1")).toEqual({
      kind: "name",
      name: "srv.hz1.local",
      address: "10.0.1.10",
      servers: undefined,
      ttlMs: 10_000,
      settledEpoch: 5,
      version: "",
    });
  });

  test("a record that is itself wrong or missing is repaired first [REQ 5.3.3b]", () => {
    const wrong = (reason: string): Condition[] => [
      { type: "Ready", status: "False", reason, message: "", lastTransitionTime: "2026-01-01T00:00:00Z" },
    ];
    for (const reason of ["RecordMissing", "RecordWrong"])
      expect(nameFacts(awsDns({}, { conditions: wrong(reason) }), "node1")?.settledEpoch).toBeUndefined();
    expect(nameFacts(awsDns({}, { conditions: wrong("NotResolved") }), "node1")?.settledEpoch).toBe(5);
  });

  test("every write is another version: a change of Route 53, an ETag of Azure", () => {
    const change = { id: "C2", state: "InSync", submittedAt: "2026-01-01T00:00:00Z" } as const;
    expect(nameFacts(awsDns({}, { change }), "node1")?.version).toBe("C2");
    const azure = azureDns("www");
    expect(nameFacts({ ...azure, status: { ...azure.status, etag: "e7" } }, "node1")?.version).toBe("e7");
  });

  test.each([
    ["a fixed address", { address: "10.1.0.20" }, "10.1.0.20"],
    ["the user's for this member", { members: [{ node: "node1", address: "10.9.9.9" }] }, "10.9.9.9"],
    ["else what the controller found", {}, "10.0.1.10"],
  ])("where it should lead: %s", (_what, spec, address) => {
    expect(nameFacts(awsDns(spec), "node1")?.address).toBe(address);
  });

  test("servers that a person named, and nobody when resolution is Off", () => {
    const { monitor } = awsDns().spec;
    const named = awsDns({ monitor: { ...monitor, resolution: "Servers", resolvers: ["10.0.0.2"] } });
    expect(nameFacts(named, "node1")?.servers).toEqual(["10.0.0.2"]);
    expect(nameFacts(awsDns({ monitor: { ...monitor, resolution: "Off" } }), "node1")).toBeUndefined();
  });

  test.each([
    ["pending", { conditions: propagated("False", "Pending") }, undefined],
    ["slow", { conditions: propagated("False", "SlowPropagation") }, undefined],
    ["without a word about it, as where nothing had to be changed", { conditions: [] }, 5],
    ["applied for another member", { active: { node: "node2", epoch: 6 } }, undefined],
  ])("a record that is %s", (_what, status, epoch) => {
    expect(nameFacts(awsDns({}, status), "node1")?.settledEpoch).toBe(epoch);
  });

  test("the longer of the TTL that is wanted and the one on record counts", () => {
    expect(nameFacts(awsDns({}, { record: { ttl: 300 } }), "node1")?.ttlMs).toBe(300_000);
  });

  test("an Azure record is relative to its zone, and settled with its write [REQ 5.1 Azure DNS record and zone]", () => {
    expect(nameFacts(azureDns("test-record1"), "node1")).toMatchObject({
      name: "test-record1.cluster1.zone",
      address: "10.5.0.110",
      settledEpoch: 7,
    });
    expect(nameFacts(azureDns("@"), "node1")?.name).toBe("cluster1.zone");
  });
});
