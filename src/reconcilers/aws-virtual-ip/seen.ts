/**
 * What one reconciliation of an AwsVirtualIP looks at: plain values, gathered by `observe.ts`, judged by the checks and
 * the plan. "Could not be read" is a value; nothing here reads, waits or decides.
 */
import type { AwsVirtualIP, AwsVirtualIPStatus, FailoverGroup } from "../../api/generated/types.ts";
import type { CallTimes } from "../../cloud/call-times.ts";
import type { NetworkInterface, RouteTable } from "../../cloud/aws/ports.ts";
import type { AwsInstanceId } from "../../cloud/aws/provider-id.ts";
import type { CloudErrorCode } from "../../cloud/errors.ts";
import type { Activation } from "./activation.ts";
import type { Claim } from "./claims.ts";

export interface Failure {
  readonly code: CloudErrorCode;
  readonly message: string;
}

export type Reading<T> =
  /** `sentAtMs`: when the call was sent, on the monotonic clock. */
  | { readonly ok: true; readonly value: T; readonly sentAtMs: number }
  /** `known`: what the last good answer said, if there ever was one. */
  | { readonly ok: false; readonly failure: Failure; readonly known: T | undefined };

/** The value of a reading, or of the last good one. */
export function valueOf<T>(reading: Reading<T> | undefined): T | undefined {
  if (reading === undefined) return undefined;
  return reading.ok ? reading.value : reading.known;
}

export interface MemberSeen {
  readonly node: string;
  readonly isNodeKnown: boolean;
  /** From the provider id; undefined: none, or none of AWS. */
  readonly instance: AwsInstanceId | undefined;
  readonly providerId: string | undefined;
  /** `spec.members[].eniId` */
  readonly wantedEniId: string | undefined;
  /** Undefined: there was nothing to look for. Its value is undefined when the cloud has no such interface. */
  readonly networkInterface: Reading<NetworkInterface | undefined> | undefined;
  /** `spec.members[].interface`, else the one with the ENI's MAC. */
  readonly interface: string | undefined;
}

export interface VpcSeen {
  readonly vpcId: string;
  readonly region: string;
  readonly cidrBlocks: Reading<readonly string[]>;
  readonly routeTables: Reading<readonly RouteTable[]>;
}

export type CredentialsSeen =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: "CredentialsMissing" | "AmbientNotAllowed" | "Unreadable";
      readonly message: string;
    };

export interface PermissionSeen {
  readonly routeTableId: string;
  readonly reading: Reading<true>;
}

export interface WriteFailure extends Failure {
  readonly routeTableId: string;
}

/** What only this process knows, on its own monotonic clock. Lost with it: then one monitor interval is all it costs. */
export interface Memory {
  /** When it was first seen that the routes of this epoch are due. */
  readonly due?: { readonly epoch: number; readonly sinceMs: number };
  /** Rounds of writes under an epoch since the routes were last read as right. */
  readonly writes?: {
    readonly epoch: number;
    readonly count: number;
    readonly endedAtMs: number;
    readonly failures: readonly WriteFailure[];
  };
  /** A read counts only when it was sent at or after this moment. */
  readonly freshSinceMs: number;
  /** Read once more then: a call that timed out may have landed after the first verification. */
  readonly lateVerifyAtMs?: number;
  /** Readings in a row, counted once per call. */
  readonly counted: { readonly sentAtMs: number; readonly bad: number; readonly unreadable: number };
  /** Why the source/destination check could not be switched off. */
  readonly repairFailure?: Failure & { readonly atMs: number };
}

export const NOTHING_REMEMBERED: Memory = {
  freshSinceMs: Number.NEGATIVE_INFINITY,
  counted: { sentAtMs: Number.NEGATIVE_INFINITY, bad: 0, unreadable: 0 },
};

export interface Seen {
  readonly vip: AwsVirtualIP;
  /** Empty while the object has none. */
  readonly status: AwsVirtualIPStatus;
  readonly claim: Claim;
  readonly activation: Activation;
  /** Recovery is suspended: report only. Routes of a new grant are written all the same. */
  readonly isPaused: boolean;
  readonly credentials: CredentialsSeen;
  /** In the order of the group. */
  readonly members: readonly MemberSeen[];
  readonly vpcs: readonly VpcSeen[];
  readonly permissions: readonly PermissionSeen[];
  /** Fields in use whose behaviour does not exist yet. */
  readonly notImplemented: readonly string[];
  readonly callTimes: CallTimes | undefined;
  readonly memory: Memory;
}

/** The group that holds the claim, or for whose members the object is checked. */
export function groupOf(seen: Seen): FailoverGroup | undefined {
  return seen.claim.type === "None" ? undefined : seen.claim.group;
}

export function memberOf(seen: Seen, node: string): MemberSeen | undefined {
  return seen.members.find((member) => member.node === node);
}

/** `AwsVirtualIP ha/awsvip1`, as messages name it. */
export function nameOf(vip: AwsVirtualIP): string {
  return `AwsVirtualIP ${vip.metadata.namespace ?? ""}/${vip.metadata.name}`;
}

/** The destination as routes name it. */
export function destinationOf(vip: AwsVirtualIP): string {
  return `${vip.spec.address}/32`;
}
