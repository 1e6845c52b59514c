/** A controller's world whose group demands or tries proof, Ready on node1, and what the tests of fencing ask of it. */
import { agentFieldManager, FAILOVER_GROUP } from "../../src/api/kinds.ts";
import { LEASE, LEASE_ANNOTATIONS, type Lease } from "../../src/api/session-lease.ts";
import type { FailoverGroup, MemberReport as Report } from "../../src/api/generated/types.ts";
import { condition, ControllerWorld, isReadyOn, KEY, LEASES } from "./controller-world.ts";

export const REQUIRED = { fencing: { policy: "Required", awsStopInstance: {} } };
export const BEST_EFFORT = { fencing: { policy: "BestEffort", awsStopInstance: {}, timeout: "10s" } };

export async function fencedWorld(spec: object = REQUIRED, nodes = ["node1", "node2"]): Promise<ControllerWorld> {
  const world = await ControllerWorld.create(nodes, spec);
  await world.until(isReadyOn("node1"), 5_000);
  // A leader that has only begun to look stops nobody.
  await world.advance(5_000, 50);
  return world;
}

export async function reportAs(world: ControllerWorld, report: Report): Promise<void> {
  const { resourceVersion = "" } = (await world.group()).metadata;
  const body = { metadata: { ...KEY, resourceVersion }, status: { reports: [report] } };
  const patch = { type: "apply", body, fieldManager: agentFieldManager(report.node), force: true } as const;
  await world.kube.patch(FAILOVER_GROUP, KEY, patch, { subresource: "status" });
}

export async function endOfSession(world: ControllerWorld, node: string): Promise<string | undefined> {
  const lease = await world.kube.get<Lease>(LEASE, { namespace: LEASES, name: node });
  return lease?.metadata.annotations?.[LEASE_ANNOTATIONS.ended];
}

export const stalled = (reason: string) => (group: FailoverGroup) => condition(group, "Stalled")?.reason === reason;
export const isOn = (node: string) => (group: FailoverGroup) => group.status?.active?.node === node;
