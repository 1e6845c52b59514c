/**
 * The session's settings while the agent runs (API.md 2: a ConfigMap, mounted as a folder with a file per flag). Duration
 * and stop budget may change in a running guard: holders live by the smaller of old and new for one old duration, all
 * others wait for the larger (DESIGN 4.2); everything else needs a restart of the agent.
 *
 *   file changed ──relations hold, the watchdog fits──> guard and promises take it over, the next renewal publishes it
 *                └──they do not──> said once, the old values stay in force
 *
 * Must never do: hand over timings that break a relation, or that the running watchdog does not guard.
 */
import { deriveTimings, type Preset, type Timings } from "../../api/timings.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";

/** One value per file; absent: the flag's. */
export interface SessionSettings {
  readonly preset?: string | undefined;
  readonly "session-duration"?: string | undefined;
  readonly "stop-budget"?: string | undefined;
}

export interface SettingsModules {
  readonly clock: Clock;
  readonly log: Logger;
  /** The settings as they are now. Throws when they cannot be read, which changes nothing. */
  readonly read: () => Promise<SessionSettings>;
  /** Why the running watchdog does not guard these timings; undefined: it does. */
  readonly watchdogProblem: (timings: Timings) => string | undefined;
  readonly onTimings: (timings: Timings) => void;
}

/** Between two looks, milliseconds; the kubelet brings a changed ConfigMap within a minute. */
export const SETTINGS_INTERVAL_MS = 5_000;

export type Change = { readonly timings: Timings } | { readonly problem: string } | undefined;

/** What the guard was started with. */
export type StartSettings = SessionSettings & { readonly preset: Preset };

/** What follows from `settings` for a guard that was started with `flags`; undefined: nothing changes. */
export function changeOf(settings: SessionSettings, flags: StartSettings, current: Timings): Change {
  const { preset } = flags;
  if (settings.preset !== undefined && settings.preset !== preset)
    return { problem: `preset ${settings.preset} needs a restart of the agent, which runs with ${preset}` };
  const durations: (number | undefined)[] = [];
  for (const name of ["session-duration", "stop-budget"] as const) {
    const text = settings[name] ?? flags[name] ?? "";
    const ms = parseDurationMs(text);
    if (text !== "" && ms === undefined) return { problem: `${name} ${text} is no duration` };
    durations.push(ms);
  }
  const [durationMs, budgetMs] = durations;
  try {
    const timings = deriveTimings(preset, durationMs, budgetMs);
    return JSON.stringify(timings) === JSON.stringify(current) ? undefined : { timings };
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    return { problem: thrown.message };
  }
}

export class SettingsFollower {
  readonly #flags: StartSettings;
  readonly #modules: SettingsModules;
  #timings: Timings;
  #timer: Timer | undefined;
  /** What was said last, so that it is said once. */
  #problem: string | undefined;

  constructor(flags: StartSettings, timings: Timings, modules: SettingsModules) {
    this.#flags = flags;
    this.#timings = timings;
    this.#modules = modules;
  }

  /** Begins to look; `close` ends it. */
  start(): void {
    this.#timer = this.#modules.clock.setTimer(SETTINGS_INTERVAL_MS, () => {
      void this.#look().finally(() => {
        if (this.#timer !== undefined) this.start();
      });
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const { read, watchdogProblem, onTimings, log } = this.#modules;
    let settings: SessionSettings;
    try {
      settings = await read();
    } catch (thrown) {
      return this.#say(`the settings cannot be read: ${messageOf(thrown)}`);
    }
    const change = changeOf(settings, this.#flags, this.#timings);
    if (change === undefined) return this.#say(undefined);
    if ("problem" in change) return this.#say(change.problem);
    const problem = watchdogProblem(change.timings);
    if (problem !== undefined) return this.#say(problem);
    this.#say(undefined);
    const { sessionDurationMs, stopBudgetMs, renewDeadlineMs } = change.timings;
    log.info("session settings changed", { sessionDurationMs, renewDeadlineMs, stopBudgetMs });
    this.#timings = change.timings;
    onTimings(change.timings);
  }

  #say(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem)
      this.#modules.log.warn("session settings not taken over: the old ones stay in force", { problem });
    this.#problem = problem;
  }
}
