/**
 * Which grants may be activated on this node. The guard notes a grant before it lets the worker start, so that nothing
 * asked in between sees an older one; an epoch that was given up here is never activated here again (DESIGN 4.4, 4.6).
 *
 * Pure. Kept for one life of the guard only: a new life is a new session, and grants to the old one are void (A2).
 */
import { ALL_RULES, type SafetyRules } from "../../lib/safety-rules.ts";
import type { DenyReason, GrantRef } from "../guard-protocol.ts";

export interface GroupGrants {
  /** The highest epoch this guard has noted for the group. */
  readonly notedEpoch: number;
  /** Every epoch up to this one is over on this node. */
  readonly givenUpEpoch: number;
  /** The grant under which the group is, or may be, active here. */
  readonly active?: GrantRef;
}

export interface Grants {
  readonly groups: ReadonlyMap<string, GroupGrants>;
}

export interface ActivationContext {
  /** As `sessionInForce` says at this very moment; undefined: no right. */
  readonly session: string | undefined;
  readonly isTakingDown: boolean;
  /** The right rests on the session: a promise gives no right to begin anything (A3, A8). */
  readonly mayBegin: boolean;
  /** Whether this node has promised another member not to activate the group. */
  readonly isPromised: (groupUid: string) => boolean;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
}

/** Groups one node can be a member of; more is a broken cluster, not a use of it. */
const MAX_GROUPS = 5_000;

export const noGrants: Grants = { groups: new Map() };

/** Why `grant` may not be activated now; undefined when it may. */
export function denial(grants: Grants, grant: GrantRef, context: ActivationContext): DenyReason | undefined {
  if (context.isTakingDown) return "taking-down";
  if (context.session === undefined || !context.mayBegin) return "no-right";
  if (context.session !== grant.session) return "wrong-session";
  const known = grants.groups.get(grant.groupUid);
  if (known === undefined && grants.groups.size >= MAX_GROUPS) return "no-right";
  const { epochsOnlyRise } = context.rules ?? ALL_RULES;
  if (epochsOnlyRise && known !== undefined && grant.epoch < known.notedEpoch) return "older-epoch";
  if (epochsOnlyRise && known !== undefined && grant.epoch <= known.givenUpEpoch) return "given-up";
  if (context.isPromised(grant.groupUid)) return "promised";
  return undefined;
}

/** Notes `grant` as active, or about to be. */
export function noted(grants: Grants, grant: GrantRef): Grants {
  const known = grants.groups.get(grant.groupUid);
  return withGroup(grants, grant.groupUid, {
    notedEpoch: Math.max(known?.notedEpoch ?? 0, grant.epoch),
    givenUpEpoch: known?.givenUpEpoch ?? 0,
    active: grant,
  });
}

/**
 * The grant is real but may not be activated yet, because of a promise to an older holder. It is noted all the same: this
 * node gives that holder no further promise, or the two could hold each other off for ever.
 */
export function heldOff(grants: Grants, grant: GrantRef): Grants {
  const known = grants.groups.get(grant.groupUid);
  return withGroup(grants, grant.groupUid, {
    ...known,
    notedEpoch: Math.max(known?.notedEpoch ?? 0, grant.epoch),
    givenUpEpoch: known?.givenUpEpoch ?? 0,
  });
}

/** The grant was noted but its activation was refused after all: nothing was started, and it may be asked for again. */
export function withdrawn(grants: Grants, grant: GrantRef): Grants {
  const known = grants.groups.get(grant.groupUid);
  if (known?.active?.epoch !== grant.epoch) return grants;
  const { notedEpoch, givenUpEpoch } = known;
  return withGroup(grants, grant.groupUid, { notedEpoch, givenUpEpoch });
}

/** The group is proven down under this grant: its epoch, and every older one, is over here. */
export function givenUp(grants: Grants, grant: GrantRef): Grants {
  const known = grants.groups.get(grant.groupUid);
  const active = known?.active;
  const isStillActive = active !== undefined && active.epoch > grant.epoch;
  return withGroup(grants, grant.groupUid, {
    notedEpoch: Math.max(known?.notedEpoch ?? 0, grant.epoch),
    givenUpEpoch: Math.max(known?.givenUpEpoch ?? 0, grant.epoch),
    ...(isStillActive ? { active } : {}),
  });
}

/** Everything is proven down. */
export function allGivenUp(grants: Grants): Grants {
  const groups = [...grants.groups].map(([uid, known]): [string, GroupGrants] => [
    uid,
    { notedEpoch: known.notedEpoch, givenUpEpoch: Math.max(known.givenUpEpoch, known.active?.epoch ?? 0) },
  ]);
  return { groups: new Map(groups) };
}

export function activeGrants(grants: Grants): GrantRef[] {
  return [...grants.groups.values()].flatMap((known) => (known.active === undefined ? [] : [known.active]));
}

function withGroup(grants: Grants, groupUid: string, group: GroupGrants): Grants {
  return { groups: new Map(grants.groups).set(groupUid, group) };
}
