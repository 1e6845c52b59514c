/**
 * What the worker knows about one group on this node, and what it may be told to do. Values only.
 *
 *   grant seen ─> reading ─> asking ─> recording ─> serving ─> leaving ─> down ─> (no tenure)
 *                    │          │          │                      ^
 *                    └──────────┴──────────┴── no longer wanted ──┘
 *
 * `reading`: a consistent read shows the grant. `asking`: the guard allows it. `recording`: the report with the members
 * that must be asked for promises is stored by compare-and-set. Only `serving` starts anything (DESIGN 4.4).
 *
 * Invariant: a tenure that has begun to leave never serves again, and its epoch is never served again.
 */
import type { FailoverGroup, IsolationReport, MemberReport } from "../../api/generated/types.ts";
import { ALL_RULES, type SafetyRules } from "../../lib/safety-rules.ts";
import type { DenyReason, GrantRef, MemberPromise } from "../guard-protocol.ts";
import type { MonitorState, Reading } from "../monitor/schedule.ts";
import type { PartPlan } from "./part-plan.ts";

export type Stage = "reading" | "asking" | "recording" | "serving" | "leaving" | "down";

export interface Tenure {
  readonly grant: GrantRef;
  readonly stage: Stage;
  /** For the environment of commands. */
  readonly cause: string;
  readonly parts: Readonly<Record<string, Part>>;
  /** The question to the guard is on its way. */
  readonly isAsked: boolean;
  readonly askAtMs: number;
  readonly asking: Asking;
  /** Set when everything must go down within a budget: the clock reading at which that began, and the budget. */
  readonly urgent: { readonly sinceMs: number; readonly budgetMs: number } | undefined;
  readonly leavingSinceMs: number;
  /**
   * Resets of connections to the group's addresses and the service's ports: when leaving begins (addresses go down after
   * it), and again at the end where no command stops the service.
   */
  readonly cutsBegun: number;
  readonly cutsDone: number;
  /** The guard was asked to boot the machine anew, as the final action. */
  readonly isRebootAsked: boolean;
}

/** Whom the guard asks for promises while this grant is active (DESIGN 4.4, 4.6). */
export interface Asking {
  /** The set that the guard has accepted; undefined: none yet. */
  readonly told: readonly string[] | undefined;
  /** The set that is on its way to it. */
  readonly telling: readonly string[] | undefined;
  readonly notBeforeMs: number;
  /** Records sent and not answered: only a later answer to a write of ours rules them out, never a read. */
  readonly unsettled: readonly string[];
}

export type Phase = "down" | "starting" | "up" | "stopping";

export interface Part {
  /** What is, or will next be, on the host. */
  readonly plan: PartPlan;
  readonly phase: Phase;
  /** Proven absent from the host. Lost when a start is issued, regained only by a stop that succeeded. */
  readonly isClean: boolean;
  /** The step in flight was told to end early. */
  readonly isAborted: boolean;
  /** Nothing is tried before this reading of the monotonic clock. */
  readonly notBeforeMs: number;
  /** Activations that failed in a row. */
  readonly failures: number;
  /** Repairs in place since the last long health. */
  readonly repairs: number;
  /** Last time it came up under this grant; undefined: never yet. */
  readonly upSinceMs: number | undefined;
  readonly monitor: MonitorState | undefined;
  readonly trouble: Trouble | undefined;
}

export interface Trouble {
  readonly reason: string;
  readonly message: string;
  /** No repair in place is left, or none is wanted: the controller must decide. */
  readonly isFinal: boolean;
}

/** A kind of API call: at most one in flight, backing off on failures. */
export interface Call {
  readonly isInFlight: boolean;
  readonly failures: number;
  readonly notBeforeMs: number;
}

export interface ReadCall extends Call {
  readonly isWanted: boolean;
  /** Resource version that was known when the read in flight was sent. */
  readonly sentAt: string | undefined;
  /** Read once more then: the watch told something older than what is known. */
  readonly recheckAtMs: number | undefined;
}

export interface Finding {
  readonly resource: string;
  readonly reason: string;
  readonly message: string;
}

export interface GroupState {
  readonly node: string;
  readonly rules: SafetyRules;
  readonly session: string | undefined;
  /** From `takeDown` until the guard names a session again. */
  readonly isForbidden: boolean;
  readonly group: FailoverGroup | undefined;
  readonly isGone: boolean;
  readonly plans: readonly PartPlan[];
  readonly tenure: Tenure | undefined;
  /** No grant with this epoch or an older one is served any more. */
  readonly finishedEpoch: number;
  readonly read: ReadCall;
  readonly write: Call & { readonly lastMs: number };
  /** What a standby should not have (a listener on the probe port). */
  readonly findings: readonly Finding[];
  /** What this node's guard promised to the holder of the group. */
  readonly promise: MemberPromise | undefined;
  /**
   * Whose copy may be in sync, by disk, while the group is recorded or served here; a disk that is not named has not been
   * seen yet, and may be in sync anywhere.
   */
  readonly copies: Readonly<Record<string, readonly string[]>>;
  /** What this life of the worker found about the isolation targets; undefined: nothing yet, or the group names none. */
  readonly isolation: IsolationReport | undefined;
}

export type StepOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly message: string };

export type GroupEvent =
  /** By watch, by a read or as the answer to a write; `isConsistent`: by a read of ours. */
  | {
      readonly type: "seen";
      readonly group: FailoverGroup;
      readonly plans: readonly PartPlan[];
      readonly isConsistent: boolean;
    }
  | { readonly type: "planned"; readonly plans: readonly PartPlan[] }
  | { readonly type: "gone" }
  | { readonly type: "readFailed" }
  | { readonly type: "session"; readonly session: string | undefined }
  | { readonly type: "answered"; readonly epoch: number; readonly denied: DenyReason | undefined }
  /** The guard's answer to `tellMustAsk`. */
  | { readonly type: "askSetAnswered"; readonly epoch: number; readonly denied: DenyReason | undefined }
  /** The answer to a write is the group as it is now: without it the next decision would rest on the one before. */
  | { readonly type: "stored"; readonly group: FailoverGroup; readonly plans: readonly PartPlan[] }
  | { readonly type: "notStored"; readonly isConflict: boolean }
  | { readonly type: "started"; readonly part: string; readonly outcome: StepOutcome }
  | { readonly type: "stopped"; readonly part: string; readonly outcome: StepOutcome }
  | { readonly type: "read"; readonly part: string; readonly reading: Reading }
  /** Something local changed: read the parts of this kind now. */
  | { readonly type: "changed"; readonly kind: PartPlan["kind"] }
  | { readonly type: "connectionsCut" }
  | { readonly type: "found"; readonly findings: readonly Finding[] }
  | { readonly type: "promised"; readonly promise: MemberPromise }
  /** Undefined: whose copy of the disk may be in sync is not known, or the disk is not this node's any more. */
  | { readonly type: "copies"; readonly disk: string; readonly members: readonly string[] | undefined }
  | { readonly type: "isolation"; readonly verdict: IsolationReport | undefined }
  | { readonly type: "takeDown"; readonly budgetMs: number }
  | { readonly type: "tick" };

export type GroupEffect =
  | { readonly type: "read" }
  | { readonly type: "ask"; readonly grant: GrantRef }
  | { readonly type: "tellMustAsk"; readonly grant: GrantRef; readonly members: readonly string[] }
  | { readonly type: "write"; readonly report: MemberReport; readonly resourceVersion: string }
  | { readonly type: "start"; readonly plan: PartPlan; readonly grant: GrantRef; readonly cause: string }
  /** The step in flight of this part should end as soon as it can. */
  | { readonly type: "abort"; readonly part: string }
  | {
      readonly type: "stop";
      readonly plan: PartPlan;
      readonly grant: GrantRef;
      readonly cause: string;
      readonly budgetMs: number;
      readonly isUrgent: boolean;
      /** Its connections have been cut: nothing has to be cut before an address is removed. */
      readonly isCut: boolean;
    }
  | { readonly type: "check"; readonly plan: PartPlan; readonly grant: GrantRef; readonly cause: string }
  | { readonly type: "cutConnections"; readonly addresses: readonly string[]; readonly ports: readonly number[] }
  | { readonly type: "tellDeactivated"; readonly grant: GrantRef }
  /** The final action: this machine boots anew. */
  | { readonly type: "reboot"; readonly grant: GrantRef }
  /** The group was deleted with `whenDeleted: Leave`: what is up stays, and nobody guards it. */
  | { readonly type: "leaveBehind"; readonly grant: GrantRef };

export interface GroupStep {
  readonly state: GroupState;
  readonly effects: readonly GroupEffect[];
  /** Monotonic clock reading at which a `tick` is due; undefined: only an event moves it. */
  readonly wakeAtMs: number | undefined;
}

const idleCall: Call = { isInFlight: false, failures: 0, notBeforeMs: 0 };

export function initialGroupState(node: string, rules: SafetyRules = ALL_RULES): GroupState {
  return {
    node,
    rules,
    session: undefined,
    isForbidden: false,
    group: undefined,
    isGone: false,
    plans: [],
    tenure: undefined,
    finishedEpoch: -1,
    read: { ...idleCall, isWanted: false, sentAt: undefined, recheckAtMs: undefined },
    write: { ...idleCall, lastMs: Number.NEGATIVE_INFINITY },
    findings: [],
    promise: undefined,
    copies: {},
    isolation: undefined,
  };
}

export function newPart(plan: PartPlan, isClean: boolean): Part {
  return {
    plan,
    phase: "down",
    isClean,
    isAborted: false,
    notBeforeMs: 0,
    failures: 0,
    repairs: 0,
    upSinceMs: undefined,
    monitor: undefined,
    trouble: undefined,
  };
}

/** Nothing of the group is, or may be, up on this node. */
export function isProvenDown(state: GroupState): boolean {
  return state.tenure === undefined || state.tenure.stage === "down";
}

export function storedReport(state: GroupState): MemberReport | undefined {
  return state.group?.status?.reports?.find((report) => report.node === state.node);
}

/** The wait after the n-th failure in a row, in milliseconds. */
export function backoffMs(failures: number, baseMs: number, maxMs: number): number {
  return Math.min(maxMs, baseMs * 2 ** Math.max(0, failures - 1));
}
