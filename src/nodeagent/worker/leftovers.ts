/**
 * Stops what an earlier life of this worker started and did not stop, by its journal, at once and without the API
 * server. Until that is proven, this worker does not call anything down.
 */
import { type Clock, sleep } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { CommandJournal, JournalEntry } from "../command/journal.ts";
import { CommandPart, type CommandPartModules } from "../command/command-part.ts";
import type { GuardLink } from "./guard-link.ts";

export interface LeftoverModules extends CommandPartModules {
  readonly guard: GuardLink;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A stop that failed is repeated after so long, in milliseconds. */
const RETRY_MS = 1_000;

export class Leftovers {
  readonly #modules: LeftoverModules;
  readonly #journal: CommandJournal | undefined;
  #open = 0;

  constructor(modules: LeftoverModules) {
    this.#modules = modules;
    this.#journal = modules.journal;
  }

  /** Nothing of an earlier life may be up any more. */
  get areStopped(): boolean {
    return this.#open === 0;
  }

  stopAll(signal: AbortSignal): void {
    for (const entry of this.#journal?.entries() ?? []) {
      this.#open++;
      void this.#stop(entry, signal);
    }
  }

  async #stop(entry: JournalEntry, signal: AbortSignal): Promise<void> {
    const { guard, clock, log } = this.#modules;
    const part = new CommandPart(entry.plan, this.#modules);
    log.warn("a command of an earlier life is stopped", { command: entry.key });
    while (!signal.aborted) {
      const outcome = await part.stop({
        signal,
        environment: entry.environment,
        budgetMs: entry.plan.stopTimeoutMs,
        isUrgent: false,
        isCut: true,
        hold: (holding) => guard.hold(holding),
        released: (holding) => guard.tell({ type: "holdingRemoved", holding }),
      });
      if (outcome.ok) break;
      log.error("a command of an earlier life does not stop", { command: entry.key, error: outcome.message });
      await sleep(clock, RETRY_MS, signal);
    }
    this.#open--;
  }
}
