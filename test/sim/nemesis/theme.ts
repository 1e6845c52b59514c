/** A chain of faults that leads to the edge of a rule, with the world it needs. What it leaves open is drawn. */
import type { Random } from "../../../src/lib/random.ts";
import { chance } from "../seeds.ts";
import type { Fault } from "./fault.ts";
import type { PlanOptions } from "./random-faults.ts";

/** What a theme asks of the world; anything else is drawn. */
export interface Shape {
  readonly members?: number;
  readonly groups?: number;
  readonly controllers?: number;
  readonly hasWatchdog?: boolean;
  /** L, milliseconds. */
  readonly sessionMs?: number;
  readonly isFenced?: boolean;
  readonly hasDisks?: boolean;
  readonly hasTargets?: boolean;
}

/** What must follow from the faults besides the invariants. */
export type Expectation =
  /** Nothing moves, nothing stops. */
  | "stillness"
  /** Served again in bounded time after the first fault, without any healing. */
  | "recovery";

export interface Theme {
  readonly shape?: Shape;
  readonly expect?: Expectation;
  readonly faults: (random: Random, options: PlanOptions) => Fault[];
}

export const FOR_EVER = Number.POSITIVE_INFINITY;

export function sometimes(random: Random, probability: number, fault: () => Fault): Fault[] {
  return chance(random, probability) ? [fault()] : [];
}
