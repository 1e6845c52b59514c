/**
 * What a failover to this member would meet, found before it matters: listeners on the probe port or on the service's
 * ports, which a member that does not hold the group should not have, and commands that may not be run here. Pure.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import type { Finding } from "./group-state.ts";
import type { PartPlan } from "./part-plan.ts";

/** The ports whose listeners are asked for. */
export function watchedPorts(group: FailoverGroup, plans: readonly PartPlan[]): number[] {
  return [
    ...plans.flatMap((plan) => (plan.kind === "probe-port" ? [plan.port] : [])),
    ...(group.spec.servicePorts ?? []),
  ];
}

/** `refusedCommands`: why a resource's commands may not be run on this member, by the resource's name. */
export function standbyFindings(
  group: FailoverGroup,
  plans: readonly PartPlan[],
  listening: readonly number[],
  refusedCommands: ReadonlyMap<string, string> = new Map(),
): Finding[] {
  const refused = [...refusedCommands].map(([resource, message]) => ({
    resource,
    reason: "CommandNotAllowed",
    message,
  }));
  const taken = takenPorts(group, plans, listening).filter(({ resource }) => !refusedCommands.has(resource));
  return [...refused, ...taken];
}

function takenPorts(group: FailoverGroup, plans: readonly PartPlan[], listening: readonly number[]): Finding[] {
  const findings: Finding[] = plans.flatMap((plan) =>
    plan.kind === "probe-port" && listening.includes(plan.port)
      ? [
          {
            resource: plan.resource,
            reason: "PortInUse",
            message: `port ${plan.port} is listened on although this member is a standby: a load balancer would send traffic here`,
          },
        ]
      : [],
  );
  const ports = (group.spec.servicePorts ?? []).filter((port) => listening.includes(port));
  // The service is what the group's command runs; without one the first resource has to speak for it.
  const speaker = group.spec.resources.find((resource) => resource.exec !== undefined) ?? group.spec.resources[0];
  if (ports.length === 0 || speaker === undefined || findings.some((finding) => finding.resource === speaker.name))
    return findings;
  return [
    ...findings,
    {
      resource: speaker.name,
      reason: "PortInUse",
      message: `service ports ${ports.join(", ")} are listened on although this member is a standby`,
    },
  ];
}

export function sameFindings(left: readonly Finding[], right: readonly Finding[]): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
