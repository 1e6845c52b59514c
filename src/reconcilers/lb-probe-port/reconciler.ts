/**
 * The LbProbePort reconciler: claims the object for its group, shows what the agents report about the port, and reads the
 * load balancer for preflight. A move never waits for that reading: while the group is on its way, what is known will do.
 */
import { isConditionTrue } from "../../api/conditions.ts";
import type { FailoverGroup, LbProbePort } from "../../api/generated/types.ts";
import { CONTROLLER_FIELD_MANAGER, FINALIZERS, LB_PROBE_PORT } from "../../api/kinds.ts";
import type { Lease } from "../../api/session-lease.ts";
import type { AzureNetworkAccess } from "../../cloud/azure/network-knowledge.ts";
import type { SecretKeys } from "../../cloud/fencing-ports.ts";
import type { Fence, Plan, Reconciler } from "../../controller/contract.ts";
import { addFinalizer, applyStatus, removeFinalizer } from "../../controller/status-writer.ts";
import type { KubeApi, ObjectKey } from "../../kube/ports.ts";
import type { Clock, Instant } from "../../lib/clock.ts";
import { CredentialSource } from "../pointer/credentials.ts";
import type { PointerSettings } from "../pointer/deps.ts";
import { type MemberFacts, memberFacts } from "../pointer/members.ts";
import { azureKeysOf } from "../shared/azure-keys.ts";
import { claimingGroup, lists, nameOf } from "../shared/claims.ts";
import type { Cache, Caches, EventSink, WritableCache } from "../shared/sources.ts";
import { newTroubles } from "../shared/trouble-events.ts";
import { readBalancer } from "./balancer.ts";
import { balancerAgeMs, planProbePort, type Step } from "./plan.ts";
import type { BalancerSeen, Seen } from "./seen.ts";

export interface LbProbePortModules {
  readonly kube: KubeApi;
  readonly probes: WritableCache<LbProbePort>;
  readonly groups: Caches["groups"];
  readonly nodes: Caches["nodes"];
  /** Session Leases. */
  readonly leases: Cache<Lease>;
  readonly networks: AzureNetworkAccess;
  readonly events: EventSink;
  readonly clock: Clock;
  readonly settings: PointerSettings;
}

/** Deadline of one read, in ms: API.md's default of `timeouts.call`. */
const CALL_TIMEOUT_MS = 5_000;

export class LbProbePortReconciler implements Reconciler<Seen, Step> {
  readonly name = LB_PROBE_PORT.kind;
  readonly #modules: LbProbePortModules;
  readonly #credentials: CredentialSource<SecretKeys>;

  constructor(modules: LbProbePortModules) {
    this.#modules = modules;
    this.#credentials = new CredentialSource(azureKeysOf, modules);
  }

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
    const members = group === undefined ? [] : memberFacts(group, this.#modules);
    const balancer = group === undefined ? undefined : await this.#balancer(probe, group, members);
    return { probe, group, isListedElsewhere, members, balancer };
  }

  async #balancer(
    probe: LbProbePort,
    group: FailoverGroup,
    members: readonly MemberFacts[],
  ): Promise<BalancerSeen | undefined> {
    if (probe.spec.azureLoadBalancer === undefined) return undefined;
    const { networks, clock } = this.#modules;
    const anyAge = isOnItsWay(group);
    const isInOrder = isConditionTrue(probe.status?.conditions, "PreflightOK");
    // An answer that is a whole interval old is due, whatever the rounding of timers.
    const sentSinceMs = clock.monotonicMs() - balancerAgeMs(probe, isInOrder) + 1;
    const identity = await this.#credentials.identityOf(probe, anyAge);
    return await readBalancer(networks, {
      probe,
      members,
      identity,
      wish: { sentSinceMs, timeoutMs: CALL_TIMEOUT_MS, anyAge },
    });
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

function isOnItsWay({ status }: FailoverGroup): boolean {
  const { active, target, reports } = status ?? {};
  if (target !== undefined) return true;
  return active !== undefined && reports?.find(({ node }) => node === active.node)?.state !== "Active";
}
