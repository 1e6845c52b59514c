/**
 * The worker's end of the channel to its guard: questions with an answer each, and words. A question without an answer
 * in time counts as denied, and so does every question after the channel is gone.
 */
import type { Clock } from "../../lib/clock.ts";
import type { DenyReason, GrantRef, GuardToWorker, Holding, WorkerToGuard } from "../guard-protocol.ts";

/** How long the guard may take to answer, in milliseconds: it writes to disk before it does. */
const ANSWER_DEADLINE_MS = 2_000;
const MAX_OPEN_QUESTIONS = 1_000;

export interface GuardChannel {
  send(message: WorkerToGuard): void;
}

type Told = Exclude<GuardToWorker, { readonly type: "allowed" | "denied" }>;

export class GuardLink {
  readonly #channel: GuardChannel;
  readonly #clock: Clock;
  readonly #onTold: (message: Told) => void;
  readonly #open = new Map<number, (reason: DenyReason | undefined) => void>();
  /** What the guard has noted and still holds: it need not be asked twice. */
  readonly #noted = new Map<string, Promise<boolean>>();
  #lastId = 0;
  #isClosed = false;

  constructor(channel: GuardChannel, modules: { readonly clock: Clock }, onTold: (message: Told) => void) {
    this.#channel = channel;
    this.#clock = modules.clock;
    this.#onTold = onTold;
  }

  receive(message: GuardToWorker): void {
    switch (message.type) {
      case "allowed":
        return this.#open.get(message.requestId)?.(undefined);
      case "denied":
        return this.#open.get(message.requestId)?.(message.reason);
      case "session":
      case "takeDown":
        // Whatever was allowed before must be allowed again.
        this.#noted.clear();
        return this.#onTold(message);
      case "peers":
      case "promise":
      case "delayed":
        return this.#onTold(message);
    }
  }

  /** Undefined: allowed. */
  mayActivate(grant: GrantRef): Promise<DenyReason | undefined> {
    return this.#ask((requestId) => ({ type: "mayActivate", requestId, grant }));
  }

  /** Undefined: from now on the guard asks these members for promises, and no others. */
  mustAsk(grant: GrantRef, members: readonly string[]): Promise<DenyReason | undefined> {
    return this.#ask((requestId) => ({ type: "mustAsk", requestId, grant, members }));
  }

  /** May be asked ahead of the need, while something else is on its way. */
  hold(holding: Holding): Promise<boolean> {
    const key = JSON.stringify(holding);
    const known = this.#noted.get(key);
    if (known !== undefined) return known;
    const answer = this.#ask((requestId) => ({ type: "holdingAdded", requestId, holding })).then((reason) => {
      if (reason !== undefined) this.#noted.delete(key);
      return reason === undefined;
    });
    this.#noted.set(key, answer);
    return answer;
  }

  tell(message: Exclude<WorkerToGuard, { readonly requestId: number }>): void {
    if (message.type === "holdingRemoved") this.#noted.delete(JSON.stringify(message.holding));
    if (!this.#isClosed) this.#channel.send(message);
  }

  /** The guard is gone: nothing is allowed any more. */
  close(): void {
    this.#isClosed = true;
    this.#noted.clear();
    for (const answer of this.#open.values()) answer("no-right");
  }

  #ask(message: (requestId: number) => WorkerToGuard): Promise<DenyReason | undefined> {
    if (this.#isClosed || this.#open.size >= MAX_OPEN_QUESTIONS) return Promise.resolve("no-right");
    const requestId = ++this.#lastId;
    return new Promise((resolve) => {
      const answer = (reason: DenyReason | undefined): void => {
        deadline.cancel();
        this.#open.delete(requestId);
        resolve(reason);
      };
      const deadline = this.#clock.setTimer(ANSWER_DEADLINE_MS, () => answer("no-right"));
      this.#open.set(requestId, answer);
      this.#channel.send(message(requestId));
    });
  }
}
