/**
 * The status of an LbProbePort, joined from what the agents report about it and what was read of the load balancer. Pure:
 * nothing is done to the outside but the status and the finalizer; the port is opened and closed by the agents alone.
 * Must never do: let what a load balancer looks like change Ready. It is read for preflight.
 */
import { setConditions, wantedWithRemedy, type WantedCondition } from "../../api/conditions.ts";
import type {
  FailoverGroup,
  LbProbePortMemberStatus,
  LbProbePortStatus,
  MemberReport,
  LbProbePort,
  ReportedResource,
} from "../../api/generated/types.ts";
import { FINALIZERS } from "../../api/kinds.ts";
import type { Reason } from "../../api/reasons.ts";
import type { Plan } from "../../controller/contract.ts";
import { isSameStatus } from "../../controller/status-writer.ts";
import type { Instant } from "../../lib/clock.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import type { Failure } from "../pointer/reading.ts";
import { failuresOf, findingsOf, poolStateOf, type PreflightReason, unreadable } from "./checks.ts";
import { frontendsOf, type Seen } from "./seen.ts";

export type Step =
  | { readonly do: "AddFinalizer" }
  | { readonly do: "RemoveFinalizer" }
  | { readonly do: "WriteStatus"; readonly status: LbProbePortStatus };

const FALLBACK_INTERVAL_MS = 5_000;
const INTERVALS_IN_ORDER = 12;
/** As many as the schema admits. */
const MAX_FRONTENDS = 32;

export function planProbePort(seen: Seen, now: Instant): Plan<Step> {
  const { metadata, status: old } = seen.probe;
  const isDeleting = metadata.deletionTimestamp !== undefined;
  const hasFinalizer = metadata.finalizers?.includes(FINALIZERS.inUse) === true;
  if (isDeleting && !hasFinalizer) return { steps: [] };
  if (isDeleting && seen.group === undefined) return { steps: [{ do: "RemoveFinalizer" }] };
  if (!isDeleting && !hasFinalizer) return { steps: [{ do: "AddFinalizer" }] };
  const status = statusOf(seen, now);
  const steps: Step[] = isSameStatus(old ?? {}, status) ? [] : [{ do: "WriteStatus", status }];
  if (seen.balancer === undefined) return { steps };
  const isInOrder = status.conditions?.some(({ type, status: is }) => type === "PreflightOK" && is === "True") ?? false;
  return { steps, requeueAfterMs: balancerAgeMs(seen.probe, isInOrder) };
}

/** How old an answer about the load balancer may be, in ms: while all is in order it rarely changes. */
export function balancerAgeMs({ spec }: LbProbePort, isInOrder: boolean): number {
  const intervalMs = parseDurationMs(spec.monitor.interval) ?? FALLBACK_INTERVAL_MS;
  return isInOrder ? intervalMs * INTERVALS_IN_ORDER : intervalMs;
}

function statusOf(seen: Seen, now: Instant): LbProbePortStatus {
  const { probe, group } = seen;
  const generation = probe.metadata.generation ?? 0;
  const own = group === undefined ? undefined : activeReport(group, probe.metadata.name);
  const conditions = [readyOf(seen, own), preflightOf(seen), ...observedOf(seen), ...progressOf(seen, own)];
  const active = group?.status?.active;
  const applied = own?.state === "Active" && active !== undefined ? active : probe.status?.active;
  const frontends = frontendsOf(seen) ?? (seen.balancer === undefined ? dsrFrontends(probe) : probe.status?.frontends);
  return {
    observedGeneration: generation,
    ...(group === undefined ? {} : { group: { name: group.metadata.name, uid: group.metadata.uid ?? "" } }),
    ...(applied === undefined ? {} : { active: { node: applied.node, epoch: applied.epoch } }),
    ...(frontends === undefined ? {} : { frontends: frontends.slice(0, MAX_FRONTENDS) }),
    ...(group === undefined ? {} : { members: membersOf(group, seen) }),
    conditions: setConditions(probe.status?.conditions, conditions, generation, new Date(now.wallMs).toISOString()),
  };
}

function dsrFrontends({ spec }: LbProbePort): string[] | undefined {
  return spec.dsr === undefined ? undefined : [spec.dsr.frontendAddress];
}

/** What the holder's agent reports under the grant in force. */
function activeReport(group: FailoverGroup, name: string): ReportedResource | undefined {
  const { active, reports } = group.status ?? {};
  const report = reports?.find((entry) => entry.node === active?.node);
  if (report === undefined || report.session !== active?.session || report.epoch !== active.epoch) return undefined;
  return report.resources?.find((resource) => resource.name === name);
}

function membersOf(group: FailoverGroup, seen: Seen): LbProbePortMemberStatus[] {
  return group.spec.members.map(({ node }) => {
    const report = group.status?.reports?.find((entry) => entry.node === node);
    const resource = report?.resources?.find((entry) => entry.name === seen.probe.metadata.name);
    const facts = seen.members.find((member) => member.node === node);
    const inBackendPool = facts === undefined ? undefined : poolStateOf(seen, facts);
    const inPool = inBackendPool === undefined ? {} : { inBackendPool };
    if (report === undefined || resource === undefined) return { node, ...inPool };
    const isHolders = isUnderGrant(group, report) && resource.state === "Active";
    return { node, listening: isHolders || resource.reason === "PortInUse", ...inPool };
  });
}

function isUnderGrant(group: FailoverGroup, report: MemberReport): boolean {
  const active = group.status?.active;
  return (
    active !== undefined &&
    active.node === report.node &&
    active.session === report.session &&
    active.epoch === report.epoch
  );
}

function ready(reason: Reason<"LbProbePort", "Ready">, message: string): WantedCondition {
  return wantedWithRemedy("LbProbePort", "Ready", reason === "Active" ? "True" : "False", reason, message);
}

function readyOf(seen: Seen, own: ReportedResource | undefined): WantedCondition {
  const { probe, group } = seen;
  const port = `port ${probe.spec.port}`;
  if (group === undefined) return ready("NotInGroup", "no FailoverGroup lists this object");
  const { active, target, hold } = group.status ?? {};
  if (active === undefined) return ready("Inactive", `group ${group.metadata.name} is not active`);
  if (own?.state === "Active") return ready("Active", `${port} answers on ${active.node} under epoch ${active.epoch}`);
  if (target !== undefined || hold !== undefined || own?.state === "Deactivating") {
    return ready("Deactivating", `${port} is being closed on ${active.node}`);
  }
  const found = `${own?.reason ?? ""}${own?.message === undefined ? "" : `: ${own.message}`}`;
  const wasUp = probe.status?.active?.epoch === active.epoch;
  if (wasUp && own?.reason !== undefined)
    return ready(
      own.reason === "FrontendMissing" ? "FrontendMissing" : "ListenerDown",
      `${port} on ${active.node}: ${found}`,
    );
  if (own?.state === "Failed") return ready("ActivationFailed", `${port} on ${active.node}: ${found}`);
  return ready("Activating", `${port} is being opened on ${active.node}${found === "" ? "" : ` (${found})`}`);
}

function preflightOf(seen: Seen): WantedCondition {
  const { probe, group } = seen;
  const findings = findingsOf(seen);
  const [first] = findings;
  const preflight = (status: "True" | "False" | "Unknown", reason: PreflightReason, message: string): WantedCondition =>
    wantedWithRemedy("LbProbePort", "PreflightOK", status, reason, message);
  if (first !== undefined) return preflight("False", first.reason, findings.map(({ message }) => message).join("; "));
  if (group === undefined)
    return preflight("Unknown", "NotChecked", "no group lists the object, so there is no member to check");
  const unread = unreadable(seen);
  if (unread !== undefined) return preflight("Unknown", "Unreadable", unread.message);
  const free = `port ${probe.spec.port} is free on every standby that reports`;
  const { name } = probe.spec.azureLoadBalancer ?? {};
  const probed = name === undefined ? "" : `; ${name} probes it, and its backend pool holds every member`;
  return preflight("True", "Passed", `${free}${probed}`);
}

/** Only with a load balancer is there anything to read. */
function observedOf(seen: Seen): WantedCondition[] {
  const { balancer, probe } = seen;
  if (balancer?.loadBalancer === undefined) return [];
  const failure = failuresOf(seen).find(({ code }) => code !== "NotFound");
  if (failure === undefined)
    return [wantedWithRemedy("LbProbePort", "Observed", "True", "Read", "the load balancer was read")];
  if (probe.spec.monitor.whenUnreadable === "Ignore") {
    const before = probe.status?.conditions?.filter(({ type }) => type === "Observed");
    return before?.map(({ type, status, reason, message }) => ({ type, status, reason, message })) ?? [];
  }
  const reason = isUnread(failure.code) ? failure.code : "CallFailed";
  return [wantedWithRemedy("LbProbePort", "Observed", "False", reason, failure.message)];
}

function isUnread(code: Failure["code"]): code is "CallTimeout" | "EndpointUnreachable" | "Throttled" {
  return code === "CallTimeout" || code === "EndpointUnreachable" || code === "Throttled";
}

function progressOf(seen: Seen, own: ReportedResource | undefined): WantedCondition[] {
  const isWorking = seen.group?.status?.active !== undefined && own?.state !== "Active" && own?.state !== "Failed";
  if (!isWorking) return [];
  return [wantedWithRemedy("LbProbePort", "Reconciling", "True", "Applying", "the active member is working on it")];
}
