/**
 * AwsDns: an A record in a Route 53 hosted zone that names the active member, or a fixed address.
 *
 * Every write is a DELETE of exactly what was read with a CREATE of what should be there, in one batch: a writer that
 * comes late, be it a former leader or a call that hung, is refused, and the name is never absent in a move.
 * Must never do: wait until all name servers have a change.
 */
import type { AwsDnsStatus } from "../../api/generated/types.ts";
import type { Ec2Access } from "../../cloud/aws/ec2-access.ts";
import type { Route53Access } from "../../cloud/aws/route53-access.ts";
import type { Clock, Instant } from "../../lib/clock.ts";
import { resolutionTrouble } from "../dns/checks.ts";
import { memberStatuses, recordStatus } from "../dns/status.ts";
import { viewRecord, viewStopped } from "../dns/view.ts";
import { DNS_WORDING, dnsWriteRetry } from "../dns/wording.ts";
import { awsKeysOf } from "../pointer/aws-members.ts";
import { valueOf } from "../pointer/reading.ts";
import type { Verdict } from "../pointer/seen.ts";
import { Changes } from "./changes.ts";
import { AWS_DNS_CHECKS } from "./checks.ts";
import { readAwsDns } from "./read.ts";
import { recordViewOf, writeOf } from "./record.ts";
import type { AwsDnsFacts, AwsDnsKind, AwsDnsSeen } from "./seen.ts";
import { writeRecord } from "./write.ts";

export interface AwsDnsModules {
  readonly route53: Route53Access;
  /** For the VPCs of a private zone. */
  readonly ec2: Ec2Access;
  readonly clock: Clock;
}

export function awsDnsKind({ route53, ec2, clock }: AwsDnsModules): AwsDnsKind {
  const changes = new Changes(clock);
  return {
    kind: "AwsDns",
    wording: {
      ...DNS_WORDING,
      endpoint: "the Route 53 endpoint",
      service: "Route 53",
    },
    keysOf: awsKeysOf,
    read: (request) => readAwsDns({ route53, ec2, changes }, request),
    readings: readingsOf,
    callTimes: ({ callTimes }) => callTimes,
    view: (seen, node) => viewRecord(recordViewOf(seen), node, (change) => writeOf(seen, change)),
    checks: AWS_DNS_CHECKS,
    write: (write, request) => writeRecord({ route53, changes }, write, request),
    targetOf: ({ name }) => name,
    describe: ({ name, change: { wanted } }) =>
      wanted === undefined ? `${name} was deleted` : `${name} was set to ${wanted.address}`,
    writeRetry: dnsWriteRetry,
    whenStopped: (seen) => viewStopped(recordViewOf(seen), (change) => writeOf(seen, change)),
    status: statusOf,
    conditions: (seen) => [["Propagated", propagatedOf(seen)]],
    trouble: (seen) => resolutionTrouble(seen, recordViewOf(seen)),
    nextLookMs: ({ facts }, now) =>
      facts.change?.nextReadingAtMs === undefined
        ? undefined
        : Math.max(0, facts.change.nextReadingAtMs - now.monotonicMs),
  };
}

function readingsOf({ zone, record, members, vpcs, mayChange, mayReadChanges }: AwsDnsFacts) {
  return {
    monitored: record === undefined ? [] : [record],
    facts: [
      ...(zone === undefined ? [] : [zone]),
      ...members.flatMap((member) => member.networkInterface ?? []),
      ...vpcs.map((vpc) => vpc.dns),
    ],
    dryRuns: [mayChange, mayReadChanges].flatMap((reading) => reading ?? []),
  };
}

function statusOf(seen: AwsDnsSeen, now: Instant): Partial<AwsDnsStatus> {
  const { object, members, facts, status } = seen;
  const record = recordStatus(recordViewOf(seen), status, now);
  const zone = valueOf(facts.zone);
  return {
    ...(record === undefined ? {} : { record }),
    ...(facts.change === undefined ? {} : { change: changeStatus(facts.change) }),
    ...(zone === undefined
      ? { zone: status.zone }
      : { zone: { name: zone.name, visibility: zone.isPrivate ? "Private" : "Public" } }),
    members: memberStatuses(object, members),
  };
}

function changeStatus({
  id,
  state,
  submittedAt,
}: NonNullable<AwsDnsFacts["change"]>): NonNullable<AwsDnsStatus["change"]> {
  return { id, state, ...(submittedAt === undefined ? {} : { submittedAt }) };
}

/** Absent while no change was ever sent: a record that was right from the start is everywhere. */
function propagatedOf({ object, facts }: AwsDnsSeen): Verdict | undefined {
  const { change } = facts;
  if (change === undefined) return undefined;
  if (change.state === "InSync") {
    return { status: "True", reason: "InSync", message: `all name servers have change ${change.id}` };
  }
  const since = change.submittedAt === undefined ? "" : ` of ${change.submittedAt}`;
  const why = change.failure === undefined ? "" : `: ${change.failure.message}`;
  const text = `change ${change.id}${since} is not known to be on all name servers yet`;
  const isSlow = change.readings >= object.spec.sync.attempts;
  return { status: "False", reason: isSlow ? "SlowPropagation" : "Pending", message: `${text}${why}` };
}
