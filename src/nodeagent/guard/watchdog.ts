/**
 * The watchdog as a port. Once armed it resets the VM unless it is petted in time; only the guard pets it, and only
 * when its right was prolonged (DESIGN 4.2, A9). Calls are synchronous on purpose: nothing can happen between the
 * decision to allow an activation and the arming that must precede it.
 */
import type { NodeFacts } from "../../api/session-lease.ts";
import type { Timings } from "../../api/timings.ts";

export type WatchdogMode = "Auto" | "Hardware" | "Soft" | "Off";

export type WatchdogKind = NodeFacts["watchdog"];

export interface Watchdog {
  readonly kind: WatchdogKind;
  /** In words, why there is none, or none that can be relied on. */
  readonly problem?: string;
  readonly isArmed: boolean;
  /** Opens the device, which starts its timer; false when that failed. Idempotent: an armed one is left alone. */
  arm(): boolean;
  /** Restarts the timer; false when the device did not take it. */
  pet(): boolean;
  /** Stops the timer; false when the device may still be running. Idempotent. */
  disarm(): boolean;
}

/** What the driver says about a device. */
export interface WatchdogFacts {
  readonly isPresent: boolean;
  readonly identity?: string;
  readonly timeoutMs?: number;
  /** The driver does not let itself be stopped: every planned stop of the agent would reset the VM. */
  readonly isNowayout?: boolean;
}

const SOFTDOG_IDENTITY = /software watchdog/i;

/** Which watchdog `facts` amount to under `mode`, and why not if it is none. */
export function judgeWatchdog(
  mode: WatchdogMode,
  facts: WatchdogFacts,
  timings: Timings,
): { readonly kind: WatchdogKind; readonly problem?: string } {
  if (mode === "Off") return { kind: "None", problem: "switched off by watchdog.mode" };
  if (!facts.isPresent) return { kind: "None", problem: "no watchdog device" };
  const kind = SOFTDOG_IDENTITY.test(facts.identity ?? "") ? "Soft" : "Hardware";
  if (mode !== "Auto" && mode !== kind)
    return { kind: "None", problem: `the device is ${kind}, watchdog.mode asks for ${mode}` };
  const { watchdogTimeoutMs: W, renewDeadlineMs: R, stopBudgetMs: S } = timings;
  if (facts.timeoutMs === undefined) return { kind: "None", problem: "the device does not say its timeout" };
  if (facts.timeoutMs > W)
    return {
      kind: "None",
      problem: `the device fires after ${facts.timeoutMs} ms, later than the ${W} ms that the session's timings rely on: set its timeout to ${W / 1_000} s`,
    };
  if (facts.timeoutMs < R + S)
    return {
      kind: "None",
      problem: `the device fires after ${facts.timeoutMs} ms, before a take-down of ${R + S} ms can end: set its timeout to ${W / 1_000} s`,
    };
  if (facts.isNowayout === true)
    return {
      kind: "None",
      problem: "the driver cannot be stopped (nowayout): every restart of the agent would reset the VM",
    };
  return { kind };
}
