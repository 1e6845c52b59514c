/** Isolation targets in memory: each answers what a test says, after nothing. Unnamed ones are reached. */
import type { IsolationTarget } from "../../src/api/generated/types.ts";
import type { IsolationProbe, TargetAnswer } from "../../src/nodeagent/isolation/port.ts";

export class FakeIsolationTargets implements IsolationProbe {
  /** By URL or address. */
  readonly answers = new Map<string, TargetAnswer["result"]>();
  /** How often each was asked. */
  readonly asked = new Map<string, number>();

  async ask(target: IsolationTarget, _timeoutMs: number, signal: AbortSignal): Promise<TargetAnswer> {
    const name = target.http?.url ?? target.ping?.address ?? "";
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
    if (signal.aborted) return { result: "unreadable", message: "called off" };
    const result = this.answers.get(name) ?? "reached";
    return result === "reached" ? { result } : { result, message: `${name} is ${result}` };
  }
}
