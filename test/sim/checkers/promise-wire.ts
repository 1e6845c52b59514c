/**
 * What the members' guards say to each other about promises, seen on the wire: which ask was sent when, and which answers
 * to this very ask were delivered to the asker.
 */
import { parsePromiseMessage } from "../../../src/nodeagent/guard/promise-messages.ts";
import { decode } from "../../../src/nodeagent/heartbeat/codec.ts";
import type { Trace } from "../trace.ts";

export interface Ask {
  readonly node: string;
  readonly session: string;
  /** True time. */
  readonly sentMs: number;
  /** `member groupUid` whose answer reached the asker. */
  readonly answers: Set<string>;
}

/** Asks remembered; older ones are over. */
const MAX_ASKS = 400;
/** Offset of the kind in a datagram, and its value for promises. */
const KIND_AT = 4;
const KIND_PROMISE = 1;

export class PromiseWire {
  readonly #trace: Trace;
  readonly #asks = new Map<string, Ask>();
  /** An answer about these groups reached the asker. */
  onAnswer: (ask: Ask, groupUids: readonly string[]) => void = () => undefined;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** A datagram left, or reached a process. */
  seen(moment: "sent" | "delivered", datagram: Uint8Array, nowMs: number): void {
    if (datagram[KIND_AT] !== KIND_PROMISE) return;
    const message = decode(datagram)?.message;
    const promise = message === undefined ? undefined : parsePromiseMessage(message.payload);
    if (message === undefined || promise === undefined) return;
    if (this.#trace.isOn) {
      const [who, whom] =
        moment === "sent" ? [message.sender, `to ${message.receiver}`] : [message.receiver, `from ${message.sender}`];
      this.#trace.note(who, `${promise.type} ${moment} ${whom}: ${JSON.stringify(promise)}`);
    }
    if (promise.type === "ask" && moment === "sent") this.#asked(promise.nonce, message.sender, promise.session, nowMs);
    if (promise.type !== "promise" || moment !== "delivered") return;
    const ask = this.#asks.get(promise.nonce);
    if (ask === undefined || ask.node !== message.receiver) return;
    for (const uid of promise.groupUids) ask.answers.add(`${message.sender} ${uid}`);
    this.onAnswer(ask, promise.groupUids);
  }

  #asked(nonce: string, node: string, session: string, sentMs: number): void {
    if (this.#asks.has(nonce)) return;
    this.#asks.set(nonce, { node, session, sentMs, answers: new Set() });
    const [oldest] = this.#asks.keys();
    if (this.#asks.size > MAX_ASKS && oldest !== undefined) this.#asks.delete(oldest);
  }
}
