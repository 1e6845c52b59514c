import { describe, expect, it } from "vitest";
import {
  activationOrder,
  readyToActivate,
  readyToDeactivate,
  type ActivationOrder,
  type ResourceHalf,
} from "./activation-order.ts";
import type { GroupResource } from "./generated/types.ts";
import type { ResourceKind } from "./kinds.ts";

function object(kind: ResourceKind, name: string, dependsOn?: string[]): GroupResource {
  return { kind, name, onFailure: "Failover", dependsOn };
}

function command(name: string, dependsOn?: string[]): GroupResource {
  const step = { command: [`/bin/${name}`], timeout: "60s" };
  return { name, onFailure: "Failover", dependsOn, exec: { start: step, stop: step } };
}

function ordered(...resources: GroupResource[]): readonly ResourceHalf[] {
  const order: ActivationOrder = activationOrder({ resources });
  if (order.type !== "Ordered") throw new Error(JSON.stringify(order));
  return order.halves;
}

const ids = (halves: readonly ResourceHalf[]): string[] => halves.map(({ id }) => id);
const plan = (halves: readonly ResourceHalf[]): Record<string, readonly string[]> =>
  Object.fromEntries(halves.map(({ id, after }) => [id, after]));

describe("the default order", () => {
  it("is storage, local addresses, commands in list order, pointers", () => {
    const halves = ordered(
      object("AwsVirtualIP", "vip"),
      command("app"),
      object("LbProbePort", "probe"),
      command("worker"),
      object("MirrorDisk", "md"),
      object("AwsDns", "dns"),
    );
    expect(plan(halves)).toEqual({
      "md/local": [],
      "vip/local": ["md/local"],
      "app/local": ["md/local", "vip/local"],
      "worker/local": ["md/local", "vip/local", "app/local"],
      "vip/cloud": ["md/local", "app/local", "worker/local", "vip/local"],
      "probe/local": ["md/local", "app/local", "worker/local"],
      "dns/cloud": ["md/local", "app/local", "worker/local"],
    });
    expect(ids(halves)[0]).toBe("md/local");
    for (const [index, { after }] of halves.entries()) {
      expect(ids(halves.slice(0, index))).toEqual(expect.arrayContaining([...after]));
    }
  });

  it("lets independent pointers come up at the same time", () => {
    const halves = ordered(object("AwsElasticIP", "eip"), object("AzureDns", "dns"));
    expect(ids(readyToActivate(halves, new Set()))).toEqual(["eip/cloud", "dns/cloud"]);
  });
});

describe("dependsOn", () => {
  it("replaces the default: the service of guide 004 starts after the record", () => {
    const halves = ordered(
      object("MirrorDisk", "md"),
      object("AwsDns", "route53", ["md"]),
      command("service", ["route53"]),
    );
    expect(ids(halves)).toEqual(["md/local", "route53/cloud", "service/local"]);
  });

  it("waits for both halves of a virtual IP", () => {
    const halves = ordered(object("AwsVirtualIP", "vip", []), command("app", ["vip"]));
    expect(plan(halves)["app/local"]).toEqual(["vip/local", "vip/cloud"]);
  });

  it("holds back the local half of a virtual IP for storage only", () => {
    const halves = ordered(
      object("MirrorDisk", "md"),
      command("app", ["md"]),
      object("AwsVirtualIP", "vip", ["md", "app"]),
    );
    expect(plan(halves)).toMatchObject({
      "vip/local": ["md/local"],
      "vip/cloud": ["md/local", "app/local", "vip/local"],
    });
  });

  it("may be empty: nothing is waited for", () => {
    expect(plan(ordered(object("MirrorDisk", "md"), command("app", []))).app).toBeUndefined();
    expect(plan(ordered(object("MirrorDisk", "md"), command("app", [])))["app/local"]).toEqual([]);
  });
});

describe("what cannot be ordered", () => {
  it.each<[string, GroupResource[], ActivationOrder]>([
    [
      "two that wait for each other",
      [command("a", ["b"]), command("b", ["a"])],
      { type: "Cyclic", cycle: ["a", "b", "a"] },
    ],
    [
      "a longer cycle beside resources that are fine",
      [object("MirrorDisk", "md"), command("a", ["c"]), command("b", ["a"]), command("c", ["b", "md"])],
      { type: "Cyclic", cycle: ["a", "c", "b", "a"] },
    ],
    [
      "a command after a pointer that waits for all commands by default",
      [object("AwsDns", "dns"), command("app", ["dns"])],
      { type: "Cyclic", cycle: ["dns", "app", "dns"] },
    ],
    ["a stranger", [command("a", ["x"])], { type: "UnknownDependency", resource: "a", dependency: "x" }],
    ["itself", [command("a", ["a"])], { type: "Cyclic", cycle: ["a", "a"] }],
  ])("names %s", (_name, resources, expected) => {
    expect(activationOrder({ resources })).toEqual(expected);
  });
});

describe("going down", () => {
  const halves = ordered(object("MirrorDisk", "md"), command("app"), object("AwsVirtualIP", "vip"));

  it("is the reverse of coming up", () => {
    const active = new Set(ids(halves));
    const down: string[][] = [];
    while (active.size > 0) {
      const next = ids(readyToDeactivate(halves, active));
      down.push(next);
      for (const id of next) active.delete(id);
    }
    expect(down).toEqual([["vip/cloud"], ["app/local"], ["vip/local"], ["md/local"]]);
  });

  it("keeps the order of local halves when the cloud halves between them are not counted", () => {
    const chain = ordered(command("base", []), object("AwsDns", "dns", ["base"]), command("top", ["dns"]));
    expect(ids(readyToDeactivate(chain, new Set(["base/local", "top/local"])))).toEqual(["top/local"]);
    expect(ids(readyToDeactivate(chain, new Set(["base/local"])))).toEqual(["base/local"]);
  });
});
