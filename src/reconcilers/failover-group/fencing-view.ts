/** What one leader knows about stopping a member's machine, as plain values between the driver and the plan. */
import type { VmRef } from "../../cloud/fencing-ports.ts";
import type { ObjectKey } from "../../kube/ports.ts";

/** One decision to stop a machine: whose session ends by it, for which grant, and who takes over. */
export interface FenceOrder {
  readonly group: ObjectKey;
  readonly node: string;
  /** The grant that ends: its session and epoch. */
  readonly session: string;
  readonly epoch: number;
  /** Of the session's Lease as it was seen; undefined: there is none. Proof holds for exactly this version. */
  readonly leaseVersion: string | undefined;
  readonly candidate: { readonly node: string; readonly session: string };
  readonly vm: VmRef;
  readonly isGraceful: boolean;
  readonly identity: FenceIdentity;
}

/** Whose credentials are used: of a Secret in the group's namespace, or the controller's own. */
export interface FenceIdentity {
  readonly namespace: string;
  readonly secret?: string;
}

export interface FenceProblem {
  readonly message: string;
  /** A person must act; else it may pass by itself. */
  readonly isFinal: boolean;
  /** When it was met first, on the leader's monotonic clock. */
  readonly sinceMs: number;
}

export type FenceView =
  | { readonly phase: "Idle" }
  | {
      readonly phase: "Working";
      readonly order: FenceOrder;
      readonly startedMs: number;
      /** The cloud's last word about the machine. */
      readonly detail?: string;
      readonly problem?: FenceProblem;
    }
  /** What was decided on has changed; it may be decided anew. */
  | { readonly phase: "Dropped"; readonly order: FenceOrder; readonly atMs: number }
  | { readonly phase: "Proven"; readonly order: FenceOrder; readonly startedMs: number; readonly provenMs: number };

export const IDLE: FenceView = { phase: "Idle" };

/** Whether a member's machine exists and may be stopped, as last asked. */
export type FenceCheck = (
  | { readonly result: "Passed" }
  | { readonly result: "Failed"; readonly message: string }
  /** The cloud did not answer. */
  | { readonly result: "Unreadable"; readonly message: string }
) & {
  /** End of the certificate that the credentials hold, in milliseconds since 1970. */
  readonly certificateEndsAtMs?: number;
};

export interface BootOrder {
  readonly group: ObjectKey;
  readonly node: string;
  /** The session that was ended by stopping the machine. */
  readonly session: string;
  readonly vm: VmRef;
  readonly identity: FenceIdentity;
}
