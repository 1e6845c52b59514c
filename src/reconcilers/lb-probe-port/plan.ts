/**
 * The status of an LbProbePort, joined from what the agents report about it. Pure: nothing is done to the outside but
 * the status and the finalizer; the port is opened and closed by the agents alone.
 */
import { setConditions, wantedWithRemedy, type WantedCondition } from "../../api/conditions.ts";
import type {
  FailoverGroup,
  LbProbePortMemberStatus,
  LbProbePortStatus,
  MemberReport,
  ReportedResource,
} from "../../api/generated/types.ts";
import { notImplementedFields } from "../../api/implemented.ts";
import { FINALIZERS } from "../../api/kinds.ts";
import type { Reason } from "../../api/reasons.ts";
import type { Plan } from "../../controller/contract.ts";
import { isSameStatus } from "../../controller/status-writer.ts";
import type { Instant } from "../../lib/clock.ts";
import type { Seen } from "./seen.ts";

export type Step =
  | { readonly do: "AddFinalizer" }
  | { readonly do: "RemoveFinalizer" }
  | { readonly do: "WriteStatus"; readonly status: LbProbePortStatus };

export function planProbePort(seen: Seen, now: Instant): Plan<Step> {
  const { metadata, status: old } = seen.probe;
  const isDeleting = metadata.deletionTimestamp !== undefined;
  const hasFinalizer = metadata.finalizers?.includes(FINALIZERS.inUse) === true;
  if (isDeleting && !hasFinalizer) return { steps: [] };
  if (isDeleting && seen.group === undefined) return { steps: [{ do: "RemoveFinalizer" }] };
  if (!isDeleting && !hasFinalizer) return { steps: [{ do: "AddFinalizer" }] };
  const status = statusOf(seen, now);
  return { steps: isSameStatus(old ?? {}, status) ? [] : [{ do: "WriteStatus", status }] };
}

function statusOf(seen: Seen, now: Instant): LbProbePortStatus {
  const { probe, group } = seen;
  const generation = probe.metadata.generation ?? 0;
  const own = group === undefined ? undefined : activeReport(group, probe.metadata.name);
  const conditions = [readyOf(seen, own), preflightOf(seen), ...progressOf(seen, own)];
  const active = group?.status?.active;
  return {
    observedGeneration: generation,
    ...(group === undefined ? {} : { group: { name: group.metadata.name, uid: group.metadata.uid ?? "" } }),
    ...(own?.state === "Active" && active !== undefined ? { active: { node: active.node, epoch: active.epoch } } : {}),
    ...(group === undefined ? {} : { members: membersOf(group, probe.metadata.name) }),
    conditions: setConditions(probe.status?.conditions, conditions, generation, new Date(now.wallMs).toISOString()),
  };
}

/** What the holder's agent reports under the grant in force. */
function activeReport(group: FailoverGroup, name: string): ReportedResource | undefined {
  const { active, reports } = group.status ?? {};
  const report = reports?.find((entry) => entry.node === active?.node);
  if (report === undefined || report.session !== active?.session || report.epoch !== active.epoch) return undefined;
  return report.resources?.find((resource) => resource.name === name);
}

function membersOf(group: FailoverGroup, name: string): LbProbePortMemberStatus[] {
  return group.spec.members.map(({ node }) => {
    const report = group.status?.reports?.find((entry) => entry.node === node);
    const resource = report?.resources?.find((entry) => entry.name === name);
    if (report === undefined || resource === undefined) return { node };
    const isHolders = isUnderGrant(group, report) && resource.state === "Active";
    return { node, listening: isHolders || resource.reason === "PortInUse" };
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
  if (own?.state !== "Failed")
    return ready("Activating", `${port} is being opened on ${active.node}${found === "" ? "" : ` (${found})`}`);
  const wasUp = seen.probe.status?.active?.epoch === active.epoch;
  return ready(wasUp ? "ListenerDown" : "ActivationFailed", `${port} on ${active.node}: ${found}`);
}

function preflightOf(seen: Seen): WantedCondition {
  const bad = (reason: Reason<"LbProbePort", "PreflightOK">, message: string): WantedCondition =>
    wantedWithRemedy("LbProbePort", "PreflightOK", reason === "NotChecked" ? "Unknown" : "False", reason, message);
  const { probe, group } = seen;
  if (seen.isListedElsewhere !== undefined) return bad("ClaimedElsewhere", seen.isListedElsewhere);
  const later = notImplementedFields("LbProbePort", probe.spec);
  if (later.length > 0) return bad("NotImplemented", `${later.join(", ")} not carried out by this version`);
  if (group === undefined) return bad("NotChecked", "no group lists the object, so there is no member to check");
  for (const { node, state, resources } of group.status?.reports ?? []) {
    const resource = resources?.find((entry) => entry.name === probe.metadata.name);
    if (resource?.reason !== "PortInUse" || state === "Active") continue;
    return bad(
      "PortInUse",
      `port ${probe.spec.port} on ${node}: ${resource.message ?? "something else listens there"}`,
    );
  }
  return wantedWithRemedy(
    "LbProbePort",
    "PreflightOK",
    "True",
    "Passed",
    `port ${probe.spec.port} is free on every standby that reports`,
  );
}

function progressOf(seen: Seen, own: ReportedResource | undefined): WantedCondition[] {
  const isWorking = seen.group?.status?.active !== undefined && own?.state !== "Active" && own?.state !== "Failed";
  if (!isWorking) return [];
  return [wantedWithRemedy("LbProbePort", "Reconciling", "True", "Applying", "the active member is working on it")];
}
