/**
 * The FailoverGroup reconciler: the only place that chooses the active member and its epoch. Observes, plans, acts;
 * everything that decides is in `plan.ts` and what it calls.
 */
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import type { Fence, Plan, Reconciler } from "../../controller/contract.ts";
import { type KubeApi, keyText, type ObjectKey } from "../../kube/ports.ts";
import { assert } from "../../lib/assert.ts";
import { type Clock, type Instant, readInstant } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import { ALL_RULES } from "../../lib/safety-rules.ts";
import type { EventSink } from "../shared/sources.ts";
import { type ActModules, actOnGroup, measureGroup } from "./act.ts";
import type { Fencing } from "./fencing-driver.ts";
import { GroupMemory, NO_MEMORY } from "./memory.ts";
import { observeGroup, type ObserveModules } from "./observe.ts";
import { planGroup } from "./plan.ts";
import type { Seen } from "./seen.ts";
import type { Step } from "./steps.ts";
import type { FailoverGroup } from "./types.ts";

export interface FailoverGroupModules extends ObserveModules {
  readonly kube: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly events: EventSink;
  readonly fencing: Fencing;
  readonly sealed?: ActModules["sealed"];
}

/** Deadline of a write: longer than a session's request timeout would only delay a failover. In milliseconds. */
const MIN_WRITE_TIMEOUT_MS = 1_000;

export class FailoverGroupReconciler implements Reconciler<Seen, Step> {
  readonly name = FAILOVER_GROUP.kind;
  readonly #modules: FailoverGroupModules;
  readonly #memory = new GroupMemory();
  /** The group as each key was last seen: the steps that follow act on exactly that. */
  readonly #seen = new Map<string, FailoverGroup>();

  constructor(modules: FailoverGroupModules) {
    this.#modules = modules;
  }

  async observe(key: ObjectKey): Promise<Seen | undefined> {
    const text = keyText(key);
    const before = this.#seen.get(text);
    const seen = await observeGroup(key, NO_MEMORY, this.#modules);
    if (seen === undefined) {
      this.#seen.delete(text);
      if (before !== undefined) this.#memory.forget(before.metadata.uid ?? "");
      return undefined;
    }
    this.#seen.set(text, seen.group);
    measureGroup(seen, this.#modules.metrics);
    return {
      ...seen,
      memory: this.#memory.note(seen.group.metadata.uid ?? "", seen, readInstant(this.#modules.clock)),
    };
  }

  plan(seen: Seen, now: Instant): Plan<Step> {
    return planGroup(seen, now);
  }

  async act(key: ObjectKey, step: Step, fence: Fence): Promise<void> {
    const group = this.#seen.get(keyText(key));
    assert(group !== undefined, "a step follows an observation");
    const timeoutMs = Math.max(MIN_WRITE_TIMEOUT_MS, this.#modules.settings.timings.requestTimeoutMs);
    const { rules = ALL_RULES } = this.#modules.settings;
    await actOnGroup(key, group, step, fence, { ...this.#modules, rules, memory: this.#memory, timeoutMs });
  }
}
