/**
 * What this machine itself adds to an outage: for how long those who measure did not get to look, and for how long a
 * process of the sandbox was ready to run and got no processor (proc(5), `/proc/PID/schedstat`, second field).
 */
import { readFileSync } from "node:fs";
import { pidsOfSandbox } from "../launcher/janitor.ts";
import { secondsText } from "../report/result.ts";
import type { World } from "../world/world.ts";
import { MAX_STALL_MS } from "./bounds.ts";

/** Nobody is ever punctual; less than this is no stall, in ms. */
const PUNCTUAL_MS = 50;

export interface Stall {
  /** What an outage may be longer than its bound, in ms. */
  readonly allowanceMs: number;
  readonly text: string;
}

/** Watches from now on. */
export class StallWatch {
  readonly #world: World;
  readonly #waitedMs: ReadonlyMap<number, number>;

  constructor(world: World) {
    this.#world = world;
    this.#waitedMs = waits(world);
  }

  /** Of the stretch of time since `fromMs`, which is when the watch began. */
  found(fromMs: number, untilMs: number): Stall {
    const gapMs = this.#world.measurements.longestGap(fromMs, untilMs);
    const grown = [...waits(this.#world)].map(([pid, waitedMs]) => waitedMs - (this.#waitedMs.get(pid) ?? 0));
    return stallOf(gapMs, Math.max(0, ...grown));
  }
}

/** `gapMs`: longest time without a look; `waitMs`: longest wait of one process for a processor. Pure. */
export function stallOf(gapMs: number, waitMs: number): Stall {
  const longest = Math.max(gapMs, waitMs);
  const text =
    `this machine let those who measure look only after ${secondsText(gapMs)}, ` +
    `and a process wait for a processor for ${secondsText(waitMs)}`;
  return { allowanceMs: longest < PUNCTUAL_MS ? 0 : Math.min(MAX_STALL_MS, longest), text };
}

/** How long each process of the sandbox has waited for a processor since it started, in ms. */
function waits(world: World): Map<number, number> {
  const { id, directory } = world.config;
  const found = new Map<number, number>();
  for (const pid of pidsOfSandbox(id, directory)) {
    const waitedMs = waitOf(pid);
    if (waitedMs !== undefined) found.set(pid, waitedMs);
  }
  return found;
}

function waitOf(pid: number): number | undefined {
  try {
    const nanoseconds = Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]);
    return Number.isFinite(nanoseconds) ? nanoseconds / 1e6 : undefined;
  } catch {
    return undefined; // it has ended, or this kernel does not tell
  }
}
