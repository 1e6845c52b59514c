/**
 * An inline command of a group: start, monitor and stop on the host, and the processes that start leaves behind.
 *
 *   stop ok ──nothing left──> down          stop failed ──again, later──> after the third time, or under a deadline:
 *           └─something left: TERM, KILL, look again ──> down           kill what start left behind and look again
 *
 * A stop that failed proves nothing by itself: only processes of ours that were there and are gone do.
 */
import type { Clock } from "../../lib/clock.ts";
import { sleep } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Holding } from "../guard-protocol.ts";
import type { Reading } from "../monitor/schedule.ts";
import {
  DONE,
  failed,
  GUARD_REFUSED,
  type LocalPart,
  type StepContext,
  type StopContext,
} from "../worker/local-part.ts";
import type { StepOutcome } from "../worker/group-state.ts";
import type { CommandPlan } from "../worker/part-plan.ts";
import { groupSelector } from "./environment.ts";
import { type CommandJournal, journalKey } from "./journal.ts";
import { CommandError, type CommandPort, type CommandResult, type ProcessPort, type ProcessRef } from "./port.ts";

export interface CommandPartModules {
  readonly commands: CommandPort;
  readonly processes: ProcessPort;
  readonly clock: Clock;
  /** Absent: the next life of the worker will not know what this one started. */
  readonly journal?: CommandJournal;
}

/** Failed stops after which what start left behind is killed. */
const STOPS_BEFORE_KILL = 3;
/** A service that stops cleanly may need so long after its stop command has ended, in milliseconds. */
const LINGER_MS = 1_000;
const TERM_GRACE_MS = 2_000;
const KILL_WAIT_MS = 2_000;
const LOOK_MS = 5;
/** Under a deadline the stop command gets this part of the budget; the rest is for killing. */
const URGENT_STOP_SHARE = 0.5;

export class CommandPart implements LocalPart {
  #plan: CommandPlan;
  readonly #modules: CommandPartModules;
  /** Sessions that our commands made, by their number. */
  readonly #sessions = new Map<number, ProcessRef>();
  #hadProcesses = false;
  #failedStops = 0;

  constructor(plan: CommandPlan, modules: CommandPartModules) {
    this.#plan = plan;
    this.#modules = modules;
  }

  /** Edited commands serve from the next use on. */
  adopt(plan: CommandPlan): void {
    this.#plan = plan;
  }

  /** The process group is known only when it runs. */
  async holdings(): Promise<readonly Holding[]> {
    return [];
  }

  async start(context: StepContext): Promise<StepOutcome> {
    const { commands } = this.#modules;
    const { start, startTimeoutMs } = this.#plan;
    try {
      await commands.check(start);
      const { environment } = context;
      this.#modules.journal?.add({ key: journalKey(environment, this.#plan.key), plan: this.#plan, environment });
      const refused = new AbortController();
      const notes: Promise<unknown>[] = [];
      let sinceTicks = Number.POSITIVE_INFINITY;
      const onSpawn = (leader: ProcessRef): void => {
        sinceTicks = leader.startTicks;
        notes.push(this.#note(leader, context).then((isAllowed) => (isAllowed ? undefined : refused.abort())));
      };
      const signal = AbortSignal.any([context.signal, refused.signal]);
      const result = await commands.run({
        argv: start,
        environment: context.environment,
        timeoutMs: startTimeoutMs,
        signal,
        onSpawn,
      });
      await Promise.all(notes);
      await this.#adoptDaemons(sinceTicks, context);
      if (refused.signal.aborted) return GUARD_REFUSED;
      return startOutcome(result, start, startTimeoutMs);
    } catch (thrown) {
      return failed(reasonOf(thrown, "ActivationFailed"), messageOf(thrown));
    }
  }

  async stop(context: StopContext): Promise<StepOutcome> {
    const { budgetMs, isUrgent } = context;
    const beganMs = this.#modules.clock.monotonicMs();
    const stopMs = isUrgent ? Math.max(1, budgetMs * URGENT_STOP_SHARE) : Math.min(budgetMs, this.#plan.stopTimeoutMs);
    const stopped = await this.#runStop(context, stopMs);
    if (context.signal.aborted && !isUrgent) return failed("Deactivating", "the stop command was ended early");
    this.#failedStops = stopped.ok ? 0 : this.#failedStops + 1;
    const mustKill = stopped.ok || isUrgent || stopped.isTimeout || this.#failedStops >= STOPS_BEFORE_KILL;
    if (!mustKill) return failed("Deactivating", stopped.message);
    const remainingMs = budgetMs - (this.#modules.clock.monotonicMs() - beganMs);
    const left = await this.#endProcesses(isUrgent ? Math.max(1, remainingMs) : undefined, stopped.ok);
    if (left.length > 0)
      return failed("Deactivating", `processes ${left.map((found) => found.pid).join(", ")} do not end`);
    if (!stopped.ok && !this.#hadProcesses) return failed("Deactivating", stopped.message);
    this.#forget(context);
    return DONE;
  }

  async leaveBehind(context: StepContext): Promise<void> {
    this.#forget(context);
  }

  async check(context: StepContext, timeoutMs: number): Promise<Reading> {
    const argv = this.#plan.check;
    if (argv === undefined) return { result: "good" };
    try {
      const result = await this.#modules.commands.run({
        argv,
        environment: context.environment,
        timeoutMs,
        signal: context.signal,
      });
      if (result.end === "aborted") return { result: "unknown", message: "ended early" };
      if (result.end === "exited" && result.exitCode === 0) return { result: "good" };
      return { result: "bad", reason: "ResourceFailed", message: describe(argv, result, timeoutMs), isProven: false };
    } catch (thrown) {
      return { result: "bad", reason: reasonOf(thrown, "ResourceFailed"), message: messageOf(thrown), isProven: false };
    }
  }

  async #runStop(
    context: StopContext,
    timeoutMs: number,
  ): Promise<{ ok: boolean; isTimeout: boolean; message: string }> {
    const { stop, start } = this.#plan;
    const { commands } = this.#modules;
    try {
      const result = await commands.run({
        argv: stop,
        environment: context.environment,
        timeoutMs,
        signal: context.signal,
      });
      const ok = result.end === "exited" && result.exitCode === 0;
      return { ok, isTimeout: result.end === "timed-out", message: describe(stop, result, timeoutMs) };
    } catch (thrown) {
      // What may not be stopped from here could not be started from here either: then there is nothing to stop.
      const couldStart =
        this.#sessions.size > 0 ||
        (await commands.check(start).then(
          () => true,
          () => false,
        ));
      return { ok: !couldStart, isTimeout: false, message: messageOf(thrown) };
    }
  }

  /** Notes a session that our command made with the guard, which must end it when it cuts hard. */
  #note(leader: ProcessRef, context: StepContext): Promise<boolean> {
    this.#sessions.set(leader.processGroup, leader);
    return context.hold(holding(leader));
  }

  /**
   * A daemon that left its session still carries our environment; what started since our command did is ours. The guard
   * finds it by its environment as well, so nothing waits for the note.
   */
  async #adoptDaemons(sinceTicks: number, context: StepContext): Promise<void> {
    const found = await this.#modules.processes.find({ ...groupSelector(context.environment), sinceTicks });
    if (found.length > 0) this.#hadProcesses = true;
    for (const ref of found) if (!this.#sessions.has(ref.processGroup)) void this.#note(leaderOf(ref, found), context);
  }

  async #left(): Promise<readonly ProcessRef[]> {
    if (this.#sessions.size === 0) return [];
    return this.#modules.processes.find({ sessions: [...this.#sessions.keys()], environment: {} });
  }

  /** Ends what start left behind; resolves to what would not end. */
  async #endProcesses(budgetMs: number | undefined, isStopped: boolean): Promise<readonly ProcessRef[]> {
    const graces: readonly [number, "SIGTERM" | "SIGKILL" | undefined][] =
      budgetMs === undefined
        ? [
            [isStopped ? LINGER_MS : 0, "SIGTERM"],
            [TERM_GRACE_MS, "SIGKILL"],
            [KILL_WAIT_MS, undefined],
          ]
        : [
            [0, "SIGTERM"],
            [budgetMs / 4, "SIGKILL"],
            [budgetMs / 2, undefined],
          ];
    for (const [waitMs, signal] of graces) {
      const left = await this.#untilGone(waitMs);
      if (left.length === 0) return [];
      this.#hadProcesses = true;
      if (signal !== undefined) this.#modules.processes.signal(left, signal);
    }
    return this.#left();
  }

  async #untilGone(waitMs: number): Promise<readonly ProcessRef[]> {
    const { clock } = this.#modules;
    const endMs = clock.monotonicMs() + waitMs;
    for (;;) {
      const left = await this.#left();
      if (left.length === 0 || clock.monotonicMs() >= endMs) return left;
      await sleep(clock, LOOK_MS);
    }
  }

  #forget(context: StepContext): void {
    for (const leader of this.#sessions.values()) context.released(holding(leader));
    this.#sessions.clear();
    this.#modules.journal?.remove(journalKey(context.environment, this.#plan.key));
    this.#hadProcesses = false;
    this.#failedStops = 0;
  }
}

function holding(leader: ProcessRef): Holding {
  return { kind: "process-group", processGroup: leader.processGroup, startTicks: leader.startTicks };
}

/** Start 0: the leader has ended; its number stays taken while its group lives. */
function leaderOf(member: ProcessRef, found: readonly ProcessRef[]): ProcessRef {
  const { processGroup } = member;
  return found.find((ref) => ref.pid === processGroup) ?? { pid: processGroup, processGroup, startTicks: 0 };
}

function startOutcome(result: CommandResult, argv: readonly string[], timeoutMs: number): StepOutcome {
  if (result.end === "exited" && result.exitCode === 0) return DONE;
  return failed(
    result.end === "timed-out" ? "ActivationTimeout" : "ActivationFailed",
    describe(argv, result, timeoutMs),
  );
}

function reasonOf(thrown: unknown, otherwise: string): string {
  return thrown instanceof CommandError && thrown.code === "CommandNotAllowed" ? thrown.code : otherwise;
}

function describe(argv: readonly string[], result: CommandResult, timeoutMs: number): string {
  const how =
    result.end === "timed-out"
      ? `did not end within ${timeoutMs} ms`
      : result.end === "aborted"
        ? "was ended early"
        : `ended with ${result.exitCode ?? "a signal"}`;
  return `${argv.join(" ")} ${how}${result.output === "" ? "" : `: ${result.output}`}`;
}
