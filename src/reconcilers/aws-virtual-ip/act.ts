/**
 * Carries one step out. Before a route is written the group is read anew and the leader's right is asked again; routes
 * have no conditional form, so this, the verification after it and a second one after the longest call are what keeps a
 * late writer from having the last word (DESIGN 4.5, 6).
 * Must never do: write a route for a grant that is not the group's present one.
 */
import type { AwsVirtualIP, FailoverGroup } from "../../api/generated/types.ts";
import { AWS_VIRTUAL_IP, CONTROLLER_FIELD_MANAGER, FAILOVER_GROUP, FINALIZERS } from "../../api/kinds.ts";
import { CloudError } from "../../cloud/errors.ts";
import type { Fence } from "../../controller/contract.ts";
import { addFinalizer, applyStatus, removeFinalizer } from "../../controller/status-writer.ts";
import { KubeError } from "../../kube/ports.ts";
import type { ObjectKey } from "../../kube/ports.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import { ALL_RULES } from "../../lib/safety-rules.ts";
import { activationOf } from "./activation.ts";
import type { AwsVirtualIPDeps } from "./deps.ts";
import type { Observer } from "./observe.ts";
import type { Failure, WriteFailure } from "./seen.ts";
import type { RouteWrite, Step } from "./steps.ts";

type ReplaceRoutes = Extract<Step, { do: "ReplaceRoutes" }>;

export class Actor {
  readonly #deps: AwsVirtualIPDeps;
  readonly #observer: Observer;

  constructor(deps: AwsVirtualIPDeps, observer: Observer) {
    this.#deps = deps;
    this.#observer = observer;
  }

  async act(key: ObjectKey, step: Step, fence: Fence): Promise<void> {
    const vip = this.#deps.virtualIPs.get(key);
    if (vip === undefined) return;
    const { kube, virtualIPs, events } = this.#deps;
    fence.assertLeader();
    switch (step.do) {
      case "AddFinalizer":
        virtualIPs.absorb(await addFinalizer(kube, AWS_VIRTUAL_IP, vip, FINALIZERS.inUse));
        return;
      case "RemoveFinalizer":
        await removeFinalizer(kube, AWS_VIRTUAL_IP, vip, FINALIZERS.inUse);
        return;
      case "ReplaceRoutes":
        await this.#replaceRoutes(vip, step, fence);
        return;
      case "SwitchSourceDestCheckOff":
        await this.#switchChecksOff(vip, step.enis, fence);
        return;
      case "WriteStatus":
        virtualIPs.absorb(
          await applyStatus(kube, AWS_VIRTUAL_IP, vip, step.status, { fieldManager: CONTROLLER_FIELD_MANAGER }),
        );
        return;
      case "Tell":
        events.tell(vip, step.type, step.reason, step.message);
    }
  }

  async #replaceRoutes(vip: AwsVirtualIP, step: ReplaceRoutes, fence: Fence): Promise<void> {
    const group = await this.#deps.kube.get<FailoverGroup>(FAILOVER_GROUP, step.group);
    fence.assertLeader();
    const { epochsOnlyRise } = this.#deps.settings.rules ?? ALL_RULES;
    if (epochsOnlyRise && !isStillGranted(group, step, vip)) {
      // The cache was behind; the next look decides from the group as it is.
      const detail = { code: "Conflict", status: 409, reason: "GrantChanged" } as const;
      throw new KubeError(
        detail,
        `routes of ${step.group.name} not written: epoch ${step.grant.epoch} is not granted so any more`,
      );
    }
    const timeoutMs = parseDurationMs(vip.spec.timeouts.call) ?? 5_000;
    const outcomes = await Promise.all(step.routes.map((route) => this.#replaceRoute(vip, route, timeoutMs, fence)));
    const failures = outcomes.flatMap((outcome) => outcome ?? []);
    const endedAtMs = this.#deps.clock.monotonicMs();
    const memory = this.#observer.memoryOf(vip);
    const { epoch } = step.grant;
    const count = memory.writes?.epoch === epoch ? memory.writes.count + 1 : 1;
    this.#observer.remember(vip, {
      ...memory,
      writes: { epoch, count, endedAtMs, failures },
      freshSinceMs: endedAtMs,
      lateVerifyAtMs: endedAtMs + timeoutMs,
    });
    this.#deps.log.info("routes written", {
      object: `${vip.metadata.namespace ?? ""}/${vip.metadata.name}`,
      node: step.grant.node,
      epoch,
      routeTables: step.routes.map((route) => route.routeTableId),
      failures: failures.map((failure) => failure.message),
    });
  }

  /** A failure is remembered, not thrown: the other tables must not wait for this one. */
  async #replaceRoute(
    vip: AwsVirtualIP,
    route: RouteWrite,
    timeoutMs: number,
    fence: Fence,
  ): Promise<WriteFailure | undefined> {
    const { region, ...target } = route;
    try {
      const ec2 = await this.#observer.knowledgeFor(vip, region);
      fence.assertLeader();
      await ec2.replaceRoute(target, timeoutMs);
      return undefined;
    } catch (thrown) {
      return { ...failureOf(thrown), routeTableId: route.routeTableId };
    }
  }

  async #switchChecksOff(
    vip: AwsVirtualIP,
    enis: readonly { readonly region: string; readonly eniId: string }[],
    fence: Fence,
  ): Promise<void> {
    const timeoutMs = parseDurationMs(vip.spec.timeouts.call) ?? 5_000;
    for (const { region, eniId } of enis) {
      const ec2 = await this.#observer.knowledgeFor(vip, region);
      fence.assertLeader();
      try {
        await ec2.switchSourceDestCheckOff(eniId, timeoutMs);
        const { repairFailure: _repaired, ...memory } = this.#observer.memoryOf(vip);
        this.#observer.remember(vip, memory);
        this.#deps.events.tell(vip, "Normal", "Repairing", `source/destination check of ${eniId} was switched off`);
      } catch (thrown) {
        const atMs = this.#deps.clock.monotonicMs();
        const repairFailure = { ...failureOf(thrown), atMs };
        this.#observer.remember(vip, { ...this.#observer.memoryOf(vip), repairFailure });
      }
    }
  }
}

/** The very grant of the step, in the very group, with everything that the pointer waits for still active, or a repair under it. */
function isStillGranted(group: FailoverGroup | undefined, step: ReplaceRoutes, vip: AwsVirtualIP): boolean {
  if (group?.metadata.uid !== step.groupUid) return false;
  const activation = activationOf(group, vip.metadata.name);
  if (activation.state !== "Due" && activation.state !== "Waiting") return false;
  const { node, epoch, session } = activation.grant;
  if (node !== step.grant.node || epoch !== step.grant.epoch || session !== step.grant.session) return false;
  const { active } = vip.status ?? {};
  return activation.state === "Due" || (active?.node === node && active.epoch === epoch);
}

function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CloudError) return { code: thrown.code, message: thrown.message };
  throw thrown;
}
