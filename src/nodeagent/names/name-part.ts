/**
 * The name of a DNS record, watched where the service runs (REQUIREMENTS 5.2: codes 9 and 10). There is nothing to
 * bring up or to take down: the record is the controller's business, the member only looks.
 *
 * A reading before the record is settled, and for one TTL after it, is `early` and counts for nothing. What no resolver
 * could answer is unknown; it counts only where the user chose `Recover`.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Holding } from "../guard-protocol.ts";
import type { Reading } from "../monitor/schedule.ts";
import type { StepOutcome } from "../worker/group-state.ts";
import { DONE, type LocalPart, type StepContext } from "../worker/local-part.ts";
import type { NamePlan } from "../worker/part-plan.ts";
import type { NameAnswer, NameResolver } from "./port.ts";

export interface NamePartModules {
  readonly resolver: NameResolver;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How soon to look again whether the record is settled, in milliseconds. */
const NOT_SETTLED_AGAIN_MS = 2_000;
/**
 * How long resolvers may remember that a name did not exist, in milliseconds: the last field of Route 53's SOA records
 * (RFC 2308), and what Windows keeps. Counts after a record was written anew in place: it may have been missing.
 */
const ABSENCE_REMEMBERED_MS = 900_000;

interface Settled {
  readonly tenure: string;
  readonly version: string;
  readonly sinceMs: number;
  /** It was written before under the same grant. */
  readonly isRewritten: boolean;
}

export class NamePart implements LocalPart {
  readonly #modules: NamePartModules;
  #plan: NamePlan;
  /** Since when the record is known to be settled, for this epoch, address and version. */
  #settled: Settled | undefined;
  #lastTrouble = "";

  constructor(plan: NamePlan, modules: NamePartModules) {
    this.#plan = plan;
    this.#modules = modules;
  }

  /** The object has changed: the next reading judges by the new plan. */
  adopt(plan: NamePlan): void {
    this.#plan = plan;
  }

  async holdings(): Promise<readonly Holding[]> {
    return [];
  }

  async start(): Promise<StepOutcome> {
    return DONE;
  }

  async stop(): Promise<StepOutcome> {
    this.#settled = undefined;
    return DONE;
  }

  async leaveBehind(): Promise<void> {
    this.#settled = undefined;
  }

  async check(context: StepContext, timeoutMs: number): Promise<Reading> {
    const { name, address, servers } = this.#plan;
    const early = this.#early(Number(context.environment["UNDERSTUDY_EPOCH"]));
    if (early !== undefined || address === undefined) return early ?? tooEarly("its address is not known yet");
    const answer = await this.#modules.resolver.resolve({ name, servers }, timeoutMs, context.signal);
    const reading = this.#rememberedAbsence(answer) ?? judge(this.#plan, address, answer);
    if (reading.result !== "early") this.#note(reading);
    return reading;
  }

  #early(epoch: number): Reading | undefined {
    const { address, settledEpoch, ttlMs, version } = this.#plan;
    if (address === undefined) return tooEarly("its address is not known yet");
    if (settledEpoch !== epoch) return tooEarly("the record is not on all name servers yet");
    const nowMs = this.#modules.clock.monotonicMs();
    const tenure = `${epoch} ${address}`;
    const before = this.#settled?.tenure === tenure ? this.#settled : undefined;
    const settled =
      before?.version === version ? before : { tenure, version, sinceMs: nowMs, isRewritten: before !== undefined };
    this.#settled = settled;
    const leftMs = settled.sinceMs + ttlMs - nowMs;
    if (leftMs <= 0) return undefined;
    return { result: "early", message: `resolvers may remember the former record for ${leftMs} ms`, againMs: leftMs };
  }

  #rememberedAbsence({ result }: NameAnswer): Reading | undefined {
    if (result !== "absent" || this.#settled?.isRewritten !== true) return undefined;
    const leftMs = this.#settled.sinceMs + ABSENCE_REMEMBERED_MS - this.#modules.clock.monotonicMs();
    if (leftMs <= 0) return undefined;
    return {
      result: "early",
      message: `resolvers may remember for ${leftMs} ms that it did not exist`,
      againMs: leftMs,
    };
  }

  /** Once per change: a resolver that stays away is not news. */
  #note(reading: Reading): void {
    const text = reading.result === "good" ? "" : reading.message;
    if (text === this.#lastTrouble) return;
    this.#lastTrouble = text;
    const { name } = this.#plan;
    if (reading.result === "good") this.#modules.log.info("the name resolves as it should", { name });
    else this.#modules.log.warn("the name does not resolve as it should", { name, result: reading.result, why: text });
  }
}

function tooEarly(message: string): Reading {
  return { result: "early", message, againMs: NOT_SETTLED_AGAIN_MS };
}

function judge(plan: NamePlan, address: string, answer: NameAnswer): Reading {
  const { name, monitor } = plan;
  switch (answer.result) {
    case "resolved": {
      const elsewhere = answer.addresses.filter((found) => found !== address);
      if (elsewhere.length === 0) return { result: "good" };
      const message = `${name} resolves to ${elsewhere.join(", ")} on this member (${answer.source}), expected ${address}`;
      return { result: "bad", reason: "ResolvedElsewhere", message, isProven: false };
    }
    case "absent": {
      const message = `${name} does not resolve on this member: ${answer.message}; expected ${address}`;
      return { result: "bad", reason: "NotResolved", message, isProven: false };
    }
    case "unreadable": {
      const message = `whether ${name} resolves on this member cannot be told: ${answer.message}`;
      if (monitor?.whenUnreadable !== "Recover") return { result: "unknown", message };
      return { result: "bad", reason: "NotResolved", message, isProven: false };
    }
  }
}
