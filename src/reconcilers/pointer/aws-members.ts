/**
 * Members of a group as AWS knows them: the instance by its provider id, and the interface that a pointer leads to: the
 * one that the object names, else the primary one. Shared by all AWS kinds.
 */
import type { AwsCredentials } from "../../cloud/aws/sdk-caller.ts";
import type { Ec2Access } from "../../cloud/aws/ec2-access.ts";
import type { Ec2Knowledge } from "../../cloud/aws/ec2-knowledge.ts";
import type { NetworkInterface } from "../../cloud/aws/ports.ts";
import { parseAwsProviderId } from "../../cloud/aws/provider-id.ts";
import type { AwsInstanceId } from "../../cloud/aws/provider-id.ts";
import type { ReadWish } from "../../cloud/read-cache.ts";
import type { Finding, PointerKind, ReadRequest } from "./kind.ts";
import { overrideOf } from "./members.ts";
import type { MemberFacts } from "./members.ts";
import { mapped, readingOf, valueOf } from "./reading.ts";
import type { Reading } from "./reading.ts";
import type { PointerObject } from "./seen.ts";

export interface AwsMember {
  readonly node: string;
  readonly isNodeKnown: boolean;
  /** From the provider id; undefined: none, or none of AWS. */
  readonly instance: AwsInstanceId | undefined;
  readonly providerId: string | undefined;
  /** Of the instance, else the Node's label. */
  readonly region: string | undefined;
  /** `spec.members[].eniId` */
  readonly wantedEniId: string | undefined;
  /** Undefined: there was nothing to look for. Its value is undefined when the cloud has no such interface. */
  readonly networkInterface: Reading<NetworkInterface | undefined> | undefined;
  /** Interfaces of its instance; undefined: not known, or not asked because the object names one. */
  readonly interfaceCount?: number | undefined;
}

interface WithEnis extends PointerObject {
  readonly spec: PointerObject["spec"] & {
    readonly members?: readonly { readonly node: string; readonly eniId?: string | undefined }[] | undefined;
  };
}

/** API.md 0, Credentials: the keys of an AWS Secret. */
export const awsKeysOf: PointerKind<PointerObject, unknown, unknown, AwsCredentials>["keysOf"] = (valueOfKey) => {
  const [accessKeyId, secretAccessKey] = [valueOfKey("accessKeyId"), valueOfKey("secretAccessKey")];
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey };
  return [
    ...(accessKeyId === undefined ? ["accessKeyId"] : []),
    ...(secretAccessKey === undefined ? ["secretAccessKey"] : []),
  ];
};

/** In the order of the group. Without an identity nothing is asked. */
export async function readAwsMembers(
  access: Ec2Access,
  request: ReadRequest<WithEnis, AwsCredentials>,
): Promise<AwsMember[]> {
  const { object, identity, members, wishes } = request;
  return await Promise.all(
    members.map(async (facts): Promise<AwsMember> => {
      const { node, isNodeKnown, providerId } = facts;
      const instance = providerId === undefined ? undefined : parseAwsProviderId(providerId);
      const region = instance?.region ?? facts.region;
      const wantedEniId = overrideOf(object.spec.members, node)?.eniId;
      const found =
        identity.ok && region !== undefined
          ? await readInterface(await access.knowledgeOf(region, identity.keys), wantedEniId, instance, wishes.facts)
          : { networkInterface: undefined };
      return { node, isNodeKnown, providerId, instance, region, wantedEniId, ...found };
    }),
  );
}

async function readInterface(
  ec2: Ec2Knowledge,
  wantedEniId: string | undefined,
  instance: AwsInstanceId | undefined,
  wish: ReadWish,
): Promise<Pick<AwsMember, "networkInterface" | "interfaceCount">> {
  if (wantedEniId !== undefined) {
    const reading = await readingOf(wish, (how) => ec2.networkInterface(wantedEniId, how));
    return { networkInterface: mapped(reading, ([eni]) => eni) };
  }
  if (instance === undefined) return { networkInterface: undefined };
  const reading = await readingOf(wish, (how) => ec2.interfacesOf(instance.instanceId, how));
  return {
    networkInterface: mapped(reading, (enis) => enis.find((eni) => eni.deviceIndex === 0)),
    interfaceCount: valueOf(reading)?.length,
  };
}

export function memberOf<Member extends { readonly node: string }>(
  members: readonly Member[],
  node: string,
): Member | undefined {
  return members.find((member) => member.node === node);
}

/** The interface that a member's agent has with the MAC of its ENI. */
export function interfaceNameOf(member: AwsMember, facts: readonly MemberFacts[]): string | undefined {
  const mac = valueOf(member.networkInterface)?.macAddress.toLowerCase();
  return mac === undefined ? undefined : memberOf(facts, member.node)?.interfacesByMac.get(mac);
}

export function everyMemberHasAnInstance(members: readonly AwsMember[]): Finding[] {
  return members.flatMap((member): Finding[] => {
    const { node, providerId } = member;
    if (!member.isNodeKnown) {
      return [{ reason: "UnknownMember", message: `member ${node}: no such Node; nothing can be checked for it` }];
    }
    if (member.instance !== undefined || member.wantedEniId !== undefined) return [];
    const found =
      providerId === undefined
        ? "neither the group, the Node nor its agent gives a provider id"
        : `its provider id ${providerId} is not of the form aws:///ZONE/INSTANCE`;
    return [
      {
        reason: "NotFound",
        message: `the EC2 instance of ${node} is not known: ${found}. Set members[].providerID in the group`,
      },
    ];
  });
}

export function everyMemberHasAnInterface(members: readonly AwsMember[]): Finding[] {
  return members.flatMap((member) => [...missingInterface(member), ...foreignInterface(member)]);
}

function missingInterface({ node, instance, wantedEniId, networkInterface }: AwsMember): Finding[] {
  if (networkInterface === undefined) return [];
  if (!networkInterface.ok) {
    const { failure } = networkInterface;
    return failure.code === "NotFound" ? [{ reason: "NotFound", message: `${failure.message} (member ${node})` }] : [];
  }
  if (networkInterface.value !== undefined) return [];
  const what = wantedEniId ?? `an interface of ${instance?.instanceId ?? "its instance"}`;
  return [
    { reason: "NotFound", message: `${what} (member ${node}) does not exist in ${instance?.region ?? "its region"}` },
  ];
}

function foreignInterface({ node, instance, wantedEniId, networkInterface }: AwsMember): Finding[] {
  const eni = valueOf(networkInterface);
  if (wantedEniId === undefined || eni === undefined || instance === undefined) return [];
  if (eni.attachedInstanceId === instance.instanceId) return [];
  const found = eni.attachedInstanceId === undefined ? "not attached" : `attached to ${eni.attachedInstanceId}`;
  return [
    {
      reason: "EniMismatch",
      message: `${wantedEniId} of spec.members is ${found}, but ${node} is ${instance.instanceId}`,
    },
  ];
}

/** What an AWS kind says when something cannot be read. */
export const AWS_AMBIENT =
  "IRSA, Pod Identity, or a role of the controller's instance, which http://169.254.169.254/latest/meta-data/iam/security-credentials/ then names (404: there is none)";

export const EC2_WORDING = {
  endpoint: "the EC2 endpoint",
  service: "EC2 in this region",
  ambient: AWS_AMBIENT,
} as const;
