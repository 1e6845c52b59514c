/** The LbProbePort reconciler: claims the object for its group and shows what the agents report about the port. */
import type { LbProbePort } from "../../api/generated/types.ts";
import { CONTROLLER_FIELD_MANAGER, FINALIZERS, LB_PROBE_PORT } from "../../api/kinds.ts";
import type { Fence, Plan, Reconciler } from "../../controller/contract.ts";
import { addFinalizer, applyStatus, removeFinalizer } from "../../controller/status-writer.ts";
import type { KubeApi, ObjectKey } from "../../kube/ports.ts";
import type { Instant } from "../../lib/clock.ts";
import { claimingGroup, lists, nameOf } from "../shared/claims.ts";
import type { Caches, EventSink, WritableCache } from "../shared/sources.ts";
import { newTroubles } from "../shared/trouble-events.ts";
import { planProbePort, type Step } from "./plan.ts";
import type { Seen } from "./seen.ts";

export interface LbProbePortModules {
  readonly kube: KubeApi;
  readonly probes: WritableCache<LbProbePort>;
  readonly groups: Caches["groups"];
  readonly events: EventSink;
}

export class LbProbePortReconciler implements Reconciler<Seen, Step> {
  readonly name = LB_PROBE_PORT.kind;
  readonly #modules: LbProbePortModules;

  constructor(modules: LbProbePortModules) {
    this.#modules = modules;
  }

  // oxlint-disable-next-line require-await -- the contract allows reads that wait; the caches need none
  async observe(key: ObjectKey): Promise<Seen | undefined> {
    const { probes, groups } = this.#modules;
    const probe = probes.get(key);
    if (probe === undefined) return undefined;
    const group = claimingGroup("LbProbePort", probe, groups.list());
    const others = groups.list().filter((other) => lists(other, "LbProbePort", probe) && other !== group);
    const isListedElsewhere =
      group === undefined || others.length === 0
        ? undefined
        : `held by group ${nameOf(group)}; also listed by ${others.map(nameOf).join(", ")}, which stay inactive`;
    return { probe, group, isListedElsewhere };
  }

  plan(seen: Seen, now: Instant): Plan<Step> {
    return planProbePort(seen, now);
  }

  async act(key: ObjectKey, step: Step, fence: Fence): Promise<void> {
    const { kube, probes, events } = this.#modules;
    const probe = probes.get(key);
    if (probe === undefined) return;
    fence.assertLeader();
    switch (step.do) {
      case "AddFinalizer":
        probes.absorb(await addFinalizer(kube, LB_PROBE_PORT, probe, FINALIZERS.inUse));
        return;
      case "RemoveFinalizer":
        await removeFinalizer(kube, LB_PROBE_PORT, probe, FINALIZERS.inUse);
        return;
      case "WriteStatus":
        probes.absorb(
          await applyStatus(kube, LB_PROBE_PORT, probe, step.status, { fieldManager: CONTROLLER_FIELD_MANAGER }),
        );
        for (const { reason, message } of newTroubles(probe.status?.conditions, step.status.conditions))
          events.tell(probe, "Warning", reason, message);
        return;
    }
  }
}
