/**
 * Preflight of the group as a whole: an ordered list of small checks over what the group names. Each answers with
 * what is wrong, whether it keeps the group from being brought up, and whether a person must act.
 *
 * Never blocks an apply, and never changes Ready of a group that is up (API.md 0). Pure.
 */
import { activationOrder } from "../../api/activation-order.ts";
import { notImplementedFields } from "../../api/implemented.ts";
import { fenceTargetOf, fencingOf } from "./fencing-target.ts";
import { holderOf } from "./holder.ts";
import { openMove, type Seen } from "./seen.ts";
import { timingsConflicts } from "./timings-conflict.ts";
import { zoneOf } from "./zone-view.ts";

export type StalledReason =
  | "NoMemberFound"
  | "ResourceNotFound"
  | "ClaimedElsewhere"
  | "CyclicDependency"
  | "TimingsConflict";
export type PreflightReason =
  | "Failed"
  | "MemberNotFound"
  | "NotSupported"
  | "NotChecked"
  | "PortInUse"
  | "CommandNotAllowed"
  | "NotImplemented";

export interface Problem {
  readonly preflight: PreflightReason;
  /** Set when a person must act before the group can be brought up. */
  readonly stalled?: StalledReason;
  readonly message: string;
  /** `Grant`: nothing may be granted. `Start`: a group that is down stays down, one that was up may fail over. */
  readonly blocks: "Grant" | "Start" | "Nothing";
}

type GroupCheck = (seen: Seen) => readonly Problem[];

const dependenciesHaveAnOrder: GroupCheck = (seen) => {
  const order = activationOrder(seen.group.spec);
  switch (order.type) {
    case "Ordered":
      return [];
    case "Cyclic":
      return [
        {
          preflight: "Failed",
          stalled: "CyclicDependency",
          message: `resources depend on each other in a circle: ${order.cycle.join(" -> ")}. Remove one dependsOn`,
          blocks: "Grant",
        },
      ];
    case "UnknownDependency":
      return [
        {
          preflight: "Failed",
          stalled: "ResourceNotFound",
          message: `${order.resource} depends on ${order.dependency}, which spec.resources does not list`,
          blocks: "Grant",
        },
      ];
  }
};

const objectsExist: GroupCheck = (seen) =>
  seen.resources
    .filter((entry) => entry.kind !== "exec" && entry.object === undefined)
    .map(({ kind, resource }) => ({
      preflight: "Failed" as const,
      stalled: "ResourceNotFound" as const,
      message: `${kind} ${seen.group.metadata.namespace}/${resource.name}: no such object. Create it, or remove it from spec.resources`,
      blocks: "Grant" as const,
    }));

const objectsAreOurs: GroupCheck = (seen) =>
  seen.resources.flatMap(({ object }) =>
    object?.claimedElsewhere === undefined
      ? []
      : [
          {
            preflight: "Failed" as const,
            stalled: "ClaimedElsewhere" as const,
            message: object.claimedElsewhere,
            blocks: "Grant" as const,
          },
        ],
  );

/** A kind that cannot be activated keeps the group down; a field is reported, and everything else goes on without it. */
const everythingIsImplemented: GroupCheck = (seen) =>
  missingOf(seen).map((what) => ({
    preflight: "NotImplemented" as const,
    message: `${what} is not carried out by this version`,
    blocks: what.startsWith("spec.resources[") ? ("Grant" as const) : ("Nothing" as const),
  }));

function missingOf({ group, settings }: Seen): string[] {
  const missing = notImplementedFields("FailoverGroup", group.spec);
  return settings.hasSimulatedMirror === true ? missing.filter((what) => !what.endsWith(": MirrorDisk")) : missing;
}

const membersExist: GroupCheck = (seen) => {
  const inSpec = seen.members.filter((member) => member.position !== undefined);
  const missing = inSpec.filter((member) => member.nodeObject === undefined);
  if (missing.length === 0) return [];
  const agents = seen.agentNodes.length === 0 ? "none" : seen.agentNodes.join(", ");
  const isNobodyLeft = missing.length === inSpec.length;
  return missing.map((member) => ({
    preflight: "MemberNotFound" as const,
    ...(isNobodyLeft ? { stalled: "NoMemberFound" as const } : {}),
    message: `member ${member.node}: no such Node. Nodes that run the agent: ${agents}`,
    blocks: "Nothing" as const,
  }));
};

const timingsFit: GroupCheck = (seen) =>
  timingsConflicts(seen).map((message) => ({
    preflight: "Failed" as const,
    stalled: "TimingsConflict" as const,
    message,
    blocks: "Grant" as const,
  }));

/** These are about one member, about a part that can be done without, or told in their own place. */
const PARTIAL_REASONS: readonly string[] = [
  "PortInUse",
  "SourceDestCheckOn",
  "EniMismatch",
  "UnknownMember",
  "MemberNotInBackendPool",
  "NotImplemented",
  "NoEgressAfterMove",
];

/** A load balancer is read to warn, never written: who may not, or cannot find it, serves behind it all the same. */
const READING_REASONS: readonly string[] = [
  "CredentialsMissing",
  "CredentialsRejected",
  "AmbientNotAllowed",
  "NotAuthorized",
  "NotFound",
  "InvalidRequest",
];

function isPartial(kind: string, reason: string): boolean {
  return PARTIAL_REASONS.includes(reason) || (kind === "LbProbePort" && READING_REASONS.includes(reason));
}

/** The truth is known and wrong; what could not be read is Unknown and blocks nothing. */
const objectsPass: GroupCheck = (seen) =>
  seen.resources.flatMap(({ object }) => {
    const preflight = object?.conditions.find((condition) => condition.type === "PreflightOK");
    if (object === undefined || preflight?.status !== "False" || preflight.reason === "NotChecked") return [];
    const message = `${object.kind} ${object.name}: ${preflight.reason}: ${preflight.message}`;
    return [
      {
        preflight: preflight.reason === "NotImplemented" ? ("NotImplemented" as const) : ("Failed" as const),
        message,
        blocks: isPartial(object.kind, preflight.reason) ? ("Nothing" as const) : ("Start" as const),
      },
    ];
  });

/** A group that is down waits until its objects were looked at; what could not be read keeps nobody waiting. */
const objectsAreChecked: GroupCheck = (seen) =>
  seen.resources.flatMap(({ object }) => {
    const preflight = object?.conditions.find((condition) => condition.type === "PreflightOK");
    const isDone = preflight !== undefined && preflight.status !== "Unknown" && preflight.reason !== "NotChecked";
    if (object === undefined || isDone) return [];
    const isUnreadable = preflight?.reason === "Unreadable";
    const why = isUnreadable ? `cannot be checked: ${preflight.message}` : "has not been checked yet";
    return [
      {
        preflight: "NotChecked" as const,
        message: `${object.kind} ${object.name} ${why}`,
        blocks: isUnreadable ? ("Nothing" as const) : ("Start" as const),
      },
    ];
  });

const MEMBER_REASONS = { PortInUse: "PortInUse", CommandNotAllowed: "CommandNotAllowed" } as const;

const membersCouldActivate: GroupCheck = (seen) =>
  seen.members.flatMap(({ node, report }) => {
    if (report === undefined || report.state !== "Inactive") return [];
    return (report.resources ?? []).flatMap((resource) => {
      const reason = Object.values(MEMBER_REASONS).find((known) => known === resource.reason);
      if (reason === undefined) return [];
      return [
        {
          preflight: reason,
          message: `${resource.name} on ${node}: ${resource.message ?? reason}`,
          blocks: "Nothing" as const,
        },
      ];
    });
  });

/** Proof that a member is off could be had: its machine is known, and this identity may stop it. */
const machinesCouldBeStopped: GroupCheck = (seen) => {
  const fencing = fencingOf(seen);
  if (fencing === undefined) return [];
  const inSpec = seen.members.filter((member) => member.position !== undefined && member.nodeObject !== undefined);
  return inSpec.flatMap((member): Problem[] => {
    const target = fenceTargetOf(fencing, member);
    if (!target.ok) return [{ preflight: target.reason, message: target.message, blocks: "Nothing" }];
    const check = member.fenceCheck;
    if (check?.result === "Passed") return [];
    if (check === undefined) {
      const message = `whether the machine of ${member.node} may be stopped has not been checked yet`;
      return [{ preflight: "NotChecked", message, blocks: "Nothing" }];
    }
    const preflight = check.result === "Failed" ? "Failed" : "NotChecked";
    return [{ preflight, message: `fencing could not stop ${member.node}: ${check.message}`, blocks: "Nothing" }];
  });
};

/** Zones can be watched on AWS only; a machine of which nobody says where it is cannot be watched either. */
const zonesCanBeWatched: GroupCheck = (seen) => {
  if (seen.group.spec.monitors?.availabilityZone === undefined) return [];
  const inSpec = seen.members.filter((member) => member.position !== undefined && member.nodeObject !== undefined);
  return inSpec.flatMap(({ node, providerIds }): Problem[] => {
    if (zoneOf(providerIds) !== undefined) return [];
    const found = providerIds.length === 0 ? "has no provider id" : `is ${providerIds.join(", ")}`;
    const message = `monitors.availabilityZone watches zones of AWS; ${node} ${found}`;
    return [{ preflight: "NotSupported", message, blocks: "Nothing" }];
  });
};

const CHECKS: readonly GroupCheck[] = [
  dependenciesHaveAnOrder,
  objectsExist,
  objectsAreOurs,
  everythingIsImplemented,
  membersExist,
  timingsFit,
  objectsPass,
  membersCouldActivate,
  machinesCouldBeStopped,
  zonesCanBeWatched,
  objectsAreChecked,
];

/** Everything that is wrong, the most important first; empty when preflight passes. */
export function groupProblems(seen: Seen): Problem[] {
  return CHECKS.flatMap((check) => check(seen));
}

/** The first problem that forbids a grant now. */
export function grantBlocker(seen: Seen): Problem | undefined {
  const isUp = holderOf(seen).state !== "None" || openMove(seen.group.status?.history) !== undefined;
  return groupProblems(seen).find((problem) => problem.blocks === "Grant" || (problem.blocks === "Start" && !isUp));
}
