/**
 * Asks the cloud which machine this is, then again and again what maintenance it announces, and tells the guard, who
 * publishes both with the session. Beside everything else: nothing waits for it, and without a cloud nothing is told.
 *
 *   identity (until known) ──> events, every interval ──changed──> guard ──facts of the Lease──> controller plans
 *                                   └── the groups have left because of it ──> the cloud may begin
 *
 * Must never do: take "could not be read" for "nothing is announced"; let maintenance begin early while anything is
 * active here.
 */
import { MAX_EVENTS, type ScheduledEvent } from "../../api/scheduled-events.ts";
import { type Clock, sleep } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { MachineIdentity, MachineMetadata, MachineWord } from "./port.ts";

export interface MachineWatchModules {
  readonly metadata: MachineMetadata;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tell: (word: MachineWord) => void;
  /** Every group has left this machine, at least one of them because of an event that was known at `sinceWallMs`. */
  readonly hasLeftSince: (sinceWallMs: number) => boolean;
}

const TIMEOUT_MS = 2_000;
/** Between tries to learn who this is, in milliseconds; doubled up to the second value where no cloud answers. */
const IDENTITY_RETRY_MS: readonly [number, number] = [1_000, 300_000];
/** Azure asks for a look every second; EC2 announces hours ahead, spot two minutes. In milliseconds. */
const INTERVAL_MS = { aws: 5_000, azure: 1_000 } as const;
/** An event that could not be acknowledged is acknowledged again after so long, in milliseconds. */
const ACKNOWLEDGE_AGAIN_MS = 5_000;

export class MachineWatch {
  readonly #modules: MachineWatchModules;
  readonly #closing = new AbortController();
  /** When each event was seen first. */
  readonly #known = new Map<string, { readonly sinceWallMs: number; acknowledgedMs: number | undefined }>();
  #told = "";
  #isReadable = true;

  constructor(modules: MachineWatchModules) {
    this.#modules = modules;
  }

  start(): void {
    void this.#run();
  }

  close(): void {
    this.#closing.abort();
  }

  async #run(): Promise<void> {
    const machine = await this.#identify();
    if (machine === undefined) return;
    this.#tell(machine, []);
    while (!this.#closing.signal.aborted) {
      await this.#look(machine);
      await sleep(this.#modules.clock, INTERVAL_MS[machine.cloud], this.#closing.signal);
    }
  }

  async #identify(): Promise<MachineIdentity | undefined> {
    const { metadata, clock, log } = this.#modules;
    const { signal } = this.#closing;
    for (let waitMs = IDENTITY_RETRY_MS[0]; !signal.aborted; waitMs = Math.min(IDENTITY_RETRY_MS[1], waitMs * 2)) {
      const answer = await metadata.identity(TIMEOUT_MS, signal);
      if (answer.ok) {
        log.info("this machine is known", { ...answer.value });
        return answer.value;
      }
      log.debug("no instance metadata", { why: answer.message });
      await sleep(clock, waitMs, signal);
    }
    return undefined;
  }

  async #look(machine: MachineIdentity): Promise<void> {
    const { metadata, log } = this.#modules;
    const { signal } = this.#closing;
    const answer = await metadata.events(machine, TIMEOUT_MS, signal);
    if (signal.aborted) return;
    if (answer.ok !== this.#isReadable)
      log[answer.ok ? "info" : "warn"]("scheduled events", {
        isReadable: answer.ok,
        why: answer.ok ? "" : answer.message,
      });
    this.#isReadable = answer.ok;
    if (!answer.ok) return;
    const events = answer.value.slice(0, MAX_EVENTS);
    this.#note(events);
    this.#tell(machine, events);
    await this.#acknowledge(machine, events);
  }

  #note(events: readonly ScheduledEvent[]): void {
    const { clock, log } = this.#modules;
    for (const event of events) {
      if (this.#known.has(event.id)) continue;
      this.#known.set(event.id, { sinceWallMs: clock.wallMs(), acknowledgedMs: undefined });
      log.warn("the cloud announces maintenance", { ...event });
    }
    for (const id of this.#known.keys()) {
      if (events.some((event) => event.id === id)) continue;
      this.#known.delete(id);
      log.info("maintenance is over or called off", { id });
    }
  }

  #tell(machine: MachineIdentity, events: readonly ScheduledEvent[]): void {
    const { providerId, zone } = machine;
    const word: MachineWord = { providerId, ...(zone === undefined ? {} : { zone }), events };
    const text = JSON.stringify(word);
    if (text === this.#told) return;
    this.#measure(events);
    this.#told = text;
    this.#modules.tell(word);
  }

  /** Types that are not announced any more go back to 0. */
  #measure(events: readonly ScheduledEvent[]): void {
    const before = this.#told === "" ? [] : (JSON.parse(this.#told) as MachineWord).events;
    for (const type of new Set([...before, ...events].map((event) => event.type))) {
      const count = events.filter((event) => event.type === type).length;
      this.#modules.metrics.set("understudy_scheduled_events", count, { type });
    }
  }

  /** The cloud waits for its time or for this word; without it the machine would stand idle for many minutes. */
  async #acknowledge(machine: MachineIdentity, events: readonly ScheduledEvent[]): Promise<void> {
    const { metadata, clock, log, hasLeftSince } = this.#modules;
    const nowMs = clock.monotonicMs();
    const due = events.filter((event) => {
      const known = this.#known.get(event.id);
      if (known === undefined || event.type === "Freeze" || event.isStarted === true) return false;
      const isEarly = known.acknowledgedMs !== undefined && nowMs - known.acknowledgedMs < ACKNOWLEDGE_AGAIN_MS;
      return !isEarly && hasLeftSince(known.sinceWallMs);
    });
    if (due.length === 0 || machine.cloud !== "azure") return;
    const ids = due.map((event) => event.id);
    for (const id of ids) {
      const known = this.#known.get(id);
      if (known !== undefined) known.acknowledgedMs = nowMs;
    }
    const answer = await metadata.acknowledge(machine, ids, TIMEOUT_MS, this.#closing.signal);
    if (answer.ok) log.info("everything has left this machine: the maintenance may begin", { ids });
    else log.warn("the cloud could not be told that the maintenance may begin", { ids, why: answer.message });
  }
}
