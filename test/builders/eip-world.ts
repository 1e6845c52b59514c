/** An Elastic IP with its group on the in-process API server and the virtual EC2, all under one fake clock. */
import type { AwsElasticIP, AwsElasticIPSpec, FailoverGroupSpec } from "../../src/api/generated/types.ts";
import type { AwsCredentials } from "../../src/cloud/aws/sdk-caller.ts";
import { Ec2Knowledge } from "../../src/cloud/aws/ec2-knowledge.ts";
import { awsElasticIpKind } from "../../src/reconcilers/aws-elastic-ip/kind.ts";
import type { EipFacts, EipWrite } from "../../src/reconcilers/aws-elastic-ip/seen.ts";
import type { PointerSettings } from "../../src/reconcilers/pointer/deps.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeEc2, type SmallVpc, smallVpc } from "../fakes/fake-ec2.ts";
import { PointerWorld } from "./pointer-world.ts";

export const EIP = "awseip1";
export const ALLOCATION = "eipalloc-0123456789abcdef0";
export const PUBLIC_IP = "198.51.100.7";

export interface EipWorldOptions {
  readonly spec?: Partial<AwsElasticIPSpec>;
  readonly group?: Partial<FailoverGroupSpec>;
  readonly settings?: Partial<PointerSettings>;
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Provider id of each Node; default: its instance of the small VPC. */
  readonly providerIds?: readonly string[];
  /** The cloud as a test changes it before anybody looks. */
  readonly prepare?: (cloud: SmallVpc, ec2: FakeEc2) => void;
}

export interface EipWorld {
  readonly world: PointerWorld<AwsElasticIP, EipFacts, EipWrite, AwsCredentials>;
  readonly cloud: SmallVpc;
  readonly ec2: FakeEc2;
  readonly clock: FakeClock;
  /** Interface that the address leads to, or `-`. */
  readonly holder: () => string;
  /** Calls of one action, dry runs apart. */
  readonly callsOf: (action: string) => number;
}

export async function makeEipWorld(options: EipWorldOptions = {}): Promise<EipWorld> {
  const clock = new FakeClock();
  const cloud = smallVpc(clock);
  const ec2 = new FakeEc2(cloud.ec2);
  cloud.ec2.allocateAddress(PUBLIC_IP, ALLOCATION);
  options.prepare?.(cloud, ec2);
  const knowledge = new Ec2Knowledge(ec2, clock);
  const kind = awsElasticIpKind({ ec2: { knowledgeOf: () => Promise.resolve(knowledge) } });
  const providerIds = options.providerIds ?? [
    `aws:///eu-central-1a/${cloud.instance1}`,
    `aws:///eu-central-1b/${cloud.instance2}`,
  ];
  const { group = {}, settings = {}, secrets = {} } = options;
  const world = await PointerWorld.create({
    kind,
    clock,
    name: EIP,
    spec: { allocationId: ALLOCATION, ...options.spec },
    nodes: providerIds.map((providerID, index) => ({ name: `node${index + 1}`, spec: { providerID } })),
    group,
    settings,
    secrets,
  });
  await clock.advance(50);
  return {
    world,
    cloud,
    ec2,
    clock,
    holder: () => cloud.ec2.state.addresses.get(ALLOCATION)?.networkInterfaceId ?? "-",
    callsOf: (action) => ec2.calls.filter((call) => call.startsWith(`${action} `)).length,
  };
}

/** A third instance, with two interfaces; the first has a public address of its own. */
export function addTwoLegged({ ec2: cloud, subnet2 }: SmallVpc): void {
  const networkInterfaceIds = [TWO_LEGGED.first, TWO_LEGGED.second];
  for (const [index, networkInterfaceId] of networkInterfaceIds.entries())
    cloud.createNetworkInterface({
      networkInterfaceId,
      subnetId: subnet2,
      privateIpAddress: `10.0.2.${20 + index}`,
      ...(index === 0 ? { assignedPublicIp: TWO_LEGGED.publicIp } : {}),
    });
  cloud.createInstance({ name: "two-legged", instanceId: "i-0000000c", networkInterfaceIds });
}

export const TWO_LEGGED = {
  providerId: "aws:///eu-central-1b/i-0000000c",
  first: "eni-000000c0",
  second: "eni-000000c1",
  publicIp: "203.0.113.20",
} as const;

/** Somebody else associates the address. */
export function takeAway({ ec2 }: SmallVpc, networkInterfaceId: string): void {
  ec2.associateAddress({ allocationId: ALLOCATION, networkInterfaceId, allowReassociation: true });
}
