/**
 * What one reconciliation of a FailoverGroup looks at: plain values, gathered by `observe.ts`, judged by the checks
 * and the plan. Nothing here reads, waits or decides.
 */
import type { ResourceKind } from "../../api/kinds.ts";
import type { Timings } from "../../api/timings.ts";
import type { SafetyRules } from "../../lib/safety-rules.ts";
import type { FenceCheck, FenceView } from "./fencing-view.ts";
import type { SessionView } from "./session-observer.ts";
import type { ZoneView } from "./zone-view.ts";
import type { Condition, FailoverGroup, GroupResource, HistoryEntry, Report } from "./types.ts";

export interface NodeSeen {
  readonly isCordoned: boolean;
  /** Carries the taint `node.kubernetes.io/out-of-service`: a person or a machine vouches that the VM is off. */
  readonly isOutOfService: boolean;
  readonly region?: string;
}

export interface MemberSeen {
  readonly node: string;
  /** Place in `spec.members`; undefined: not, or no longer, in the spec. */
  readonly position?: number;
  /** Undefined: there is no such Node. */
  readonly nodeObject?: NodeSeen;
  readonly session: SessionView;
  /** The session's Lease was read after the group was: only then does another holder in it prove a new life. */
  readonly isSessionReadAfterGroup: boolean;
  readonly report?: Report;
  /** What groups, the Node and the agent say which machine this is; no word twice. */
  readonly providerIds: readonly string[];
  /** Other nodes for which somebody names the same machine. Filled in only where the group demands or tries proof. */
  readonly sharedWith: readonly string[];
  /** What this leader knows about stopping its machine. */
  readonly fence: FenceView;
  /** This leader has begun to start its machine again. */
  readonly isBooted: boolean;
  /** Whether its machine could be stopped; undefined: not checked yet, or not wanted. */
  readonly fenceCheck?: FenceCheck;
}

/** The object that `spec.resources[]` refers to. */
export interface ObjectSeen {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly conditions: readonly Condition[];
  /** What its reconciler last applied. */
  readonly active?: { readonly node: string; readonly epoch: number };
  /** Epochs that it carries besides (a disk's seal and in-sync record). */
  readonly epochs: readonly number[];
  /** Members whose copy holds every acknowledged write; undefined: nothing is recorded. */
  readonly inSync?: readonly string[];
  /** Of a MirrorDisk: what a seal is conditional on. */
  readonly disk?: DiskSeen;
  /** Another group or object holds what this one claims: the sentence that says so. */
  readonly claimedElsewhere?: string;
}

/** Seal and in-sync record of a MirrorDisk, as one version of the object shows them. */
export interface DiskSeen {
  readonly resourceVersion: string;
  readonly hasStatus: boolean;
  readonly primary?: { readonly node: string; readonly epoch: number };
  readonly inSync?: { readonly generation: number; readonly epoch: number; readonly members: readonly string[] };
}

export interface ResourceSeen {
  readonly resource: GroupResource;
  readonly kind: ResourceKind | "exec";
  /** Undefined for exec, and for a kind whose object does not exist. */
  readonly object?: ObjectSeen;
}

/** What only this leader knows, on its own monotonic clock. Lost with it: then the waits start again. */
export interface Memory {
  /** When this leader looked at the group for the first time. */
  readonly firstSeenMs?: number;
  readonly promotableSinceMs: Readonly<Record<string, number>>;
  /** Since when a member has been seen to be the one whose network is gone, by node. */
  readonly isolatedSinceMs: Readonly<Record<string, number>>;
  readonly lastStatusWriteMs?: number;
  /** Measured times of the move under way, by the epoch it grants. */
  readonly move?: MoveTimes;
  /** When the last repair of a simulated fault was counted, by resource. */
  readonly repairedAtMs: Readonly<Record<string, number>>;
  /**
   * The agent of the holder under this epoch said that it ends and comes back; `sinceMs`: when its session was heard last
   * with that word.
   */
  readonly restarting?: { readonly node: string; readonly epoch: number; readonly sinceMs: number };
  /** News that this leader has told already. */
  readonly told: readonly string[];
}

/** Points in time on the leader's monotonic clock. */
export interface MoveTimes {
  readonly epoch: number;
  readonly plannedMs?: number;
  readonly revokedMs?: number;
  readonly grantedMs?: number;
  readonly activatedMs?: number;
}

export interface Seen {
  readonly group: FailoverGroup;
  /** In the order of the spec; after them nodes that hold or report without being in it. */
  readonly members: readonly MemberSeen[];
  readonly resources: readonly ResourceSeen[];
  /** Nodes that run the agent, for the text of `MemberNotFound`. */
  readonly agentNodes: readonly string[];
  /** Of the zone of the member that holds the group; undefined: nobody wants it watched, or it is not known. */
  readonly zone?: ZoneView;
  readonly memory: Memory;
  readonly settings: GroupSettings;
}

export interface GroupSettings {
  readonly timings: Timings;
  /** `recovery.mode: Paused` of the installation. */
  readonly isRecoveryPaused: boolean;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
  /** Groups with a MirrorDisk are granted although this version moves no data: the simulator's, for the set's protocol. */
  readonly hasSimulatedMirror?: boolean;
}

export function memberOf(seen: Seen, node: string): MemberSeen | undefined {
  return seen.members.find((member) => member.node === node);
}

/** The entry of the move that was granted and is not finished. Answers to operations may stand before it. */
export function openMove(history: readonly HistoryEntry[] | undefined): HistoryEntry | undefined {
  return history?.find((entry) => entry.result === undefined);
}
