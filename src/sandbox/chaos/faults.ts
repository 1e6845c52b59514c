/**
 * What chaos can do to a sandbox, as data. A fault names its victim by role, since who is active is known only when the
 * fault begins. Pure.
 */

/** Parts of the sandbox; two faults that overlap never hit the same one. */
export type Victim = "active" | "standby" | "api-server" | "controllers" | "cloud";

export type Member = Extract<Victim, "active" | "standby">;

export const MEMBER_FAULTS = [
  /** The power fails; it comes back after `lengthMs`. */
  "vm-crash",
  /** Every process is stopped and the wire is dead for less than the longest pause that costs nothing. */
  "pause-short",
  /** The same for longer; the watchdog may reset the machine meanwhile. */
  "freeze",
  "cut-off",
  /** Nothing reaches it; it reaches everybody. */
  "cut-off-inbound",
  /** It reaches nobody; everybody reaches it. */
  "cut-off-outbound",
  /** Cut off for less than the longest pause that costs nothing. */
  "cut-off-short",
  /** SIGKILL to the guard; the kubelet starts the agent again. */
  "guard-kill",
  /** SIGKILL to the worker; the guard starts it again. */
  "worker-kill",
] as const;
export type MemberFaultKind = (typeof MEMBER_FAULTS)[number];

export const OTHER_FAULTS = {
  /** SIGKILL; started again with its journal after `lengthMs`. */
  "api-kill": "api-server",
  /** SIGSTOP for `lengthMs`: connections are accepted and nobody answers. */
  "api-freeze": "api-server",
  /** SIGKILL to the replica that does not lead. */
  "controller-kill": "controllers",
  "leader-kill": "controllers",
  /** SIGKILL to the leader, and to the other replica `lengthMs` later. */
  "controllers-kill": "controllers",
  /** SIGSTOP for `lengthMs`: afterwards there may be a stale leader. */
  "leader-freeze": "controllers",
  /** Every call takes `latencyMs`, for `lengthMs`. */
  "cloud-slow": "cloud",
  /** Calls go wrong in the way that `outcome` says, for `lengthMs`. */
  "cloud-failing": "cloud",
} as const satisfies Readonly<Record<string, Victim>>;
export type OtherFaultKind = keyof typeof OTHER_FAULTS;

export type FaultKind = MemberFaultKind | OtherFaultKind;

export const CLOUD_OUTCOMES = ["throttle", "unreachable", "hang", "loseReply"] as const;
export type CloudOutcome = (typeof CLOUD_OUTCOMES)[number];

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly victim: Victim;
  /** From the start of the chapter, in ms. */
  readonly afterMs: number;
  /** How long it lasts, in ms; 0 for what is over at once. */
  readonly lengthMs: number;
  /** Of `cloud-slow`: per call, in ms. */
  readonly latencyMs?: number;
  /** Of `cloud-failing`. */
  readonly outcome?: CloudOutcome;
}

/** One fault, or two that overlap. The sandbox is calm before and after. */
export interface Chapter {
  /** From 1. */
  readonly number: number;
  readonly faults: readonly [PlannedFault] | readonly [PlannedFault, PlannedFault];
}

/** How results name a fault: its kind, and the member's role where it hits one. */
export function faultName(fault: Pick<PlannedFault, "kind" | "victim">): string {
  return isMember(fault.victim) ? `${fault.kind}-${fault.victim}` : fault.kind;
}

export function chapterName(chapter: Pick<Chapter, "faults">): string {
  return chapter.faults.map(faultName).join("+");
}

export function isMember(victim: Victim): victim is Member {
  return victim === "active" || victim === "standby";
}
