/**
 * Carries out one step of a group's plan. Every write that decides something is a compare-and-set on what was seen:
 * the revoke on the Lease, the grant and the rest of the status on the group. Losing one changes nothing and means
 * only "look again".
 *
 * Must never do: decide; write without the leader's right; force anything over the agents' part of the status.
 */
import type { MirrorDisk } from "../../api/generated/types.ts";
import { CONTROLLER_FIELD_MANAGER, FAILOVER_GROUP, FINALIZERS, MIRROR_DISK } from "../../api/kinds.ts";
import { LEASE, LEASE_ANNOTATIONS, type Lease, SESSION_LABEL } from "../../api/session-lease.ts";
import type { Fence } from "../../controller/contract.ts";
import { addFinalizer, removeAnnotation, removeFinalizer } from "../../controller/status-writer.ts";
import { isKubeError, type KubeApi, KubeError, type KubeObject, type ObjectKey } from "../../kube/ports.ts";
import { assert } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import type { Logger } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { SafetyRules } from "../../lib/safety-rules.ts";
import type { EventSink } from "../shared/sources.ts";
import type { Fencing } from "./fencing-driver.ts";
import type { GroupMemory } from "./memory.ts";
import { certificateEnd } from "./plan-credential.ts";
import { sealPatch } from "./seal.ts";
import type { Seen } from "./seen.ts";
import type { Sessions } from "./session-poller.ts";
import type { Step } from "./steps.ts";
import type { ControllerStatus, FailoverGroup, HistoryEntry } from "./types.ts";

export interface ActModules {
  readonly kube: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly events: EventSink;
  readonly sessions: Sessions;
  readonly memory: GroupMemory;
  readonly leaseNamespace: string;
  readonly fencing: Fencing;
  readonly rules: SafetyRules;
  /** Takes in the answer to a seal, so that the next look does not see the disk before it. */
  readonly sealed?: ((disk: MirrorDisk) => void) | undefined;
  /** Deadline of each write, in milliseconds. */
  readonly timeoutMs: number;
}

/** `group` is the group as it was seen when the step was planned. */
export async function actOnGroup(
  key: ObjectKey,
  group: FailoverGroup,
  step: Step,
  fence: Fence,
  modules: ActModules,
): Promise<void> {
  const { kube, clock, events, memory, timeoutMs } = modules;
  const uid = group.metadata.uid ?? "";
  fence.assertLeader();
  switch (step.do) {
    case "AddFinalizer":
      await addFinalizer(kube, FAILOVER_GROUP, group, FINALIZERS.deactivate, { timeoutMs });
      return;
    case "RemoveFinalizer":
      await removeFinalizer(kube, FAILOVER_GROUP, group, FINALIZERS.deactivate, { timeoutMs });
      return;
    case "RemoveAnnotation":
      await removeAnnotation(kube, FAILOVER_GROUP, key, step, { timeoutMs });
      return;
    case "Revoke":
      memory.mark(uid, step.epoch, { plannedMs: clock.monotonicMs() });
      if (modules.rules.revokesBeforeGrant) await revoke(step, modules);
      memory.mark(uid, step.epoch, { revokedMs: clock.monotonicMs() });
      return;
    case "Seal":
      if (modules.rules.sealsBeforeGrant) await seal(key, step, modules);
      return;
    case "Fence":
      modules.fencing.want(step.order, fence);
      return;
    case "Boot":
      modules.fencing.boot(step.order, fence);
      return;
    case "Grant":
      await writeStatus(key, step.status, step.resourceVersion, modules);
      memory.mark(uid, step.epoch, { grantedMs: clock.monotonicMs() });
      modules.log.info("granted", { object: `${key.namespace}/${key.name}`, node: step.node, epoch: step.epoch });
      memory.noteStatusWrite(uid, clock.monotonicMs());
      return;
    case "WriteStatus":
      await writeStatus(key, step.status, step.resourceVersion, modules);
      memory.noteStatusWrite(uid, clock.monotonicMs());
      return;
    case "Tell":
      events.tell(group, step.type, step.reason, step.message);
      return;
    case "CountMove":
      countMove(key, step.move, modules.metrics);
      return;
    case "NoteRepair":
      memory.noteRepair(uid, step.resource, clock.monotonicMs());
      return;
    case "NoteTold":
      memory.noteTold(uid, step.what);
      return;
    case "NoteMove":
      memory.mark(uid, step.epoch, { plannedMs: clock.monotonicMs() });
      return;
  }
}

/** Ends the session by compare-and-set on the Lease as it was seen. A lost race means its holder is alive: look again. */
async function revoke(step: Extract<Step, { do: "Revoke" }>, modules: ActModules): Promise<void> {
  const { kube, sessions, metrics, log, leaseNamespace, timeoutMs } = modules;
  try {
    const ended =
      step.lease === undefined
        ? await createEnded(step, modules)
        : await kube.replace<Lease>(LEASE, withEnd(step.lease, step.end), { timeoutMs });
    sessions.answered(ended);
  } catch (thrown) {
    sessions.refresh();
    throw thrown;
  }
  metrics.count("understudy_session_expired_total", { end: step.end });
  log.warn("session ended", { node: step.node, session: step.session, end: step.end, namespace: leaseNamespace });
}

/** A test that fails means that the primary changed the set, or that a newer leader sealed it: look again. */
async function seal(key: ObjectKey, step: Extract<Step, { do: "Seal" }>, modules: ActModules): Promise<void> {
  const { kube, log, timeoutMs } = modules;
  const disk = { namespace: key.namespace, name: step.name };
  const patch = { type: "json", body: sealPatch(step), fieldManager: CONTROLLER_FIELD_MANAGER } as const;
  try {
    const sealed = await kube.patch<MirrorDisk>(MIRROR_DISK, disk, patch, { subresource: "status", timeoutMs });
    modules.sealed?.(sealed);
  } catch (thrown) {
    if (!isKubeError(thrown, "Invalid")) throw thrown;
    const detail = { code: "Conflict", status: 409, reason: "Conflict" } as const;
    throw new KubeError(detail, `MirrorDisk ${disk.name} is not the one that was seen: ${thrown.message}`);
  }
  log.info("disk sealed", { object: `${disk.namespace}/${disk.name}`, node: step.node, epoch: step.epoch });
}

function withEnd(lease: Lease, end: "Expired" | "Fenced"): Lease {
  assert(lease.metadata.resourceVersion !== undefined, "a session is ended by compare-and-set");
  return {
    ...lease,
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { ...lease.metadata, annotations: { ...lease.metadata.annotations, [LEASE_ANNOTATIONS.ended]: end } },
  };
}

/** The Lease is gone: the record of the end is created in its place, which fails if the holder wrote it meanwhile. */
async function createEnded(step: Extract<Step, { do: "Revoke" }>, modules: ActModules): Promise<Lease> {
  const lease: Lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: step.node,
      namespace: modules.leaseNamespace,
      labels: { [SESSION_LABEL]: "true" },
      annotations: { [LEASE_ANNOTATIONS.ended]: step.end },
    },
    spec: { holderIdentity: step.session },
  };
  return await modules.kube.create<Lease>(LEASE, lease, { timeoutMs: modules.timeoutMs });
}

async function writeStatus(
  key: ObjectKey,
  status: ControllerStatus,
  resourceVersion: string,
  modules: ActModules,
): Promise<void> {
  assert(!("reports" in status), "the agents' reports are never written");
  assert(resourceVersion !== "", "the status is written by compare-and-set");
  const body: KubeObject & { status: ControllerStatus } = {
    apiVersion: "understudy.dev/v1alpha1",
    kind: "FailoverGroup",
    metadata: { name: key.name, namespace: key.namespace, resourceVersion },
    status,
  };
  try {
    const patch = { type: "apply", body, fieldManager: CONTROLLER_FIELD_MANAGER, force: true } as const;
    await modules.kube.patch<FailoverGroup>(FAILOVER_GROUP, key, patch, {
      subresource: "status",
      timeoutMs: modules.timeoutMs,
    });
  } catch (thrown) {
    if (isKubeError(thrown, "Invalid"))
      modules.log.error("the API server refused the group's status", {
        object: `${key.namespace}/${key.name}`,
        error: thrown.message,
      });
    throw thrown;
  }
}

function countMove(key: ObjectKey, move: HistoryEntry, metrics: Metrics): void {
  const labels = { namespace: key.namespace, group: key.name, cause: move.cause, result: move.result ?? "" };
  metrics.count("understudy_failover_total", labels);
  for (const [name, text] of Object.entries(move.steps ?? {})) {
    const ms = text === undefined ? undefined : parseDurationMs(text);
    if (ms !== undefined) metrics.observe("understudy_failover_step_seconds", ms / 1_000, { step: name });
  }
}

/** Gauges of a group, from what was seen. */
export function measureGroup(seen: Seen, metrics: Metrics): void {
  const { namespace = "", name } = seen.group.metadata;
  const labels = { namespace, group: name };
  const { active, epoch, conditions } = seen.group.status ?? {};
  for (const member of seen.members) {
    metrics.set("understudy_group_active", member.node === active?.node ? 1 : 0, { ...labels, node: member.node });
  }
  metrics.set("understudy_group_epoch", epoch ?? 0, labels);
  const isReady = conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
  metrics.set("understudy_group_ready", isReady ? 1 : 0, labels);
  const endsAtMs = certificateEnd(seen);
  const named = { kind: "FailoverGroup", namespace, name };
  if (endsAtMs !== undefined) metrics.set("understudy_certificate_expiry_timestamp_seconds", endsAtMs / 1_000, named);
}
