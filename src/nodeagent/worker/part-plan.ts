/**
 * What this node would have to bring up for a group: one part per thing on the host. A resource may have none (its work
 * is all in the cloud) or two (a probe port and the frontend address of Direct Server Return). Pure.
 *
 * Must never do: leave a resource out silently. What cannot be carried out is a part that fails with a reason.
 */
import { activationOrder, halfId, type ResourceHalf } from "../../api/activation-order.ts";
import type {
  AwsVirtualIP,
  ExecResource,
  FailoverGroup,
  GroupResource,
  LbProbePort,
  Monitor,
} from "../../api/generated/types.ts";
import { keyText } from "../../kube/ports.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import type { MonitorTimings } from "../monitor/schedule.ts";
import { type DnsObject, type NameFacts, nameFacts } from "../names/name-plan.ts";

/** What must be up before a part may start. */
export type Need =
  | { readonly half: "local"; readonly part: string }
  /** The cloud half of a resource, as the controller reports it for this epoch. */
  | { readonly half: "cloud"; readonly resource: string };

interface PartBase {
  /** Unique within the group. */
  readonly key: string;
  readonly resource: string;
  readonly onFailure: "Failover" | "Reactivate" | "Warn";
  /** Undefined: starting it decides alone. */
  readonly monitor: MonitorTimings | undefined;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly needs: readonly Need[];
}

export interface AddressPlan extends PartBase {
  readonly kind: "address";
  readonly address: string;
  /** Interfaces to try, best first; empty: found by the node's own address. */
  readonly interfaces: readonly string[];
  /** Reason of API.md when it is not there. */
  readonly missingReason: "AddressMissing" | "FrontendMissing";
}

export interface ProbePortPlan extends PartBase {
  readonly kind: "probe-port";
  readonly port: number;
  readonly sourceRanges: readonly string[];
}

export interface CommandPlan extends PartBase {
  readonly kind: "command";
  readonly start: readonly string[];
  readonly stop: readonly string[];
  readonly check: readonly string[] | undefined;
}

/** Nothing to bring up: the name of a record is looked up where the service runs. */
export type NamePlan = PartBase & NameFacts;

/** Cannot be brought up here; says why. */
export interface RefusedPlan extends PartBase {
  readonly kind: "refused";
  readonly reason: "ResourceNotFound" | "NotImplemented" | "CyclicDependency";
  readonly message: string;
}

export type PartPlan = AddressPlan | ProbePortPlan | CommandPlan | NamePlan | RefusedPlan;

/** The objects that groups refer to, as the informers know them. */
export interface ResourceObjects {
  virtualIp(namespace: string, name: string): AwsVirtualIP | undefined;
  probePort(namespace: string, name: string): LbProbePort | undefined;
  /** This worker has a replication engine. */
  readonly isMirrorCarried?: boolean;
  /** Undefined also where nobody looks names up. */
  dnsName(kind: "AwsDns" | "AzureDns", namespace: string, name: string): DnsObject | undefined;
}

const EXEC_MONITOR: MonitorTimings = {
  intervalMs: 10_000,
  timeoutMs: 10_000,
  retries: 2,
  retryIntervalMs: 2_000,
  startDelayMs: 0,
  whenUnreadable: "Warn",
};
const FALLBACK_TIMEOUT_MS = 30_000;
const FALLBACK_COMMAND_TIMEOUT_MS = 60_000;

export function planParts(group: FailoverGroup, objects: ResourceObjects, node: string): PartPlan[] {
  const namespace = group.metadata.namespace ?? "";
  const drafts = group.spec.resources.flatMap((resource) => partsOf(resource, namespace, objects, node));
  const order = activationOrder(group.spec);
  if (order.type !== "Ordered") {
    const message =
      order.type === "Cyclic"
        ? `resources wait for each other: ${order.cycle.join(" -> ")}`
        : `${order.resource} depends on ${order.dependency}, which the group does not list`;
    return drafts.map(({ key, resource, onFailure, startTimeoutMs, stopTimeoutMs }) => ({
      kind: "refused",
      reason: "CyclicDependency",
      message,
      key,
      resource,
      onFailure,
      monitor: undefined,
      startTimeoutMs,
      stopTimeoutMs,
      needs: [],
    }));
  }
  const defaults = new Set(
    group.spec.resources.flatMap(({ name, dependsOn }) => (dependsOn === undefined ? [name] : [])),
  );
  return drafts.map((draft) => {
    const needs = needsOf(draft, drafts, order.halves);
    const isDefault = draft.kind === "command" && defaults.has(draft.resource);
    return { ...draft, needs: isDefault ? [...needs, ...frontendsOf(drafts)] : needs };
  });
}

/** A service may bind to a frontend address: in the default order it starts after it, as after an AwsVirtualIP's. */
function frontendsOf(drafts: readonly PartPlan[]): Need[] {
  return drafts.filter(isFrontend).map(({ key }) => ({ half: "local", part: key }));
}

function isFrontend(draft: PartPlan): boolean {
  return draft.kind === "address" && draft.missingReason === "FrontendMissing";
}

function needsOf(draft: PartPlan, drafts: readonly PartPlan[], halves: readonly ResourceHalf[]): Need[] {
  const own = halves.find((half) => half.id === halfId(draft.resource, "local"));
  const wanted = halves.filter((half) => own?.after.includes(half.id) === true);
  // A frontend address must be there before the service that binds to it, as an AwsVirtualIP's (API.md 7.4).
  const isEarly = isFrontend(draft);
  const needs = wanted
    .filter((half) => !isEarly || half.kind === "MirrorDisk")
    .flatMap((half): Need[] =>
      half.half === "cloud"
        ? [{ half: "cloud", resource: half.resource }]
        : drafts.filter((other) => other.resource === half.resource).map((part) => ({ half: "local", part: part.key })),
    );
  const frontend =
    draft.kind === "probe-port" ? drafts.find((other) => other.key === frontendKey(draft.resource)) : undefined;
  return frontend === undefined ? needs : [...needs, { half: "local", part: frontend.key }];
}

function frontendKey(resource: string): string {
  return `${resource}#frontend`;
}

function partsOf(resource: GroupResource, namespace: string, objects: ResourceObjects, node: string): PartPlan[] {
  const base = {
    key: resource.name,
    resource: resource.name,
    onFailure: resource.onFailure ?? "Failover",
    monitor: undefined,
    startTimeoutMs: FALLBACK_TIMEOUT_MS,
    stopTimeoutMs: FALLBACK_TIMEOUT_MS,
    needs: [],
  } as const satisfies PartBase;
  if (resource.exec !== undefined) return [commandPlan(base, resource.exec)];
  switch (resource.kind) {
    case "AwsVirtualIP":
      return [addressPlan(base, objects.virtualIp(namespace, resource.name), namespace, node)];
    case "LbProbePort":
      return probePlans(base, objects.probePort(namespace, resource.name), namespace);
    case "AwsElasticIP":
      return [];
    case "AwsDns":
    case "AzureDns":
      return namePlans(base, objects.dnsName(resource.kind, namespace, resource.name), node);
    default:
      // Where the mirror is carried, its engine brings the disk up; no part here does.
      if (resource.kind === "MirrorDisk" && objects.isMirrorCarried === true) return [];
      return [
        {
          ...base,
          kind: "refused",
          reason: "NotImplemented",
          message: `${resource.kind ?? "a resource without kind"} is not carried out by this version of the agent`,
        },
      ];
  }
}

function notFound(base: PartBase, kind: string, namespace: string): RefusedPlan {
  return {
    ...base,
    kind: "refused",
    reason: "ResourceNotFound",
    message: `${kind} ${keyText({ namespace, name: base.resource })} does not exist`,
  };
}

function addressPlan(base: PartBase, object: AwsVirtualIP | undefined, namespace: string, node: string): PartPlan {
  if (object === undefined) return notFound(base, "AwsVirtualIP", namespace);
  const { address, members, monitor, timeouts } = object.spec;
  const chosen = members?.find((member) => member.node === node)?.interface;
  const found = object.status?.members?.find((member) => member.node === node)?.interface;
  return {
    ...base,
    kind: "address",
    address,
    interfaces: [chosen, found].filter((name) => name !== undefined),
    missingReason: "AddressMissing",
    monitor: monitorTimings(monitor),
    ...stepTimeouts(timeouts),
  };
}

function probePlans(base: PartBase, object: LbProbePort | undefined, namespace: string): PartPlan[] {
  if (object === undefined) return [notFound(base, "LbProbePort", namespace)];
  const { port, sourceRanges, dsr, monitor, timeouts } = object.spec;
  const shared = { ...base, monitor: monitorTimings(monitor), ...stepTimeouts(timeouts) };
  const probe: ProbePortPlan = { ...shared, kind: "probe-port", port, sourceRanges: sourceRanges ?? [] };
  if (dsr === undefined) return [probe];
  const frontend: AddressPlan = {
    ...shared,
    kind: "address",
    key: frontendKey(base.resource),
    address: dsr.frontendAddress,
    interfaces: ["lo"],
    missingReason: "FrontendMissing",
  };
  return [frontend, probe];
}

/** Without its object there is nothing to look up; that the object is missing is for the controller to say. */
function namePlans(base: PartBase, object: DnsObject | undefined, node: string): NamePlan[] {
  const facts = object === undefined ? undefined : nameFacts(object, node);
  if (object === undefined || facts === undefined) return [];
  return [{ ...base, ...facts, monitor: monitorTimings(object.spec.monitor), ...stepTimeouts(object.spec.timeouts) }];
}

function commandPlan(base: PartBase, exec: ExecResource): CommandPlan {
  return {
    ...base,
    kind: "command",
    start: exec.start.command,
    stop: exec.stop.command,
    check: exec.monitor?.command,
    monitor: exec.monitor === undefined ? undefined : { ...EXEC_MONITOR, ...monitorTimings(exec.monitor) },
    startTimeoutMs: parseDurationMs(exec.start.timeout) ?? FALLBACK_COMMAND_TIMEOUT_MS,
    stopTimeoutMs: parseDurationMs(exec.stop.timeout) ?? FALLBACK_COMMAND_TIMEOUT_MS,
  };
}

function stepTimeouts(timeouts: { readonly activate: string; readonly deactivate: string } | undefined): {
  startTimeoutMs: number;
  stopTimeoutMs: number;
} {
  return {
    startTimeoutMs: parseDurationMs(timeouts?.activate ?? "") ?? FALLBACK_TIMEOUT_MS,
    stopTimeoutMs: parseDurationMs(timeouts?.deactivate ?? "") ?? FALLBACK_TIMEOUT_MS,
  };
}

function monitorTimings(
  monitor: Pick<Monitor, "interval" | "timeout" | "retries" | "retryInterval" | "startDelay" | "whenUnreadable">,
): MonitorTimings {
  return {
    intervalMs: parseDurationMs(monitor.interval) ?? EXEC_MONITOR.intervalMs,
    timeoutMs: parseDurationMs(monitor.timeout) ?? EXEC_MONITOR.timeoutMs,
    retries: monitor.retries,
    retryIntervalMs: parseDurationMs(monitor.retryInterval) ?? EXEC_MONITOR.retryIntervalMs,
    startDelayMs: parseDurationMs(monitor.startDelay) ?? 0,
    whenUnreadable: monitor.whenUnreadable,
  };
}

/** What a part occupies on the host: two plans with the same identity need no restart between them. */
export function planIdentity(plan: PartPlan): string {
  switch (plan.kind) {
    case "address":
      return `address ${plan.address}`;
    case "probe-port":
      return `probe-port ${plan.port} ${plan.sourceRanges.join(",")}`;
    case "command":
      // A service is not restarted because somebody edits its commands; the new ones serve from the next use on.
      return "command";
    case "name":
      return "name";
    case "refused":
      return `refused ${plan.reason}`;
  }
}
