/**
 * Obtaining proof that one machine is off, from the decision to the proof:
 *
 *   still as decided? -> reserved under the limit? -> still as decided? -> power off -> read until off -> (EC2: power off
 *        │ no                    │ no                                          │           answers "was off already")
 *        v                       v                                             v                       v
 *     Dropped               wait, try again                       unknown result: read, again        Proven
 *
 * The idea: every call is idempotent, so a lost reply, a crash or another leader in the middle only repeats it. Proof is
 * bound to the version of the session's Lease under which it was obtained: the revoke that follows is a compare-and-set
 * on that very version.
 *
 * Must never do: stop a machine without having read the grant, the Lease and the promises anew, or without the leader's
 * right at that moment; take `stopping`, "not found" or silence of the cloud for proof; shoot across a gap in the reads.
 */
import { CloudError, isAnswer } from "../../cloud/errors.ts";
import { type Fencer, type PowerReading, vmText } from "../../cloud/fencing-ports.ts";
import { Deposed, type Fence } from "../../controller/contract.ts";
import { type Clock, sleep } from "../../lib/clock.ts";
import { InvariantBroken } from "../../lib/assert.ts";
import { formatDuration } from "../../lib/duration.ts";
import { messageOf } from "../../lib/errors.ts";
import type { SafetyRules } from "../../lib/safety-rules.ts";
import type { FencingRecord } from "./fencing-record.ts";
import type { FenceOrder, FenceProblem, FenceView } from "./fencing-view.ts";

export interface AttemptModules {
  readonly clock: Clock;
  readonly record: FencingRecord;
  readonly fencerFor: (order: FenceOrder) => Promise<Fencer>;
  /** Reads the grant and the Lease anew. Undefined: all is as decided; else what changed. */
  readonly whatChanged: (order: FenceOrder) => Promise<string | undefined>;
  /** The same from what is known without a request. */
  readonly hasChanged: (order: FenceOrder) => boolean;
  /** Something that the plan looks at has changed. */
  readonly changed: () => void;
  readonly heard: (news: FenceNews) => void;
  /** All of them, unless the simulator says otherwise. */
  readonly rules: SafetyRules;
}

export type FenceNews =
  /** About to be stopped for the first time in this attempt. */
  | { readonly what: "Stopping"; readonly order: FenceOrder }
  | { readonly what: "Proven"; readonly order: FenceOrder; readonly tookMs: number; readonly detail: string }
  | { readonly what: "Failed"; readonly order: FenceOrder; readonly message: string }
  | { readonly what: "Limited"; readonly order: FenceOrder; readonly message: string };

/** Deadline of one cloud call, in milliseconds. */
export const CALL_TIMEOUT_MS = 5_000;
/** The grant follows within a second of `off`: between two reads, in milliseconds; slower once it takes long. */
const POLL_MS = 250;
const SLOW_POLL_MS = 1_000;
const SLOW_AFTER_MS = 120_000;
/** Two calls that switch off lie so far apart, in milliseconds, even when a stale read asks for the next one at once. */
const CALL_PACE_MS = 500;
/** After so long the power is switched off once more, in milliseconds: accepted / refused / result unknown. */
const AGAIN_MS = { accepted: 30_000, refused: 5_000, unknown: 1_000 } as const;
/** Longest wait before a reached limit is looked at again, in milliseconds. */
const LIMIT_POLL_MS = 10_000;

export class FenceAttempt {
  readonly #modules: AttemptModules;
  readonly #fence: Fence;
  readonly #startedMs: number;
  #order: FenceOrder;
  #end: FenceView | undefined;
  #detail: string | undefined;
  #problem: FenceProblem | undefined;
  #hasToldStop = false;
  #calledAtMs = Number.NEGATIVE_INFINITY;
  /** The machine was read off since it was last told to stop: a further `off` from the call itself makes it proof. */
  #wasReadOff = false;

  constructor(order: FenceOrder, fence: Fence, modules: AttemptModules) {
    this.#order = order;
    this.#fence = fence;
    this.#modules = modules;
    this.#startedMs = modules.clock.monotonicMs();
  }

  get view(): FenceView {
    if (this.#end !== undefined) return this.#end;
    return {
      phase: "Working",
      order: this.#order,
      startedMs: this.#startedMs,
      ...(this.#detail === undefined ? {} : { detail: this.#detail }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  /** The same machine and session, decided anew: perhaps another candidate. */
  update(order: FenceOrder): void {
    if (this.#end === undefined) this.#order = order;
  }

  /** Nothing is sent after it returns, except what is under way. */
  drop(): void {
    this.#finish({ phase: "Dropped", order: this.#order, atMs: this.#modules.clock.monotonicMs() });
  }

  async run(): Promise<void> {
    const { clock } = this.#modules;
    while (this.#end === undefined) {
      const pauseMs = this.#calledAtMs + CALL_PACE_MS - clock.monotonicMs();
      if (pauseMs > 0) await sleep(clock, pauseMs);
      let waitMs: number = AGAIN_MS.unknown;
      try {
        waitMs = await this.#round();
      } catch (thrown) {
        if (thrown instanceof InvariantBroken) throw thrown;
        if (thrown instanceof Deposed) return this.drop();
        waitMs = this.#failed(thrown);
      }
      if (await this.#isReadOff(waitMs)) await this.#prove();
    }
  }

  /** One try; how long to read the state before the next one. */
  async #round(): Promise<number> {
    const { record, fencerFor, whatChanged } = this.#modules;
    const order = this.#order;
    const fencer = await fencerFor(order);
    if ((await whatChanged(order)) !== undefined) return this.#dropped();
    const { node, session, vm } = order;
    const reservation = await record.reserve({ node, session, machine: vmText(vm) });
    if (!reservation.ok) {
      this.#limited(
        reservation.shots.map((shot) => shot.node),
        reservation.leftMs,
      );
      return Math.min(LIMIT_POLL_MS, Math.max(POLL_MS, reservation.leftMs));
    }
    if ((await whatChanged(order)) !== undefined || this.#end !== undefined) return this.#dropped();
    if (!this.#hasToldStop) this.#modules.heard({ what: "Stopping", order });
    this.#hasToldStop = true;
    this.#fence.assertLeader();
    const answer = await this.#powerOff(fencer, order, reservation.isNew);
    if (answer === "off" && this.#wasReadOff) await this.#prove();
    // What was read before a call that found the machine running says nothing about its end.
    if (answer === "stopping") this.#wasReadOff = false;
    return answer === "off" ? 0 : AGAIN_MS.accepted;
  }

  async #powerOff(fencer: Fencer, order: FenceOrder, isNewlyNoted: boolean): Promise<"off" | "stopping"> {
    this.#calledAtMs = this.#modules.clock.monotonicMs();
    try {
      const answer = await fencer.powerOff(order.vm, { graceful: order.isGraceful, timeoutMs: CALL_TIMEOUT_MS });
      this.#solved();
      return answer;
    } catch (thrown) {
      // Refused: it does not count towards the limit.
      const isRefused = thrown instanceof CloudError && isAnswer(thrown.code);
      if (isRefused && isNewlyNoted) await this.#modules.record.cancel(order.node, order.session);
      throw thrown;
    }
  }

  /**
   * Reads until the machine is off or `forMs` have passed. True: that is proof. A read alone is, where reads are never
   * older than the call; elsewhere the next round's call decides.
   */
  async #isReadOff(forMs: number): Promise<boolean> {
    const { clock, fencerFor, hasChanged } = this.#modules;
    const untilMs = clock.monotonicMs() + forMs;
    while (this.#end === undefined) {
      if (hasChanged(this.#order)) {
        this.#dropped();
        return false;
      }
      try {
        this.#fence.assertLeader();
        const fencer = await fencerFor(this.#order);
        const reading = await fencer.state(this.#order.vm, { timeoutMs: CALL_TIMEOUT_MS });
        if (this.#end !== undefined || hasChanged(this.#order)) continue;
        this.#note(reading);
        if (reading.state === "gone") return true;
        if (reading.state === "stopping" && !this.#modules.rules.onlyOffIsProof) return true;
        if (reading.state === "off" && this.#hasToldStop) {
          if (fencer.areReadsConsistent) return true;
          this.#wasReadOff = true;
          return false;
        }
      } catch (thrown) {
        if (thrown instanceof InvariantBroken) throw thrown;
        if (thrown instanceof Deposed) {
          this.drop();
          return false;
        }
        this.#failed(thrown);
      }
      if (clock.monotonicMs() >= untilMs) return false;
      await sleep(clock, this.#pollMs());
    }
    return false;
  }

  #pollMs(): number {
    return this.#modules.clock.monotonicMs() - this.#startedMs > SLOW_AFTER_MS ? SLOW_POLL_MS : POLL_MS;
  }

  #note({ state, detail }: PowerReading): void {
    if (this.#problem?.isFinal === false) this.#solved();
    const text = detail === state ? state : `${state}: ${detail}`;
    if (this.#detail === text) return;
    this.#detail = text;
    this.#modules.changed();
  }

  async #prove(): Promise<void> {
    const { node, session } = this.#order;
    // Only the start afterwards rests on this note: proof does not wait for it to succeed.
    await this.#modules.record.noteStopped(node, session).catch((thrown: unknown) => this.#failed(thrown));
    if (this.#end !== undefined) return;
    const provenMs = this.#modules.clock.monotonicMs();
    const order = this.#order;
    this.#finish({ phase: "Proven", order, startedMs: this.#startedMs, provenMs });
    this.#modules.heard({ what: "Proven", order, tookMs: provenMs - this.#startedMs, detail: this.#detail ?? "off" });
  }

  #dropped(): number {
    this.drop();
    return 0;
  }

  #finish(end: FenceView): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#modules.changed();
  }

  /** How long to wait before the next try. */
  #failed(thrown: unknown): number {
    const message = messageOf(thrown);
    const isFinal = !(thrown instanceof CloudError) ? isRefusal(thrown) : isAnswer(thrown.code);
    this.#trouble(message, isFinal, "Failed");
    return isFinal ? AGAIN_MS.refused : AGAIN_MS.unknown;
  }

  #limited(nodes: readonly string[], leftMs: number): void {
    const message = `as many machines as fencing.maxPerPeriod allows were stopped lately (${nodes.join(", ")}); the next may be stopped in ${formatDuration(Math.ceil(leftMs / 1_000) * 1_000)}`;
    this.#trouble(message, true, "Limited");
  }

  #trouble(message: string, isFinal: boolean, what: "Failed" | "Limited"): void {
    const before = this.#problem;
    const isNew = before === undefined || before.isFinal !== isFinal;
    if (!isNew && before.message === message) return;
    const sinceMs = isNew ? this.#modules.clock.monotonicMs() : before.sinceMs;
    this.#problem = { message, isFinal, sinceMs };
    if (isNew) this.#modules.heard({ what, order: this.#order, message });
    this.#modules.changed();
  }

  #solved(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#modules.changed();
  }
}

/** Errors of our own that pass only when somebody acts: credentials, an unreadable record. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "RecordUnreadable";
}
