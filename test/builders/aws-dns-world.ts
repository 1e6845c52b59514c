/** An AwsDns with its group on the in-process API server, a virtual Route 53 and the virtual EC2, all under one fake clock. */
import type { AwsDns, AwsDnsSpec, FailoverGroupSpec } from "../../src/api/generated/types.ts";
import { Ec2Knowledge } from "../../src/cloud/aws/ec2-knowledge.ts";
import { Route53Knowledge } from "../../src/cloud/aws/route53-knowledge.ts";
import type { AwsCredentials } from "../../src/cloud/aws/sdk-caller.ts";
import { awsDnsKind } from "../../src/reconcilers/aws-dns/kind.ts";
import type { AwsDnsFacts, AwsDnsWrite } from "../../src/reconcilers/aws-dns/seen.ts";
import type { PointerSettings } from "../../src/reconcilers/pointer/deps.ts";
import type { HostedRecord, VirtualRoute53 } from "../../src/sandbox/route53/virtual-route53.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeEc2, type SmallVpc, smallVpc } from "../fakes/fake-ec2.ts";
import { FakeRoute53 } from "../fakes/fake-route53.ts";
import { PointerWorld } from "./pointer-world.ts";
import { smallZone, ZONE_ID } from "./route53-zone.ts";

export const DNS = "awsdns1";
export const RECORD = "srv.hz1.local.";
export const ADDRESSES = { node1: "10.0.1.10", node2: "10.0.2.10" } as const;

export interface AwsDnsWorldOptions {
  readonly spec?: Partial<AwsDnsSpec>;
  readonly group?: Partial<FailoverGroupSpec>;
  readonly settings?: Partial<PointerSettings>;
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Default: two Nodes with the instances and addresses of the small VPC. */
  readonly nodes?: readonly { readonly name: string; readonly spec?: object; readonly status?: object }[];
  /** From a change to INSYNC, in ms; default 500. */
  readonly propagationMs?: number;
  /** The clouds as a test changes them before anybody looks. */
  readonly prepare?: (clouds: AwsDnsClouds) => void;
}

export interface AwsDnsClouds {
  readonly clock: FakeClock;
  readonly route53: VirtualRoute53;
  readonly fake: FakeRoute53;
  readonly cloud: SmallVpc;
  readonly ec2: FakeEc2;
}

export interface AwsDnsWorld extends AwsDnsClouds {
  readonly world: PointerWorld<AwsDns, AwsDnsFacts, AwsDnsWrite, AwsCredentials>;
  /** What the API says stands under the name. */
  readonly record: () => HostedRecord | undefined;
  /** Somebody else puts the record there, or takes it away. */
  readonly tamper: (values: readonly string[] | undefined, ttl?: number) => void;
  /** Calls of one action; dry runs apart. */
  readonly callsOf: (action: string) => number;
}

export function nodeOf(
  name: string,
  providerID: string,
  address: string,
): { name: string; spec: object; status: object } {
  return { name, spec: { providerID }, status: { addresses: [{ type: "InternalIP", address }] } };
}

export async function makeAwsDnsWorld(options: AwsDnsWorldOptions = {}): Promise<AwsDnsWorld> {
  const clock = new FakeClock();
  const route53 = smallZone(clock, options.propagationMs);
  const fake = new FakeRoute53(route53);
  const cloud = smallVpc(clock);
  const ec2 = new FakeEc2(cloud.ec2);
  const clouds = { clock, route53, fake, cloud, ec2 };
  options.prepare?.(clouds);
  const zones = new Route53Knowledge(fake, clock);
  const vpcs = new Ec2Knowledge(ec2, clock);
  const kind = awsDnsKind({
    route53: { knowledgeOf: () => Promise.resolve(zones) },
    ec2: { knowledgeOf: () => Promise.resolve(vpcs) },
    clock,
  });
  const world = await PointerWorld.create({
    kind,
    clock,
    name: DNS,
    spec: { hostedZoneId: ZONE_ID, name: RECORD, ...options.spec },
    nodes: options.nodes ?? [
      nodeOf("node1", `aws:///eu-central-1a/${cloud.instance1}`, ADDRESSES.node1),
      nodeOf("node2", `aws:///eu-central-1b/${cloud.instance2}`, ADDRESSES.node2),
    ],
    group: options.group ?? {},
    settings: options.settings ?? {},
    secrets: options.secrets ?? {},
  });
  await clock.advance(100);
  const record = (): HostedRecord | undefined =>
    route53.zone(ZONE_ID).records.find(({ name, type }) => name === RECORD && type === "A");
  return {
    ...clouds,
    world,
    record,
    tamper: (values, ttl = 10) => {
      const present = record();
      const isGone = values === undefined;
      const wanted = { name: RECORD, type: "A", ttl, values: values ?? [] };
      if (!isGone) route53.changeRecords(ZONE_ID, [{ action: "UPSERT", record: wanted }]);
      else if (present !== undefined) route53.changeRecords(ZONE_ID, [{ action: "DELETE", record: present }]);
    },
    callsOf: (action) =>
      fake.calls.filter((call) => call.startsWith(`${action} `) && !call.startsWith(`${action} (dry)`)).length,
  };
}
