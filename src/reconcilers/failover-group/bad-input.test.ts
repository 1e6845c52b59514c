/** What users get wrong: each ends in a condition with reason, object and remedy, and in an Event; the rest goes on. */
import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";
import type { FailoverGroup } from "./types.ts";

const isTold = (world: ControllerWorld, reason: string): boolean => world.told.some((event) => event.reason === reason);

async function worldWith(spec: object): Promise<{ world: ControllerWorld; group: FailoverGroup }> {
  const world = await ControllerWorld.create(["node1", "node2"], { failover: { startWait: "0s" }, ...spec });
  await world.advance(3_000);
  return { world, group: await world.group() };
}

describe("a group that names", () => {
  it("a member that does not exist says MemberNotFound with the nodes that run the agent, and runs on the other", async () => {
    const { world, group } = await worldWith({ members: [{ node: "nod2" }, { node: "node1" }] });
    expect(condition(group, "PreflightOK")).toMatchObject({ status: "False", reason: "MemberNotFound" });
    expect(condition(group, "PreflightOK")?.message).toContain(
      "member nod2: no such Node. Nodes that run the agent: node1, node2",
    );
    expect(isTold(world, "MemberNotFound")).toBe(true);
    expect(isReadyOn("node1")(group)).toBe(true);
  });

  it("only members that do not exist is Stalled with NoMemberFound", async () => {
    const { world, group } = await worldWith({ members: [{ node: "nod1" }, { node: "nod2" }] });
    expect(condition(group, "Stalled")).toMatchObject({ reason: "NoMemberFound" });
    expect(condition(group, "Ready")?.status).toBe("False");
    expect(isTold(world, "NoMemberFound")).toBe(true);
  });

  it("resources that wait for each other is Stalled with CyclicDependency and the circle", async () => {
    const exec = {
      start: { command: ["/etc/understudy/exec.d/app"] },
      stop: { command: ["/etc/understudy/exec.d/app"] },
    };
    const resources = [
      { name: "a", exec, dependsOn: ["b"] },
      { name: "b", exec, dependsOn: ["a"] },
    ];
    const { world, group } = await worldWith({ resources });
    expect(condition(group, "Stalled")?.reason).toBe("CyclicDependency");
    expect(condition(group, "Stalled")?.message).toMatch(/a -> b -> a|b -> a -> b/);
    expect(group.status?.active).toBeUndefined();
    expect(isTold(world, "CyclicDependency")).toBe(true);
  });

  it("an object that does not exist is Stalled with ResourceNotFound until it is there", async () => {
    const { world, group } = await worldWith({ resources: [{ kind: "LbProbePort", name: "missing" }] });
    expect(condition(group, "Stalled")?.reason).toBe("ResourceNotFound");
    expect(condition(group, "Stalled")?.message).toContain("LbProbePort ha/missing");
    expect(isTold(world, "ResourceNotFound")).toBe(true);
    await world.addProbe("missing", 26_002);
    await world.until(isReadyOn("node1"), 1_000);
  });

  it("a kind of a later version says NotImplemented and is not granted", async () => {
    const { world, group } = await worldWith({ resources: [{ kind: "MirrorDisk", name: "md" }] });
    expect(condition(group, "PreflightOK")?.message).toContain("MirrorDisk");
    expect(group.status?.active).toBeUndefined();
    expect(world.agent("node1").isServing).toBe(false);
  });
});
