/** What one look at an AwsDns has read, as values. Nothing here reads, waits or decides. */
import type { AwsDns } from "../../api/generated/types.ts";
import type { HostedZone } from "../../cloud/aws/route53-ports.ts";
import type { AwsCredentials } from "../../cloud/aws/sdk-caller.ts";
import type { VpcDns } from "../../cloud/aws/ports.ts";
import type { CallTimes } from "../../cloud/call-times.ts";
import { fqdnOf } from "../dns/checks.ts";
import type { RecordSeen } from "../dns/seen.ts";
import type { RecordChange } from "../dns/view.ts";
import type { AwsMember } from "../pointer/aws-members.ts";
import type { PointerKind } from "../pointer/kind.ts";
import type { Failure, Reading } from "../pointer/reading.ts";
import type { PointerSeen } from "../pointer/seen.ts";

/** The last change that was sent, until all name servers have it. */
export interface ChangeSeen {
  readonly id: string;
  readonly state: "Pending" | "InSync";
  readonly submittedAt: string | undefined;
  /** How often it was asked for; unanswered times count. */
  readonly readings: number;
  /** On the monotonic clock; undefined once it is everywhere. */
  readonly nextReadingAtMs: number | undefined;
  /** Why it could not be asked for last. */
  readonly failure: Failure | undefined;
}

/** A VPC of members, of a private zone. */
export interface VpcSeen {
  readonly vpcId: string;
  readonly region: string;
  readonly nodes: readonly string[];
  readonly dns: Reading<VpcDns>;
}

export interface AwsDnsFacts {
  /** Of any member: Route 53 is one service for all regions of its partition. */
  readonly region: string | undefined;
  /** Undefined: there is no identity to read with. So with the others. */
  readonly zone: Reading<HostedZone> | undefined;
  /** Its value is undefined when there is no record of this name. */
  readonly record: Reading<RecordSeen | undefined> | undefined;
  /** Of a private zone; empty for a public one, or for machines elsewhere. */
  readonly members: readonly AwsMember[];
  readonly vpcs: readonly VpcSeen[];
  /** Undefined: left for another time. */
  readonly mayChange: Reading<true> | undefined;
  readonly mayReadChanges: Reading<true> | undefined;
  readonly change: ChangeSeen | undefined;
  readonly callTimes: CallTimes | undefined;
}

export interface AwsDnsWrite {
  readonly region: string | undefined;
  readonly zoneId: string;
  /** With its last dot. */
  readonly name: string;
  readonly change: RecordChange;
}

export type AwsDnsKind = PointerKind<AwsDns, AwsDnsFacts, AwsDnsWrite, AwsCredentials>;
export type AwsDnsSeen = PointerSeen<AwsDns, AwsDnsFacts>;

export function recordNameOf({ spec }: AwsDns): string {
  return fqdnOf(spec.name);
}
