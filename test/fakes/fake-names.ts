/** Name resolution in memory: names lead where a test says; others do not exist. */
import type { NameAnswer, NameQuery, NameResolver } from "../../src/nodeagent/names/port.ts";

export class FakeNames implements NameResolver {
  readonly addresses = new Map<string, readonly string[]>();
  /** While set, nobody answers. */
  trouble: string | undefined;
  readonly asked: NameQuery[] = [];

  async resolve(query: NameQuery, _timeoutMs: number, signal: AbortSignal): Promise<NameAnswer> {
    this.asked.push(query);
    if (signal.aborted) return { result: "unreadable", message: "called off" };
    if (this.trouble !== undefined) return { result: "unreadable", message: this.trouble };
    const addresses = this.addresses.get(query.name) ?? [];
    if (addresses.length === 0) return { result: "absent", message: "the fake has no such name" };
    return { result: "resolved", addresses, source: "the fake" };
  }
}
