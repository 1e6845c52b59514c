/**
 * Booting the machine anew: the last resort of a group that failed on every member (`failover.finalAction: RebootNode`).
 * Everything is taken down and the session released first, so that other groups leave in order; what hangs does not hold
 * it up for long.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { GrantRef } from "../guard-protocol.ts";

export interface Reboot {
  /** Does not return where it works. What keeps it from working is logged, and the agent ends as after any stop. */
  now(reason: string): Promise<void>;
}

/** A machine that does not get everything down boots anew all the same after so long, in milliseconds. */
const REBOOT_ANYWAY_MS = 30_000;

export class FinalReboot {
  readonly #modules: { readonly reboot?: Reboot | undefined; readonly clock: Clock; readonly log: Logger };
  #wanted: { readonly reason: string; readonly finish: () => void } | undefined;
  #isBegun = false;

  constructor(modules: { readonly reboot?: Reboot | undefined; readonly clock: Clock; readonly log: Logger }) {
    this.#modules = modules;
  }

  /** `stop` takes everything down; `finish` ends the guard where the machine does not boot. */
  want({ namespace, group }: GrantRef, stop: () => void, finish: () => void): void {
    const { reboot, clock, log } = this.#modules;
    if (reboot === undefined || this.#wanted !== undefined) return;
    this.#wanted = { reason: `${namespace}/${group} failed on every member`, finish };
    log.error("the final action is to boot this machine anew", { group: `${namespace}/${group}` });
    clock.setTimer(REBOOT_ANYWAY_MS, () => void this.carryOut());
    stop();
  }

  /** False: nobody wants it. */
  carryOut(): boolean {
    const { reboot } = this.#modules;
    if (reboot === undefined || this.#wanted === undefined) return false;
    const { reason, finish } = this.#wanted;
    if (!this.#isBegun) void reboot.now(reason).finally(finish);
    this.#isBegun = true;
    return true;
  }
}
