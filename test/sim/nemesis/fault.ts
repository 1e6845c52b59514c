/** One thing that goes wrong: when, what, and how long. A value first, so that a seed's faults can be printed and left out one by one. */
import type { World } from "../world.ts";

export interface Fault {
  /** True milliseconds after the world was first in order, or after the trigger. */
  readonly atMs: number;
  /** Waits for this to happen, at or after `atMs`; then `afterMs` more. */
  readonly on?: Trigger;
  readonly afterMs?: number;
  readonly what: FaultKind;
  /** It does not end when the world is healed: the rest must do. */
  readonly isLasting?: boolean;
}

/**
 * `grant`: a group is granted to anybody; `revoke`: a session is ended by the leader; `report`: a member reports another
 * state; `active`: the member that is granted a group reports it up; `activation`: something comes up or goes down on a host.
 */
export type Trigger = "grant" | "revoke" | "report" | "active" | "activation";

/** Who is meant, at the moment when it happens. */
export type Target = "active" | "standby" | "any" | "first" | "second";

export type FaultKind =
  | { readonly kind: "cut-api"; readonly target: Target; readonly way: "both" | "out" | "in"; readonly forMs: number }
  | { readonly kind: "cut-peers"; readonly target: Target; readonly way: "both" | "out" | "in"; readonly forMs: number }
  | { readonly kind: "isolate"; readonly target: Target; readonly forMs: number }
  | { readonly kind: "crash"; readonly target: Target; readonly downMs: number }
  | { readonly kind: "kill-guard"; readonly target: Target }
  | { readonly kind: "kill-worker"; readonly target: Target }
  | { readonly kind: "stop-guard"; readonly target: Target }
  | { readonly kind: "pause-guard"; readonly target: Target; readonly forMs: number }
  | { readonly kind: "pause-worker"; readonly target: Target; readonly forMs: number }
  | { readonly kind: "freeze-vm"; readonly target: Target; readonly forMs: number; readonly stopsMonotonic: boolean }
  /** The hypervisor pauses the machine and its watchdog with it. */
  | {
      readonly kind: "pause-machine";
      readonly target: Target;
      readonly forMs: number;
      readonly stopsMonotonic: boolean;
    }
  | {
      readonly kind: "stall-guard";
      readonly target: Target;
      readonly after: number;
      readonly forMs: number;
      readonly isMachineWide: boolean;
    }
  /** Stopped just before it writes to the watchdog, for almost its timeout, and for good right after it did. */
  | { readonly kind: "freeze-around-pet"; readonly target: Target; readonly share: number }
  | { readonly kind: "kill-leader" }
  | { readonly kind: "stop-leader" }
  | { readonly kind: "pause-leader"; readonly forMs: number }
  | { readonly kind: "cut-leader"; readonly way: "both" | "out" | "in"; readonly forMs: number }
  | { readonly kind: "api-outage"; readonly hangs: boolean; readonly forMs: number }
  | { readonly kind: "api-flaky"; readonly refusals: number; readonly stale: number; readonly forMs: number }
  | { readonly kind: "drop-watches" }
  | {
      readonly kind: "bad-client";
      readonly target: Target | "leader";
      readonly loss: number;
      readonly late: number;
      readonly lateMs: number;
      readonly leastLateMs?: number;
      /** Usual delay of one way. */
      readonly delayMs?: number;
      readonly forMs: number;
    }
  /** Watches stand still, requests work. */
  | { readonly kind: "hold-watches"; readonly target: Target | "followers"; readonly forMs: number }
  /** Requests for session Leases fail, others work. */
  | { readonly kind: "no-leases"; readonly target: Target | "leader"; readonly forMs: number }
  /** Changes of disks take a detour, other requests none. */
  | {
      readonly kind: "late-disk-writes";
      readonly target: Target;
      readonly leastLateMs: number;
      readonly lateMs: number;
      readonly forMs: number;
    }
  /** Isolation targets do not answer this member. */
  | { readonly kind: "cut-targets"; readonly target: Target; readonly forMs: number }
  /** No member reaches the API server. */
  | { readonly kind: "cut-members"; readonly forMs: number }
  | { readonly kind: "force-promote"; readonly target: Target }
  | {
      readonly kind: "bad-peers";
      readonly loss: number;
      readonly late: number;
      readonly lateMs: number;
      readonly repeat: number;
      /** Usual delay. */
      readonly delayMs?: number;
      readonly forMs: number;
    }
  | {
      readonly kind: "bad-cloud";
      readonly loss: number;
      readonly late: number;
      readonly throttle: number;
      readonly stale: number;
      readonly forMs: number;
    }
  | { readonly kind: "move" }
  /** Named members of the first group, whoever holds it. */
  | { readonly kind: "set-members"; readonly members: readonly ("active" | "standby")[] }
  | { readonly kind: "drop-member"; readonly target: Target; readonly forMs: number }
  | { readonly kind: "change-timings"; readonly durationMs: number }
  | { readonly kind: "step-wall"; readonly target: Target | "leader"; readonly byMs: number }
  | { readonly kind: "slow-host"; readonly target: Target; readonly factor: number; readonly forMs: number }
  /** The application takes longer to stop than any budget. */
  | { readonly kind: "slow-stop"; readonly target: Target; readonly stopMs: number; readonly forMs: number }
  | { readonly kind: "stuck-app"; readonly target: Target; readonly forMs: number };

export function wordsOf(fault: Fault): string {
  const { kind, ...rest } = fault.what;
  const details = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === "number" ? round(value) : value}`,
  );
  const when = fault.on === undefined ? "" : ` ${round(fault.afterMs ?? 0)} ms after ${fault.on}`;
  return `at ${round(fault.atMs)} ms${when}: ${kind} ${details.join(" ")}`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export type Undo = () => void;
export type Apply = (world: World) => Undo | undefined;
