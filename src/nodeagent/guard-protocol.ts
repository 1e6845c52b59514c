/**
 * What the guard and its worker say to each other over the IPC channel of the child process, and nothing else.
 * The guard decides about the right; the worker does the work. The worker may start nothing for a group before the
 * guard has answered `allowed` for exactly that (group, epoch, session), and keeps nothing up after `takeDown`.
 */

import type { Delay } from "./delays/delays.ts";
import type { MachineWord } from "./machine/port.ts";

/** One grant as the worker read it, consistently, from the API server. */
export interface GrantRef {
  readonly namespace: string;
  readonly group: string;
  readonly groupUid: string;
  readonly epoch: number;
  /** holderIdentity of the Lease the grant was given to. */
  readonly session: string;
}

/** A peer the guard exchanges heartbeats with: another member of a group that names this node. */
export interface PeerRef {
  readonly node: string;
  /** IPv4 address for heartbeats and promises. */
  readonly address: string;
}

/** Something the guard itself must remove when it cuts hard: written down before it is brought up. */
export type Holding =
  | { readonly kind: "address"; readonly interface: string; readonly cidr: string }
  /** `startTicks` (field 22 of /proc/PID/stat) tells a reused process group from ours. */
  | { readonly kind: "process-group"; readonly processGroup: number; readonly startTicks: number }
  | { readonly kind: "probe-port"; readonly port: number }
  | { readonly kind: "service-port"; readonly port: number };

export type TakeDownCause = "renew-deadline" | "session-lost" | "shutdown" | "restart" | "isolated" | "worker-lost";

export type GuardToWorker =
  /** The session in force; absent right = nothing may be active. Sent at every change of session. */
  | { readonly type: "session"; readonly session: string | undefined }
  | { readonly type: "allowed"; readonly requestId: number }
  | { readonly type: "denied"; readonly requestId: number; readonly reason: DenyReason }
  /** Take everything down now, in the order of DESIGN 4.2; answer `down` when proven. */
  | { readonly type: "takeDown"; readonly takeDownId: number; readonly cause: TakeDownCause; readonly budgetMs: number }
  | { readonly type: "peers"; readonly alive: readonly string[]; readonly lost: readonly string[] }
  /** For people: something of the guard's was nearly too late. */
  | { readonly type: "delayed"; readonly delay: Delay }
  /** For `reports[].promise` of the group; told again after `ready`. */
  | { readonly type: "promise"; readonly groupUid: string; readonly promise: MemberPromise };

/** A promise of this node to the holder of a group not to activate it (DESIGN 4.6). */
export interface MemberPromise {
  readonly node: string;
  readonly session: string;
  readonly epoch: number;
  readonly state: "Open" | "Lapsed" | "Down";
}

export type DenyReason =
  | "no-right"
  | "wrong-session"
  | "older-epoch"
  | "given-up"
  | "promised"
  | "watchdog-unarmed"
  | "taking-down";

export type WorkerToGuard =
  | { readonly type: "ready" }
  | { readonly type: "peersWanted"; readonly peers: readonly PeerRef[] }
  /** May I activate this grant? The guard notes it before it answers. Ask again after every change of session. */
  | { readonly type: "mayActivate"; readonly requestId: number; readonly grant: GrantRef }
  /** Recorded by the guard before the effect happens; `add` is acknowledged with `allowed`. */
  | { readonly type: "holdingAdded"; readonly requestId: number; readonly holding: Holding }
  | { readonly type: "holdingRemoved"; readonly holding: Holding }
  /**
   * Who must be asked for promises while this grant is active. Told, and `allowed` awaited, before a change of the record
   * (or of an in-sync set) is sent: the union of old and new (A4). The smaller set is told after its change was answered
   * with success. Growth is denied while the right does not rest on the session (A3). Until the first set is told, no
   * promise can prolong the right.
   */
  | {
      readonly type: "mustAsk";
      readonly requestId: number;
      readonly grant: GrantRef;
      readonly members: readonly string[];
    }
  /** The group is proven down on this node: it will never be active here again under this epoch. */
  | { readonly type: "deactivated"; readonly grant: GrantRef }
  /** Everything is proven down: the answer to the `takeDown` with this id, so that a late answer proves nothing about a later one. */
  | { readonly type: "down"; readonly takeDownId: number }
  /** The final action of a group that failed on every member: everything down, then this machine boots anew. */
  | { readonly type: "rebootWanted"; readonly grant: GrantRef }
  /** The machine goes down: everything is to leave it, cleanly and now. */
  | { readonly type: "shutdown"; readonly how: string }
  /** What the cloud says about this machine: published with the session's facts. */
  | { readonly type: "machine"; readonly machine: MachineWord }
  /** The worker's readings for the agent's one metrics page, which the guard serves. */
  | { readonly type: "metrics"; readonly operations: readonly MetricOperation[] };

/** One call of the `Metrics` port, as a value. */
export interface MetricOperation {
  readonly call: "count" | "set" | "observe";
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}
