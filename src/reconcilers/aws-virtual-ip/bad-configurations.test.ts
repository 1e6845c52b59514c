import { afterEach, describe, expect, it } from "vitest";
import { makeVipWorld, type VipWorld, type VipWorldOptions } from "../../../test/builders/vip-world.ts";
import { type Reason, remedyOf } from "../../api/reasons.ts";
import type { CloudErrorCode } from "../../cloud/errors.ts";

interface BadConfiguration {
  readonly what: string;
  readonly options?: VipWorldOptions;
  /** The cloud as it is before anybody looks. */
  readonly cloud?: (world: VipWorld["cloud"]) => void;
  /** Calls that fail, by action. */
  readonly failing?: Readonly<Record<string, CloudErrorCode>>;
  readonly reason: Reason<"AwsVirtualIP", "PreflightOK">;
  /** Parts of the message: the object, what was found, and the remedy. */
  readonly says: readonly string[];
}

const secretRef = { secretRef: { name: "aws" } };

const CONFIGURATIONS: readonly BadConfiguration[] = [
  {
    what: "an address inside the VPC [REQ 5.1 AWS virtual IP address] [REQ 5.2 AWS VIP start 53]",
    options: { spec: { address: "10.0.5.20" } },
    reason: "AddressInsideVpc",
    says: ["10.0.5.20 lies inside 10.0.0.0/16 of vpc-1111aaaa", "e.g. 10.1.0.20"],
  },
  {
    what: "no route entry anywhere [REQ 5.1 AWS virtual IP route tables]",
    options: { spec: { address: "10.7.0.20" } },
    reason: "NoRouteEntry",
    says: ["no route table of vpc-1111aaaa has an entry for 10.7.0.20/32", "Add one to every table"],
  },
  {
    what: "a named table without the entry",
    options: { spec: { address: "10.7.0.20", routeTableIds: ["rtb-0000000a"] } },
    reason: "NoRouteEntry",
    says: ["rtb-0000000a of spec.routeTableIds has no entry for 10.7.0.20/32"],
  },
  {
    what: "a named table that does not exist [REQ 5.2 AWS VIP start 50 not found]",
    options: { spec: { routeTableIds: ["rtb-0000000a", "rtb-0fff"] } },
    reason: "NotFound",
    says: ["route table rtb-0fff of spec.routeTableIds does not exist in vpc-1111aaaa"],
  },
  {
    what: "an entry that serves somebody else",
    cloud: ({ ec2, table1, subnet1 }) => {
      const { networkInterfaceId } = ec2.createNetworkInterface({ subnetId: subnet1 });
      ec2.createInstance({ name: "stranger", networkInterfaceIds: [networkInterfaceId] });
      ec2.replaceRoute(table1, "10.1.0.20/32", { type: "networkInterface", networkInterfaceId });
    },
    reason: "RouteTableShared",
    says: ["10.1.0.20/32 is served by somebody else: rtb-0000000a leads to eni-", "spec.routeTableIds"],
  },
  {
    what: "a source/destination check that is on [REQ 5.1 AWS virtual IP source/dest check] [REQ 5.2 AWS VIP up, no ping]",
    cloud: ({ ec2, eni2 }) => ec2.setSourceDestCheck(eni2, true),
    reason: "SourceDestCheckOn",
    says: ["eni-00000002 of node2 drops packets for 10.1.0.20", "Switch it off, or set spec.sourceDestCheck: Repair"],
  },
  {
    what: "an interface of another instance [REQ 5.1 AWS virtual IP ENI]",
    options: { spec: { members: [{ node: "node1", eniId: "eni-00000002" }] } },
    reason: "EniMismatch",
    says: ["eni-00000002 of spec.members is attached to i-00000002, but node1 is i-00000001"],
  },
  {
    what: "an interface that does not exist [REQ 5.2 AWS VIP start 50 not found]",
    options: { spec: { members: [{ node: "node1", eniId: "eni-0fff" }] } },
    reason: "NotFound",
    says: ["eni-0fff", "member node1"],
  },
  {
    what: "an override for a node that is no member",
    options: { spec: { members: [{ node: "nod1" }] } },
    reason: "UnknownMember",
    says: ["spec.members names nod1, which is not a member of group failover1 (node1, node2)"],
  },
  {
    what: "a member that is no Node",
    options: { group: { members: [{ node: "node1" }, { node: "nod2" }] } },
    reason: "UnknownMember",
    says: ["member nod2: no such Node"],
  },
  {
    what: "no Secret where one is named [REQ 5.2 AWS VIP start 51]",
    options: { spec: { credentials: secretRef } },
    reason: "CredentialsMissing",
    says: ["Secret ha/aws of spec.credentials does not exist"],
  },
  {
    what: "no identity at all [REQ 5.2 AWS VIP start 51] [REQ 5.2 AWS VIP start 50]",
    failing: { DescribeNetworkInterfaces: "CredentialsMissing" },
    reason: "CredentialsMissing",
    says: ["Give spec.credentials", "http://169.254.169.254/latest/meta-data/iam/security-credentials/"],
  },
  {
    what: "an ambient identity that the namespace may not use",
    options: { settings: { ambientNamespaces: ["elsewhere"] } },
    reason: "AmbientNotAllowed",
    says: ["namespace ha may not use the controller's own identity", "set spec.credentials"],
  },
  {
    what: "credentials that AWS rejects",
    failing: { DescribeNetworkInterfaces: "CredentialsRejected" },
    reason: "CredentialsRejected",
    says: ["Check spec.credentials"],
  },
  {
    what: "a policy without DescribeRouteTables",
    failing: { DescribeRouteTables: "NotAuthorized" },
    reason: "NotAuthorized",
    says: ["DescribeRouteTables", "Allow the action in the policy"],
  },
  {
    what: "a policy that leaves tables out [REQ 5.2 AWS VIP start 50 not authorised]",
    failing: { ReplaceRoute: "NotAuthorized" },
    reason: "NotAuthorized",
    says: ["Allow ec2:ReplaceRoute on rtb-00000000000000001, rtb-0000000a, rtb-0000000b"],
  },
];

const worlds: VipWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map(({ world }) => world.close()));
});

describe("preflight of a virtual IP says why and what to do for", () => {
  it.each(CONFIGURATIONS.map((bad) => [bad.what, bad] as const))("%s", async (_what, bad) => {
    const made = await makeVipWorld({ ...bad.options, withGroup: false });
    worlds.push(made);
    const { world, cloud, ec2, clock, callsOf, addGroup } = made;
    bad.cloud?.(cloud);
    for (const [action, code] of Object.entries(bad.failing ?? {})) ec2.fail(action, { code }, 1_000);
    await addGroup("failover1", ["awsvip1"], bad.options?.group);
    await clock.advance(1_000);
    expect(await world.verdict("PreflightOK")).toBe(`False ${bad.reason}`);
    const message = (await world.condition("PreflightOK"))?.message ?? "";
    for (const part of bad.says) expect(message).toContain(part);
    expect(remedyOf("AwsVirtualIP", "PreflightOK", bad.reason)).not.toBe("");
    expect(callsOf("ReplaceRoute")).toBe(0);
  });

  it("has at least ten of them", () => {
    expect(CONFIGURATIONS.length).toBeGreaterThanOrEqual(10);
  });

  it("an entry of a stranger is drift, not sharing, once the address was ours", async () => {
    const made = await makeVipWorld();
    worlds.push(made);
    const { world, cloud, clock, targets } = made;
    await world.activate("node1", 1);
    await clock.advance(10_000);
    await world.revoke(1);
    const { ec2, table1, subnet1 } = cloud;
    const { networkInterfaceId } = ec2.createNetworkInterface({ subnetId: subnet1 });
    ec2.createInstance({ name: "stranger", networkInterfaceIds: [networkInterfaceId] });
    ec2.replaceRoute(table1, "10.1.0.20/32", { type: "networkInterface", networkInterfaceId });
    await clock.advance(20_000);
    expect(await world.verdict("PreflightOK")).toBe("True Passed");
    await world.activate("node2", 2);
    await clock.advance(10);
    expect(new Set(targets())).toEqual(new Set(["eni-00000002"]));
  });
});
