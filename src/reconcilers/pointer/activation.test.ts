import { describe, expect, it } from "vitest";
import { aGroup, GRANT } from "../../../test/builders/vip-seen.ts";
import type { FailoverGroup, GroupResource, MemberReport, ResourceState } from "../../api/generated/types.ts";
import { activationOf, holderReportOf } from "./activation.ts";

const EXEC = { start: { command: ["/a"], timeout: "60s" }, stop: { command: ["/a"], timeout: "60s" } };
const DNS: GroupResource = { kind: "AwsDns", name: "dns", onFailure: "Failover" };
const APP: GroupResource = { name: "app", exec: EXEC, onFailure: "Failover" };
const ADDRESS: GroupResource = { kind: "AwsVirtualIP", name: "awsvip1", onFailure: "Failover" };

type States = Readonly<Record<string, ResourceState>>;

/** `local`: what the holder reports; `joined`: the group's own view. */
function group(
  resources: readonly GroupResource[],
  local: States,
  joined: States = {},
  report: Partial<MemberReport> = {},
): FailoverGroup {
  const reported = Object.entries(local).map(([name, state]) => ({ name, state }));
  const views = Object.entries(joined).map(([name, state]) => ({ name, state, kind: "exec" as const }));
  const own: MemberReport = {
    node: "node2",
    session: "node2_s",
    epoch: 7,
    state: "Active",
    resources: reported,
    ...report,
  };
  const base = aGroup({ epoch: 7, active: GRANT, reports: [own], resources: views });
  return { ...base, spec: { ...base.spec, resources: [...resources] } };
}

function outcome(of: FailoverGroup): string {
  const activation = activationOf(of, "awsvip1");
  return activation.state === "Waiting" ? `Waiting ${activation.blockers.join(" ")}` : activation.state;
}

describe("a route is due", () => {
  const table: readonly (readonly [string, string, FailoverGroup])[] = [
    ["not while nobody holds the group", "Stopped", aGroup({ epoch: 7 })],
    ["when its address and the commands are up", "Due", group([APP, ADDRESS], { app: "Active", awsvip1: "Active" })],
    [
      "not before its own address is up",
      "Waiting awsvip1/local",
      group([APP, ADDRESS], { app: "Active", awsvip1: "Activating" }),
    ],
    [
      "not before the command is up",
      "Waiting app/local",
      group([APP, ADDRESS], { app: "Activating", awsvip1: "Active" }),
    ],
    [
      "not by a report of another epoch",
      "Waiting app/local awsvip1/local",
      group([APP, ADDRESS], { app: "Active", awsvip1: "Active" }, {}, { epoch: 6 }),
    ],
    [
      "not by a report of another session",
      "Waiting app/local awsvip1/local",
      group([APP, ADDRESS], { app: "Active", awsvip1: "Active" }, {}, { session: "node2_old" }),
    ],
    [
      "not by a report of another node",
      "Waiting app/local awsvip1/local",
      group([APP, ADDRESS], { app: "Active", awsvip1: "Active" }, {}, { node: "node1" }),
    ],
    [
      "not while it goes down",
      "Deactivating",
      group([APP, ADDRESS], { app: "Active", awsvip1: "Active" }, {}, { state: "Deactivating" }),
    ],
    ["not after it went down under this epoch", "Deactivating", group([APP, ADDRESS], {}, {}, { state: "Inactive" })],
    [
      "without the command when it depends on nothing",
      "Due",
      group([APP, { ...ADDRESS, dependsOn: [] }], { awsvip1: "Active" }),
    ],
    [
      "after another pointer that it names",
      "Waiting dns/cloud",
      group([DNS, { ...ADDRESS, dependsOn: ["dns"] }], { awsvip1: "Active" }, { dns: "Activating" }),
    ],
    [
      "once that pointer is active",
      "Due",
      group([DNS, { ...ADDRESS, dependsOn: ["dns"] }], { awsvip1: "Active" }, { dns: "Active" }),
    ],
    [
      "never in a cycle",
      "Waiting ",
      group(
        [
          { ...APP, dependsOn: ["awsvip1"] },
          { ...ADDRESS, dependsOn: ["app"] },
        ],
        { awsvip1: "Active", app: "Active" },
      ),
    ],
    ["never for a group that does not list it", "Stopped", group([APP], { app: "Active" })],
  ];
  it.each(table)("%s", (_when, expected, of) => expect(outcome(of)).toBe(expected));
});

describe("a missing address", () => {
  it("is what the holder says under this grant", () => {
    const lost = {
      resources: [{ name: "awsvip1", state: "Failed" as const, reason: "AddressMissing", message: "not on eth0" }],
    };
    expect(holderReportOf(group([ADDRESS], {}, {}, lost), "awsvip1")?.message).toBe("not on eth0");
    expect(holderReportOf(group([ADDRESS], {}, {}, { ...lost, epoch: 6 }), "awsvip1")).toBeUndefined();
    expect(holderReportOf(group([ADDRESS], { awsvip1: "Active" }), "awsvip1")?.reason).toBeUndefined();
  });
});
