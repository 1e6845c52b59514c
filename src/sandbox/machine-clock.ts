/** What the processes that measure need of the machine: one clock for all of them, and to be woken in time. */
import { setPriority } from "node:os";

/** The machine's monotonic clock, one origin for all processes (CLOCK_MONOTONIC), unlike `performance.now()`. */
export function machineMonotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Nice value of the measuring processes: a late look is a blind one. */
const MEASURING_PRIORITY = -10;

/** Lets this process run before those it measures, where it may. Returns whether it may. */
export function measureFirst(): boolean {
  try {
    setPriority(MEASURING_PRIORITY);
    return true;
  } catch {
    return false; // not root: the report says how closely it looked
  }
}
