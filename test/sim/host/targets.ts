/** The isolation targets of a simulated network, as one member reaches them: answered at once, or not at all. */
import type { IsolationProbe, TargetAnswer } from "../../../src/nodeagent/isolation/port.ts";
import type { IsolationTarget } from "../../../src/api/generated/types.ts";
import type { SimProcess } from "../engine/process.ts";

/** Site of all targets. */
export const TARGETS_SITE = "targets";

const ANSWER_MS = 2;

export class SimTargets implements IsolationProbe {
  readonly #process: SimProcess;
  readonly #isReached: () => boolean;

  constructor(process: SimProcess, isReached: () => boolean) {
    this.#process = process;
    this.#isReached = isReached;
  }

  ask(_target: IsolationTarget, timeoutMs: number, signal: AbortSignal): Promise<TargetAnswer> {
    const isReached = this.#isReached();
    return new Promise((resolve) => {
      const answer: TargetAnswer = isReached
        ? { result: "reached" }
        : { result: "lost", message: `no answer within ${timeoutMs} ms` };
      const timer = this.#process.setTimer(isReached ? ANSWER_MS : timeoutMs, () => resolve(answer));
      signal.addEventListener("abort", () => {
        timer.cancel();
        resolve({ result: "unreadable", message: "called off" });
      });
    });
  }
}
