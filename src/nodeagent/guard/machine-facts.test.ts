import { describe, expect, test } from "vitest";
import { GuardedNode } from "../../../test/builders/guard.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { LEASE_ANNOTATIONS, type NodeFacts } from "../../api/session-lease.ts";

const MACHINE = {
  providerId: "aws:///eu-central-1a/i-1",
  zone: "eu-central-1a",
  events: [{ id: "e1", type: "Reboot" as const, notBefore: "2026-01-01T00:00:00.000Z" }],
};

function published(node: GuardedNode): NodeFacts {
  return JSON.parse(node.lease?.metadata.annotations?.[LEASE_ANNOTATIONS.facts] ?? "{}") as NodeFacts;
}

async function setup() {
  const node = new GuardedNode(new FakeClock());
  const { guard } = await node.boot();
  await node.clock.advance(2_000);
  return { node, guard };
}

describe("what the worker says about the machine", () => {
  test("is published with the next renewal, beside what the guard itself knows", async () => {
    const { node } = await setup();
    node.worker.say({ type: "machine", machine: MACHINE });
    await node.clock.advance(node.timings.renewIntervalMs + 50);
    expect(published(node)).toMatchObject({ ...MACHINE, bootId: "boot-1" });
    node.worker.say({ type: "machine", machine: { ...MACHINE, events: [] } });
    await node.clock.advance(node.timings.renewIntervalMs + 50);
    expect(published(node)).toMatchObject({ events: [], providerId: MACHINE.providerId });
  });

  test("outlasts a change of the guard's own facts", async () => {
    const { node, guard } = await setup();
    node.worker.say({ type: "machine", machine: MACHINE });
    guard.changeFacts({ bootId: "boot-1", version: "1", watchdog: "None", interfaces: [] });
    await node.clock.advance(node.timings.renewIntervalMs + 50);
    expect(published(node)).toMatchObject({ ...MACHINE, version: "1" });
  });

  test.each([
    ["no provider id", { events: [] }],
    ["an event of no known shape", { ...MACHINE, events: [{ id: "e1", type: "Explode" }] }],
    ["a text of any length", { ...MACHINE, providerId: "x".repeat(10_000) }],
  ])("is not heard with %s", async (_what, machine) => {
    const { node } = await setup();
    node.worker.say({ type: "machine", machine } as never);
    await node.clock.advance(node.timings.renewIntervalMs + 50);
    expect(published(node).events).toBeUndefined();
    expect(published(node).providerId).toBeUndefined();
  });
});
