import { describe, expect, test } from "vitest";
import {
  APP,
  PROBE,
  probePort,
  VIP,
  virtualIp,
  workerGroup,
  workerObjects,
} from "../../../test/builders/worker-group.ts";
import type { GroupResource } from "../../api/generated/types.ts";
import { type PartPlan, planIdentity, planParts, type ResourceObjects } from "./part-plan.ts";

function plans(resources: readonly GroupResource[], objects: Partial<ResourceObjects> = {}): PartPlan[] {
  return planParts(workerGroup({ resources }), { ...workerObjects, ...objects }, "node1");
}

const keysOf = (found: readonly PartPlan[]): string[] => found.map((plan) => `${plan.kind} ${plan.key}`);

describe("what a group means on this node", () => {
  test("the default order: address, command, probe port", () => {
    const [vip, app, probe] = plans([VIP, APP, PROBE]);
    expect(vip).toMatchObject({ kind: "address", address: "10.1.0.20", needs: [], missingReason: "AddressMissing" });
    expect(app).toMatchObject({
      kind: "command",
      start: ["/etc/understudy/exec.d/app", "start"],
      startTimeoutMs: 60_000,
      needs: [{ half: "local", part: "vip" }],
    });
    expect(probe).toMatchObject({ kind: "probe-port", port: 26001, needs: [{ half: "local", part: "app" }] });
  });

  test("a command that depends on a pointer waits for both of its halves", () => {
    const [, app] = plans([
      { ...VIP, dependsOn: [] },
      { ...APP, dependsOn: ["vip"] },
    ]);
    expect(app?.needs).toEqual([
      { half: "local", part: "vip" },
      { half: "cloud", resource: "vip" },
    ]);
  });

  test("a kind that works in the cloud only has no part here", () => {
    expect(
      plans([
        { kind: "AwsDns", name: "a-record-that-nobody-knows", onFailure: "Failover" },
        { kind: "AwsElasticIP", name: "eip", onFailure: "Failover" },
      ]),
    ).toEqual([]);
  });

  test("a kind that this version does not carry out is a part that says so, and what needs it waits", () => {
    const found = plans([{ kind: "MirrorDisk", name: "md", onFailure: "Failover" }, APP]);
    expect(found).toMatchObject([
      { kind: "refused", reason: "NotImplemented" },
      { kind: "command", needs: [{ half: "local", part: "md" }] },
    ]);
  });

  test("an object that does not exist, and a cycle, are parts that say so", () => {
    expect(plans([{ ...VIP, name: "nope" }])).toMatchObject([
      { kind: "refused", reason: "ResourceNotFound", message: "AwsVirtualIP ha/nope does not exist" },
    ]);
    const cyclic = plans([
      { ...VIP, dependsOn: ["app"] },
      { ...APP, dependsOn: ["vip"] },
    ]);
    expect(cyclic.map((plan) => plan.kind)).toEqual(["refused", "refused"]);
    expect(cyclic[0]).toMatchObject({ reason: "CyclicDependency" });
  });

  test("the interface is the user's, then the one that the controller found", () => {
    const own = virtualIp();
    const object = {
      ...own,
      spec: { ...own.spec, members: [{ node: "node1", interface: "ens5" }] },
      status: {
        members: [
          { node: "node1", interface: "ens6" },
          { node: "node2", interface: "eth9" },
        ],
      },
    };
    expect(plans([VIP], { virtualIp: () => object })).toMatchObject([{ interfaces: ["ens5", "ens6"] }]);
  });

  test("the frontend of Direct Server Return is on the loopback before the service, the probe port after it", () => {
    const own = probePort();
    const found = plans([APP, PROBE], {
      probePort: () => ({ ...own, spec: { ...own.spec, dsr: { frontendAddress: "10.5.0.200" } } }),
    });
    expect(keysOf(found)).toEqual(["command app", "address probe#frontend", "probe-port probe"]);
    expect(found[0]?.needs).toEqual([{ half: "local", part: "probe#frontend" }]);
    expect(found[1]).toMatchObject({ interfaces: ["lo"], needs: [], missingReason: "FrontendMissing" });
    expect(found[2]?.needs).toEqual([
      { half: "local", part: "app" },
      { half: "local", part: "probe#frontend" },
    ]);
  });

  test("a service that names what it depends on waits for the frontend only when it names the probe port", () => {
    const own = probePort();
    const dsr = { probePort: () => ({ ...own, spec: { ...own.spec, dsr: { frontendAddress: "10.5.0.200" } } }) };
    expect(plans([{ ...APP, dependsOn: [] }, PROBE], dsr)[0]?.needs).toEqual([]);
    const [app] = plans(
      [
        { ...APP, dependsOn: ["probe"] },
        { ...PROBE, dependsOn: [] },
      ],
      dsr,
    );
    expect(app?.needs).toEqual([
      { half: "local", part: "probe#frontend" },
      { half: "local", part: "probe" },
    ]);
  });

  test("a command without monitor is never read", () => {
    const { exec } = APP;
    if (exec === undefined) throw new Error("the builder has an exec resource");
    const { monitor: _monitor, ...rest } = exec;
    expect(plans([{ ...APP, exec: rest }])[0]?.monitor).toBeUndefined();
    expect(plans([APP])[0]?.monitor).toMatchObject({ intervalMs: 10_000, retries: 2, retryIntervalMs: 2_000 });
  });
});

test("only what occupies something else on the host is restarted by an edit", () => {
  const before = plans([VIP, APP, PROBE]).map(planIdentity);
  const edited = plans(
    [
      VIP,
      {
        ...APP,
        exec: {
          start: { command: ["/etc/understudy/exec.d/other"], timeout: "5s" },
          stop: { command: ["/x"], timeout: "5s" },
        },
      },
      PROBE,
    ],
    {
      probePort: () => probePort("probe", 26002),
    },
  ).map(planIdentity);
  expect(edited.map((identity, index) => identity === before[index])).toEqual([true, true, false]);
});
