/**
 * Follows one FailoverGroup as any client of the API would, with the time at which each state arrived on the machine's
 * monotonic clock, and lets a scenario wait for a state.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { sleep } from "../../lib/clock.ts";
import type { Clock } from "../../lib/clock.ts";
import type { KubeApi } from "../../kube/ports.ts";
import { machineMonotonicMs } from "../machine-clock.ts";

export interface SeenGroup {
  readonly atMs: number;
  readonly group: FailoverGroup;
}

export class WaitExpired extends Error {
  override readonly name = "WaitExpired";
}

const RETRY_MS = 100;
const WATCH_SECONDS = 300;
const IDLE_LIMIT_MS = 120_000;
const MAX_SEEN = 10_000;

export class GroupWatch {
  readonly #api: KubeApi;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #namespace: string;
  readonly #abort = new AbortController();
  readonly #listeners = new Set<(seen: SeenGroup) => void>();
  #seen: SeenGroup[] = [];

  constructor(
    key: { readonly namespace: string; readonly name: string },
    modules: { readonly api: KubeApi; readonly clock: Clock },
  ) {
    this.#name = key.name;
    this.#namespace = key.namespace;
    this.#api = modules.api;
    this.#clock = modules.clock;
  }

  get latest(): FailoverGroup | undefined {
    return this.#seen.at(-1)?.group;
  }

  /** Everything seen since a moment, oldest first. */
  since(atMs: number): SeenGroup[] {
    return this.#seen.filter((seen) => seen.atMs >= atMs);
  }

  /** Runs until `close`. */
  async follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        await this.#listAndWatch(signal);
      } catch {
        await sleep(this.#clock, RETRY_MS, signal); // what was missed comes with the next list
      }
    }
  }

  close(): void {
    this.#abort.abort();
  }

  onChange(listener: (seen: SeenGroup) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The first state since `sinceMs` that fulfils the predicate; throws `WaitExpired` naming `what` after `limitMs`. */
  async until(
    predicate: (group: FailoverGroup) => boolean,
    wait: { readonly what: string; readonly limitMs: number; readonly sinceMs?: number },
  ): Promise<SeenGroup> {
    const fits = (seen: SeenGroup): boolean => seen.atMs >= (wait.sinceMs ?? 0) && predicate(seen.group);
    const latest = wait.sinceMs === undefined ? this.#seen.slice(-1) : this.#seen;
    const already = latest.find(fits);
    if (already !== undefined) return already;
    return await new Promise((resolve, reject) => {
      const end = this.onChange((seen) => {
        if (!fits(seen)) return;
        timer.cancel();
        end();
        resolve(seen);
      });
      const timer = this.#clock.setTimer(wait.limitMs, () => {
        end();
        reject(new WaitExpired(`${wait.what}: not seen within ${(wait.limitMs / 1_000).toFixed(1)} s`));
      });
    });
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    const where = { namespace: this.#namespace, fieldSelector: `metadata.name=${this.#name}` };
    const list = await this.#api.list<FailoverGroup>(FAILOVER_GROUP, { ...where, signal });
    for (const group of list.items) if (group.metadata.name === this.#name) this.#saw(group);
    const limits = { timeoutSeconds: WATCH_SECONDS, idleTimeoutMs: IDLE_LIMIT_MS, signal };
    const from = { resourceVersion: list.resourceVersion };
    for await (const event of this.#api.watch<FailoverGroup>(FAILOVER_GROUP, { ...where, ...limits, ...from })) {
      if ((event.type === "ADDED" || event.type === "MODIFIED") && event.object.metadata.name === this.#name) {
        this.#saw(event.object);
      }
    }
  }

  #saw(group: FailoverGroup): void {
    const seen = { atMs: machineMonotonicMs(), group };
    this.#seen.push(seen);
    if (this.#seen.length > MAX_SEEN) this.#seen = this.#seen.slice(-MAX_SEEN / 2);
    for (const listener of this.#listeners) listener(seen);
  }
}

export function conditionIs(group: FailoverGroup, type: string, status: "True" | "False"): boolean {
  return group.status?.conditions?.some((held) => held.type === type && held.status === status) === true;
}

/** The group serves on `node` (any when omitted) and says so. */
export function isReadyOn(group: FailoverGroup, node?: string): boolean {
  const active = group.status?.active?.node;
  return active !== undefined && (node === undefined || active === node) && conditionIs(group, "Ready", "True");
}
