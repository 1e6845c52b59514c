/** One node's promise machine, and what a test says to it. */
import { CLOCK_RATE_BOUND, presetTimings } from "../../src/api/timings.ts";
import type { GrantRef } from "../../src/nodeagent/guard-protocol.ts";
import { stepPromises } from "../../src/nodeagent/guard/promise-machine.ts";
import type { PromiseMessage } from "../../src/nodeagent/guard/promise-messages.ts";
import {
  initialPromises,
  isPromised,
  type PromiseContext,
  type PromiseEffect,
  type PromiseEvent,
  type PromiseRecord,
  type PromiseState,
} from "../../src/nodeagent/guard/promise-state.ts";
import { ALL_RULES, type SafetyRules } from "../../src/lib/safety-rules.ts";

export const timings = presetTimings("default");
export const { renewDeadlineMs: R, sessionDurationMs: L, marginMs: M } = timings;
export const ASK_MS = Math.ceil((2 / 3) * R);
export const BIND_MS = CLOCK_RATE_BOUND * L + M;

export const grant = (epoch: number, groupUid = "g1"): GrantRef => ({
  namespace: "default",
  group: groupUid,
  groupUid,
  epoch,
  session: "a_1",
});

/** One node's machine under a clock that the test moves. */
export class PromiseNode {
  state: PromiseState;
  nowMs = 1_000;
  wallMs = 5_000_000;
  effects: PromiseEffect[] = [];
  context: PromiseContext = {
    canAnswer: true,
    session: "a_1",
    active: [],
    notedEpoch: () => 0,
    sinceRenewalMs: 0,
    renewDeadlineMs: Number.POSITIVE_INFINITY,
    restsOnSession: true,
    isPeer: () => true,
  };

  constructor(node: string, options: { rules?: SafetyRules; records?: PromiseRecord[]; bootWaitMs?: number } = {}) {
    const { rules = ALL_RULES, records = [], bootWaitMs = 0 } = options;
    this.state = initialPromises({ node, lifeId: `life-${node}`, timings, rules, records, bootWaitMs }, this.now);
  }

  get now() {
    return { monotonicMs: this.nowMs, wallMs: this.wallMs };
  }

  step(event: PromiseEvent, context: Partial<PromiseContext> = {}): PromiseEffect[] {
    this.context = { ...this.context, ...context };
    const { state, effects } = stepPromises(this.state, event, this.context, this.now);
    this.state = state;
    this.effects.push(...effects);
    return [...effects];
  }

  pass(ms: number, context: Partial<PromiseContext> = {}): PromiseEffect[] {
    this.nowMs += ms;
    this.wallMs += ms;
    return this.step({ type: "tick" }, context);
  }

  hear(node: string, message: PromiseMessage): PromiseEffect[] {
    return this.step({ type: "received", node, senderSession: `${node}_1`, message });
  }

  get isBound(): boolean {
    return isPromised(this.state, "g1", this.now);
  }

  sent<T extends PromiseMessage["type"]>(type: T): Extract<PromiseMessage, { type: T }>[] {
    return this.effects.flatMap((effect) =>
      (effect.type === "send" || effect.type === "sendToAll") && effect.message.type === type
        ? [effect.message as Extract<PromiseMessage, { type: T }>]
        : [],
    );
  }

  stores(): number[] {
    return this.effects.flatMap((effect) => (effect.type === "store" ? [effect.storeId] : []));
  }
}

export const ask = (epoch: number, nonce = "n1", node = "a"): PromiseMessage => ({
  type: "ask",
  nonce,
  session: `${node}_1`,
  sessionDurationMs: L,
  marginMs: M,
  groups: [{ groupUid: "g1", epoch }],
});

/** A promiser that has answered an ask for epoch 3. */
export function bound(): PromiseNode {
  const b = new PromiseNode("b");
  b.hear("a", ask(3));
  b.step({ type: "stored", storeId: b.stores()[0] ?? 0, isDurable: true });
  return b;
}

/** A holder of g1 under epoch 3 that must ask `members`, and has not renewed for 2/3 R. */
export function asking(
  members: readonly string[],
  options: ConstructorParameters<typeof PromiseNode>[1] = {},
): PromiseNode {
  const a = new PromiseNode("a", options);
  a.context = { ...a.context, active: [grant(3)] };
  a.step({ type: "mustAsk", set: { groupUid: "g1", epoch: 3, members } });
  a.pass(ASK_MS, { sinceRenewalMs: ASK_MS });
  return a;
}

export const complete = (effects: readonly PromiseEffect[]) =>
  effects.filter((effect) => effect.type === "roundComplete");
