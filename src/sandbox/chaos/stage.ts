/** What chaos plays on. */
import { LEASE } from "../../api/session-lease.ts";
import type { Lease } from "../../api/session-lease.ts";
import type { Stage } from "../scenarios/stage.ts";
import { SYSTEM_NAMESPACE } from "../world/kube-world.ts";
import type { Endings } from "./endings.ts";

export interface ChaosStage extends Stage {
  readonly endings: Endings;
}

/** Who plays which role while all is well. */
export interface Cast {
  readonly active: string;
  readonly standby: string;
  readonly leader: string;
  readonly otherController: string;
}

export const LEADER_LEASE = "understudy-controller";

/** The Leases of the sessions and of the leader, by name. */
export async function readLeases(stage: ChaosStage): Promise<ReadonlyMap<string, Lease>> {
  const { items } = await stage.world.api.list<Lease>(LEASE, { namespace: SYSTEM_NAMESPACE });
  return new Map(items.map((lease) => [lease.metadata.name, lease]));
}
