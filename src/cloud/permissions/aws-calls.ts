/**
 * Every call that the AWS clients send, the action that a policy must allow for it, and the resources that this can be
 * narrowed to (service authorization reference, "Actions, resources, and condition keys for Amazon EC2" and "... Amazon
 * Route 53"). The Describe calls of EC2 know no resources: they need `*`. The compiler refuses a call that is not here.
 */

type Ec2Sdk = typeof import("../aws/ec2-sdk.ts");
type Route53Sdk = typeof import("../aws/route53-sdk.ts");
type CommandOf<Name> = Name extends `${infer Call}Command` ? Call : never;

export type Ec2Call = CommandOf<keyof Ec2Sdk>;
export type Route53Call = CommandOf<keyof Route53Sdk>;
export type AwsCall = Ec2Call | Route53Call;

export type Ec2ResourceType = "elastic-ip" | "instance" | "network-interface" | "route-table" | "vpc";
export type Route53ResourceType = "change" | "hostedzone";
export type AwsResourceType = Ec2ResourceType | Route53ResourceType;

export interface AwsPermission {
  readonly service: "ec2" | "route53";
  /** Empty: the whole account. Several: a request names one of each. */
  readonly resources: readonly AwsResourceType[];
}

const EVERYWHERE: AwsPermission = { service: "ec2", resources: [] };
const onZone: AwsPermission = { service: "route53", resources: ["hostedzone"] };

export const AWS_CALLS: Readonly<Record<AwsCall, AwsPermission>> = {
  AssociateAddress: { service: "ec2", resources: ["elastic-ip", "network-interface"] },
  DescribeAddresses: EVERYWHERE,
  DescribeAvailabilityZones: EVERYWHERE,
  DescribeInstances: EVERYWHERE,
  DescribeNetworkInterfaces: EVERYWHERE,
  DescribeRouteTables: EVERYWHERE,
  DescribeVpcAttribute: { service: "ec2", resources: ["vpc"] },
  DescribeVpcs: EVERYWHERE,
  DisassociateAddress: { service: "ec2", resources: ["elastic-ip", "network-interface"] },
  ModifyNetworkInterfaceAttribute: { service: "ec2", resources: ["network-interface"] },
  ReplaceRoute: { service: "ec2", resources: ["route-table"] },
  StartInstances: { service: "ec2", resources: ["instance"] },
  StopInstances: { service: "ec2", resources: ["instance"] },
  ChangeResourceRecordSets: onZone,
  GetChange: { service: "route53", resources: ["change"] },
  GetHostedZone: onZone,
  ListResourceRecordSets: onZone,
};
