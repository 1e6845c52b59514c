/** A virtual IP with its group on the in-process API server and the virtual EC2, all under one fake clock. */
import type { AwsVirtualIP, AwsVirtualIPSpec, FailoverGroupSpec } from "../../src/api/generated/types.ts";
import { Ec2Knowledge } from "../../src/cloud/aws/ec2-knowledge.ts";
import type { AwsCredentials } from "../../src/cloud/aws/sdk-caller.ts";
import { awsVirtualIpKind } from "../../src/reconcilers/aws-virtual-ip/kind.ts";
import type { VipFacts, VipWrite } from "../../src/reconcilers/aws-virtual-ip/seen.ts";
import type { PointerSettings } from "../../src/reconcilers/pointer/deps.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeEc2, type SmallVpc, smallVpc } from "../fakes/fake-ec2.ts";
import { PointerWorld } from "./pointer-world.ts";

export const VIP = "awsvip1";
export const ADDRESS = "10.1.0.20";

export interface VipWorldOptions {
  readonly spec?: Partial<AwsVirtualIPSpec>;
  readonly group?: Partial<FailoverGroupSpec>;
  readonly withGroup?: boolean;
  readonly settings?: Partial<PointerSettings>;
}

export interface VipWorld {
  readonly world: PointerWorld<AwsVirtualIP, VipFacts, VipWrite, AwsCredentials>;
  readonly cloud: SmallVpc;
  readonly ec2: FakeEc2;
  readonly clock: FakeClock;
  /** Interface that each table sends the address to. */
  readonly targets: () => string[];
  /** Calls of one action, dry runs apart. */
  readonly callsOf: (action: string) => number;
  /** A group of these virtual IPs and an application. */
  readonly addGroup: (name: string, vips: readonly string[], spec?: Partial<FailoverGroupSpec>) => Promise<void>;
}

export async function makeVipWorld(options: VipWorldOptions = {}): Promise<VipWorld> {
  const clock = new FakeClock();
  const cloud = smallVpc(clock);
  const ec2 = new FakeEc2(cloud.ec2);
  const knowledge = new Ec2Knowledge(ec2, clock);
  const providerIds = [`aws:///eu-central-1a/${cloud.instance1}`, `aws:///eu-central-1b/${cloud.instance2}`];
  const { spec = {}, ...others } = options;
  const world = await PointerWorld.create({
    kind: awsVirtualIpKind({ ec2: { knowledgeOf: () => Promise.resolve(knowledge) } }),
    clock,
    name: VIP,
    spec: { address: ADDRESS, ...spec },
    nodes: providerIds.map((providerID, index) => ({ name: `node${index + 1}`, spec: { providerID } })),
    ...others,
  });
  await clock.advance(50);
  return {
    world,
    cloud,
    ec2,
    clock,
    targets: () =>
      cloud.ec2.routesOf(cloud.vpcId).map((table) => {
        const target = table.routes.find((route) => route.destinationCidr === `${ADDRESS}/32`)?.target;
        return target?.type === "networkInterface" ? target.networkInterfaceId : "-";
      }),
    callsOf: (action) => ec2.calls.filter((call) => call.startsWith(`${action} `)).length,
    addGroup: async (name, vips, change = {}) => {
      const exec = {
        start: { command: ["/bin/true"], timeout: "60s" },
        stop: { command: ["/bin/true"], timeout: "60s" },
      };
      const app = { name: "app", exec, onFailure: "Failover" } as const;
      const pointers = vips.map((vip) => ({ kind: "AwsVirtualIP", name: vip, onFailure: "Failover" }) as const);
      await world.addGroup("AwsVirtualIP", { resources: [app, ...pointers], ...change }, name);
    },
  };
}
