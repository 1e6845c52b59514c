/**
 * What one reconciliation of a pointer looks at: plain values, gathered by `observe.ts`, judged by the checks and the
 * plan. "Could not be read" is a value; nothing here reads, waits or decides.
 */
import type {
  AppliedTo,
  CallTime,
  CloudTimeouts,
  Condition,
  Credentials,
  FailoverGroup,
  Grant,
  GroupClaim,
  Monitor,
} from "../../api/generated/types.ts";
import type { KubeObject } from "../../kube/ports.ts";
import type { Activation } from "./activation.ts";
import type { WriteFailure } from "./kind.ts";
import type { MemberFacts } from "./members.ts";
import type { Failure } from "./reading.ts";

/** What every pointer's object has. */
export interface PointerObject extends KubeObject {
  readonly spec: {
    readonly monitor: Monitor;
    readonly timeouts: CloudTimeouts;
    readonly credentials?: Credentials | undefined;
    readonly members?: readonly { readonly node: string }[] | undefined;
  };
  readonly status?: PointerStatus | undefined;
}

export interface PointerStatus {
  observedGeneration?: number | undefined;
  group?: GroupClaim | undefined;
  active?: AppliedTo | undefined;
  callTime?: CallTime | undefined;
  conditions?: Condition[] | undefined;
}

export type StatusOf<Obj extends PointerObject> = NonNullable<Obj["status"]>;

/** A condition without its times. */
export interface Verdict {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export type Claim =
  /** No group lists the object. */
  | { readonly type: "None" }
  | { readonly type: "Held"; readonly group: FailoverGroup }
  /** `group` would hold the object, but another object points with the same thing. */
  | { readonly type: "HeldElsewhere"; readonly group: FailoverGroup; readonly message: string }
  /** The group was deleted with its service; what the object wants then may be left to do. */
  | { readonly type: "GroupDeleted"; readonly group: FailoverGroup };

export type CredentialsSeen =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: "CredentialsMissing" | "AmbientNotAllowed" | "Unreadable";
      readonly message: string;
    };

export type Identity<Keys> =
  /** `keys` undefined: ambient. */
  { readonly ok: true; readonly keys: Keys | undefined } | Extract<CredentialsSeen, { ok: false }>;

/** What only this process knows, on its own monotonic clock. Lost with it: then one monitor interval is all it costs. */
export interface Memory {
  /** When it was first seen that the pointer is due under this epoch. */
  readonly due?: { readonly epoch: number; readonly sinceMs: number };
  /** Rounds of writes under an epoch since it was last read as right. */
  readonly writes?: {
    readonly epoch: number;
    readonly count: number;
    readonly endedAtMs: number;
    readonly failures: readonly WriteFailure[];
  };
  /** A read counts only when it was sent at or after this moment. */
  readonly freshSinceMs: number;
  /** Read once more then: a call that timed out may have landed after the first verification. */
  readonly lateVerifyAtMs?: number;
  /** Readings in a row, counted once per call. */
  readonly counted: { readonly sentAtMs: number; readonly bad: number; readonly unreadable: number };
  /** Why the last round of upkeep failed. */
  readonly upkeepFailure?: Failure & { readonly atMs: number };
  /** Since when the group has been seen stopped, for objects that want something then. */
  readonly stoppedSinceMs?: number;
  /** Why what the object wants of a stopped group failed last. */
  readonly stopFailure?: Failure & { readonly atMs: number };
  /** A group that was seen being deleted together with its service; kept because it may vanish before we are done. */
  readonly deletedGroup?: FailoverGroup;
}

export const NOTHING_REMEMBERED: Memory = {
  freshSinceMs: Number.NEGATIVE_INFINITY,
  counted: { sentAtMs: Number.NEGATIVE_INFINITY, bad: 0, unreadable: 0 },
};

export interface PointerSeen<Obj extends PointerObject, Facts> {
  readonly object: Obj;
  /** Empty while the object has none. */
  readonly status: StatusOf<Obj>;
  readonly claim: Claim;
  readonly activation: Activation;
  /** The group is down because it was stopped or is deleted, and not on its way to another member. */
  readonly isGroupStopped: boolean;
  /** Recovery is suspended: report only. What a new grant needs is written all the same. */
  readonly isPaused: boolean;
  readonly credentials: CredentialsSeen;
  /** In the order of the group. */
  readonly members: readonly MemberFacts[];
  readonly facts: Facts;
  /** Fields in use whose behaviour does not exist yet. */
  readonly notImplemented: readonly string[];
  /** `monitor.delayWarningPercent` of the installation. */
  readonly delayWarningPercent?: number | undefined;
  readonly memory: Memory;
}

/** The group that holds the claim, or for whose members the object is checked. */
export function groupOf(seen: Pick<PointerSeen<PointerObject, unknown>, "claim">): FailoverGroup | undefined {
  return seen.claim.type === "None" ? undefined : seen.claim.group;
}

/** Whom the pointer should lead to; undefined while nobody holds the group. */
export function grantOf(seen: Pick<PointerSeen<PointerObject, unknown>, "activation">): Grant | undefined {
  return "grant" in seen.activation ? seen.activation.grant : undefined;
}

/** Whether the pointer was last applied for exactly this grant. */
export function isApplied(seen: Pick<PointerSeen<PointerObject, unknown>, "activation" | "status">): boolean {
  const grant = grantOf(seen);
  const { active } = seen.status;
  return grant !== undefined && active?.node === grant.node && active.epoch === grant.epoch;
}
