import { afterEach, describe, expect, it } from "vitest";
import { ADDRESSES, makeAwsDnsWorld, nodeOf, RECORD, type AwsDnsWorld } from "../../../test/builders/aws-dns-world.ts";
import type { AwsDnsWorldOptions } from "../../../test/builders/aws-dns-world.ts";
import { ZONE_ID, ZONE_VPC } from "../../../test/builders/route53-zone.ts";
import { remedyOf } from "../../api/reasons.ts";
import type { HostedRecord } from "../../sandbox/route53/virtual-route53.ts";

interface BadConfiguration {
  readonly what: string;
  readonly options: AwsDnsWorldOptions;
  readonly reason: string;
  /** What the message must say, so that a person knows what to do. */
  readonly says: readonly string[];
}

const holding = (record: Omit<HostedRecord, "name">): AwsDnsWorldOptions => ({
  prepare: ({ route53 }) =>
    void route53.changeRecords(ZONE_ID, [{ action: "CREATE", record: { name: RECORD, ...record } }]),
});
const refusing = (action: string, providerCode: string, code: "NotAuthorized" | "CredentialsRejected") => ({
  prepare: ({ fake }: Parameters<NonNullable<AwsDnsWorldOptions["prepare"]>>[0]) =>
    fake.fail(action, { code, providerCode }, 1_000),
});
const REGION = "eu-central-1";

const CONFIGURATIONS: readonly BadConfiguration[] = [
  {
    what: "a zone that does not exist [REQ 5.2 AWS DNS start 5 hosted zone not found]",
    options: { spec: { hostedZoneId: "Z0NOWHERE" } },
    reason: "NotFound",
    says: ["hosted zone Z0NOWHERE of spec.hostedZoneId", "Correct the id"],
  },
  {
    what: "a name outside the zone",
    options: { spec: { name: "srv.other.local." } },
    reason: "NameOutsideZone",
    says: ["srv.other.local. does not lie in zone hz1.local.", "create the object anew"],
  },
  {
    what: "a name that is an alias [REQ 5.2 AWS DNS start 5]",
    options: holding({ type: "A", values: [], aliasTarget: { dnsName: "lb-1.example.com.", hostedZoneId: "Z2" } }),
    reason: "RecordNotSimple",
    says: ["an alias of lb-1.example.com.", "Use another name, or delete that record"],
  },
  {
    what: "a name with a routing policy",
    options: { spec: { name: "weighted.hz1.local." } },
    reason: "RecordNotSimple",
    says: ["one of several records with a routing policy (one)"],
  },
  {
    what: "a name that is a CNAME",
    options: holding({ type: "CNAME", ttl: 60, values: ["www.example.com."] }),
    reason: "RecordNotSimple",
    says: ["a CNAME of www.example.com."],
  },
  {
    what: "a private zone that a member's VPC does not see [REQ 5.2 AWS DNS start 5]",
    options: { prepare: ({ route53 }) => route53.associate(ZONE_ID, [{ vpcId: "vpc-other", region: REGION }]) },
    reason: "VpcNotAssociated",
    says: [`not associated with ${ZONE_VPC} in eu-central-1 (node1, node2)`, "associate-vpc-with-hosted-zone"],
  },
  {
    what: "a VPC that resolves no names [REQ 5.2 AWS DNS start 5]",
    options: {
      nodes: [nodeOf("node1", "aws:///eu-central-1a/i-0000000d", "10.7.0.10")],
      group: { members: [{ node: "node1" }] },
      prepare: ({ cloud: { ec2 }, route53 }) => {
        const vpcId = "vpc-2222bbbb";
        ec2.createVpc({ vpcId, cidrBlocks: ["10.7.0.0/16"], dns: { support: true, hostnames: false } });
        const subnetId = "subnet-000000d";
        ec2.createSubnet({ subnetId, vpcId, cidrBlock: "10.7.0.0/24", availabilityZone: `${REGION}a` });
        const networkInterfaceId = "eni-0000000d";
        ec2.createNetworkInterface({ networkInterfaceId, subnetId, privateIpAddress: "10.7.0.10" });
        ec2.createInstance({ name: "d", instanceId: "i-0000000d", networkInterfaceIds: [networkInterfaceId] });
        route53.associate(ZONE_ID, [{ vpcId, region: REGION }]);
      },
    },
    reason: "VpcDnsOff",
    says: ["enableDnsHostnames of vpc-2222bbbb (node1) is off", "modify-vpc-attribute"],
  },
  {
    what: "a Secret that is not there [REQ 5.2 AWS DNS start 99]",
    options: { spec: { credentials: { secretRef: { name: "nobody" } } } },
    reason: "CredentialsMissing",
    says: ["nobody"],
  },
  {
    what: "a Secret that lacks a key [REQ 5.2 AWS DNS start 99]",
    options: {
      spec: { credentials: { secretRef: { name: "keys" } } },
      secrets: { keys: { accessKeyId: "AKIATEST" } },
    },
    reason: "CredentialsMissing",
    says: ["secretAccessKey"],
  },
  {
    what: "the controller's identity where that is not allowed",
    options: { settings: { ambientNamespaces: ["elsewhere"] } },
    reason: "AmbientNotAllowed",
    says: ["spec.credentials"],
  },
  {
    what: "keys that Route 53 does not know",
    options: refusing("GetHostedZone", "InvalidClientTokenId", "CredentialsRejected"),
    reason: "CredentialsRejected",
    says: ["InvalidClientTokenId", "Check spec.credentials"],
  },
  {
    what: "a policy without changes [REQ 5.2 AWS DNS start 5]",
    options: refusing("ChangeResourceRecordSets", "AccessDenied", "NotAuthorized"),
    reason: "NotAuthorized",
    says: [
      "ChangeResourceRecordSets",
      `Allow route53:ChangeResourceRecordSets on arn:aws:route53:::hostedzone/${ZONE_ID}`,
    ],
  },
  {
    what: "a policy without the state of changes",
    options: refusing("GetChange", "AccessDenied", "NotAuthorized"),
    reason: "NotAuthorized",
    says: ["GetChange", "Allow route53:GetChange on arn:aws:route53:::change/*"],
  },
  {
    what: "an address for somebody who is no member",
    options: { spec: { members: [{ node: "node9", address: "10.0.9.9" }] } },
    reason: "UnknownMember",
    says: ["node9"],
  },
  {
    what: "members without an address of the wanted type",
    options: { spec: { addressType: "ExternalIP" } },
    reason: "NotFound",
    says: ["Node node1 has no IPv4 address of type ExternalIP", "Give spec.members[].address"],
  },
];

const worlds: AwsDnsWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map(({ world }) => world.close()));
});

describe("preflight of a record in Route 53 says why and what to do for", () => {
  it.each(CONFIGURATIONS.map((bad) => [bad.what, bad] as const))("%s", async (_what, { options, reason, says }) => {
    const made = await makeAwsDnsWorld(options);
    worlds.push(made);
    await made.clock.advance(1_000);
    expect(await made.world.verdict("PreflightOK")).toBe(`False ${reason}`);
    const message = (await made.world.condition("PreflightOK"))?.message ?? "";
    for (const part of says) expect(message).toContain(part);
    expect(remedyOf("AwsDns", "PreflightOK", reason)).not.toBe("");
    expect(made.callsOf("ChangeResourceRecordSets")).toBe(0);
  });

  it("a record that another object holds already", async () => {
    const made = await makeAwsDnsWorld();
    worlds.push(made);
    await made.world.addObject("awsdns2", { hostedZoneId: ZONE_ID, name: "srv.hz1.local" });
    const app = { command: ["/bin/true"] };
    const resources = [
      { name: "app", exec: { start: app, stop: app } },
      { kind: "AwsDns", name: "awsdns2" },
    ];
    await made.world.addGroup("AwsDns", { resources: resources as never }, "failover2");
    await made.clock.advance(1_000);
    expect(await made.world.verdict("PreflightOK", "awsdns2")).toBe("False ClaimedElsewhere");
    expect((await made.world.condition("PreflightOK", "awsdns2"))?.message).toContain("srv.hz1.local. in zone");
  });

  it("nobody when the members live elsewhere and have addresses of their own", async () => {
    const nodes = [{ name: "node1" }, { name: "node2" }];
    const members = [
      { node: "node1", address: ADDRESSES.node1 },
      { node: "node2", address: ADDRESSES.node2 },
    ];
    const made = await makeAwsDnsWorld({ nodes, spec: { members } });
    worlds.push(made);
    expect(await made.world.verdict("PreflightOK")).toBe("True Passed");
    expect(made.ec2.calls).toEqual([]);
  });

  it("has at least ten of them", () => {
    expect(CONFIGURATIONS.length).toBeGreaterThanOrEqual(10);
  });
});
