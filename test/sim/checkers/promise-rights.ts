/**
 * How far promises prolong the right of a holder, judged from the datagrams alone: an ask counts from its send, and only
 * when every member that the stored records name has had its answer to this very ask delivered.
 */
import { decode } from "../../../src/nodeagent/heartbeat/codec.ts";
import type { Trace } from "../trace.ts";
import { parsePromiseMessage } from "../../../src/nodeagent/guard/promise-messages.ts";

interface Ask {
  readonly node: string;
  readonly session: string;
  readonly sentMs: number;
  /** `member groupUid` whose answer reached the asker. */
  readonly answers: Set<string>;
}

/** Asks remembered; older ones are over. */
const MAX_ASKS = 400;
/** Offset of the kind in a datagram, and its value for promises. */
const KIND_AT = 4;
const KIND_PROMISE = 1;

export class PromiseRights {
  readonly #trace: Trace;
  readonly #asks = new Map<string, Ask>();

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** A datagram left, or reached a process. */
  seen(moment: "sent" | "delivered", datagram: Uint8Array, nowMs: number): void {
    if (datagram[KIND_AT] !== KIND_PROMISE) return;
    const message = decode(datagram)?.message;
    const promise = message === undefined ? undefined : parsePromiseMessage(message.payload);
    if (message === undefined || promise === undefined) return;
    if (this.#trace.isOn)
      this.#trace.note(
        moment === "sent" ? message.sender : message.receiver,
        `${promise.type} ${moment}: ${moment === "sent" ? `to ${message.receiver}` : `from ${message.sender}`} ${JSON.stringify(promise)}`,
      );
    if (promise.type === "ask" && moment === "sent" && !this.#asks.has(promise.nonce)) {
      this.#asks.set(promise.nonce, {
        node: message.sender,
        session: promise.session,
        sentMs: nowMs,
        answers: new Set(),
      });
      const [oldest] = this.#asks.keys();
      if (this.#asks.size > MAX_ASKS && oldest !== undefined) this.#asks.delete(oldest);
    }
    if (promise.type === "promise" && moment === "delivered")
      for (const uid of promise.groupUids) this.#asks.get(promise.nonce)?.answers.add(`${message.sender} ${uid}`);
  }

  /** True time of the last ask of this node and session that all `members` answered for the group; -Infinity: none. */
  lastComplete(node: string, session: string, groupUid: string, members: readonly string[]): number {
    let last = Number.NEGATIVE_INFINITY;
    for (const ask of this.#asks.values()) {
      if (ask.node !== node || ask.session !== session || ask.sentMs <= last) continue;
      const isComplete = members.every((member) => member === node || ask.answers.has(`${member} ${groupUid}`));
      if (isComplete) last = ask.sentMs;
    }
    return last;
  }
}
