import { afterEach, describe, expect, it } from "vitest";
import {
  addTwoLegged,
  ALLOCATION,
  type EipWorld,
  type EipWorldOptions,
  makeEipWorld,
  takeAway,
  TWO_LEGGED,
} from "../../../test/builders/eip-world.ts";
import { type Reason, remedyOf } from "../../api/reasons.ts";

const MISSING = "eipalloc-00000000000000fff";
const EMPTY = { accessKeyId: "", secretAccessKey: "" };

interface BadConfiguration {
  readonly what: string;
  readonly options: EipWorldOptions;
  readonly reason: Reason<"AwsElasticIP", "PreflightOK">;
  /** Parts of the message: the object, what was found, and the remedy. */
  readonly says: readonly string[];
}

const fail = (
  action: string,
  code: "NotAuthorized" | "CredentialsRejected" | "CredentialsMissing",
): EipWorldOptions => ({
  prepare: (_cloud, ec2) => ec2.fail(action, { code }, 1_000),
});

const CONFIGURATIONS: readonly BadConfiguration[] = [
  {
    what: "an allocation that does not exist [REQ 5.2 EIP start 5]",
    options: { spec: { allocationId: MISSING } },
    reason: "NotFound",
    says: [MISSING, "eu-central-1 (node1, node2)", "Give an allocation of the region and account"],
  },
  {
    what: "an interface that does not exist [REQ 5.2 EIP start 5]",
    options: { spec: { members: [{ node: "node1", eniId: "eni-0fff" }] } },
    reason: "NotFound",
    says: ["eni-0fff", "member node1"],
  },
  {
    what: "an interface of another instance",
    options: { spec: { members: [{ node: "node1", eniId: "eni-00000002" }] } },
    reason: "EniMismatch",
    says: ["eni-00000002 of spec.members is attached to i-00000002, but node1 is i-00000001"],
  },
  {
    what: "an override for a node that is no member",
    options: { spec: { members: [{ node: "nod1", eniId: "eni-00000001" }] } },
    reason: "UnknownMember",
    says: ["spec.members names nod1", "node1, node2"],
  },
  {
    what: "a member that is no Node",
    options: { group: { members: [{ node: "node1" }, { node: "nod2" }] } },
    reason: "UnknownMember",
    says: ["member nod2: no such Node"],
  },
  {
    what: "a Node that is not of AWS",
    options: { providerIds: ["aws:///eu-central-1a/i-00000001", "kind://docker/node2"] },
    reason: "NotFound",
    says: ["the EC2 instance of node2 is not known", "Set members[].providerID"],
  },
  {
    what: "an instance that does not exist",
    options: { providerIds: ["aws:///eu-central-1a/i-00000001", "aws:///eu-central-1b/i-0fff"] },
    reason: "NotFound",
    says: ["i-0fff", "member node2"],
  },
  {
    what: "no Secret where one is named [REQ 5.2 EIP start 99]",
    options: { spec: { credentials: { secretRef: { name: "aws" } } } },
    reason: "CredentialsMissing",
    says: ["Secret ha/aws of spec.credentials does not exist"],
  },
  {
    what: "a Secret without keys [REQ 5.2 EIP start 99]",
    options: { spec: { credentials: { secretRef: { name: "aws" } } }, secrets: { aws: EMPTY } },
    reason: "CredentialsMissing",
    says: ["has no accessKeyId and no secretAccessKey"],
  },
  {
    what: "an ambient identity that the namespace may not use",
    options: { settings: { ambientNamespaces: ["elsewhere"] } },
    reason: "AmbientNotAllowed",
    says: ["namespace ha may not use the controller's own identity", "set spec.credentials"],
  },
  {
    what: "credentials that AWS rejects",
    options: fail("DescribeAddresses", "CredentialsRejected"),
    reason: "CredentialsRejected",
    says: ["Check spec.credentials"],
  },
  {
    what: "a policy without DescribeAddresses",
    options: fail("DescribeAddresses", "NotAuthorized"),
    reason: "NotAuthorized",
    says: ["DescribeAddresses", "Allow the action in the policy"],
  },
  {
    what: "a policy without AssociateAddress",
    options: fail("AssociateAddress", "NotAuthorized"),
    reason: "NotAuthorized",
    says: [`Allow ec2:AssociateAddress on ${ALLOCATION} and eni-00000001, eni-00000002`],
  },
  {
    what: "a policy without DisassociateAddress where it is wanted",
    options: {
      spec: { whenStopped: "Disassociate" },
      prepare: (cloud, ec2) => {
        takeAway(cloud, cloud.eni1);
        ec2.fail("DisassociateAddress", { code: "NotAuthorized" }, 1_000);
      },
    },
    reason: "NotAuthorized",
    says: [`Allow ec2:DisassociateAddress on ${ALLOCATION}, or set spec.whenStopped: Keep`],
  },
  {
    what: "a member that is left without a way out [REQ 5.2 EIP start 6]",
    options: { providerIds: [TWO_LEGGED.providerId], group: { members: [{ node: "node1" }] }, prepare: addTwoLegged },
    reason: "NoEgressAfterMove",
    says: [`node1 loses its own public address ${TWO_LEGGED.publicIp}`, "2 network interfaces", "NAT gateway"],
  },
];

const worlds: EipWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map(({ world }) => world.close()));
});

describe("preflight of an Elastic IP says why and what to do for", () => {
  it.each(CONFIGURATIONS.map((bad) => [bad.what, bad] as const))("%s", async (_what, { options, reason, says }) => {
    const made = await makeEipWorld(options);
    worlds.push(made);
    await made.clock.advance(1_000);
    expect(await made.world.verdict("PreflightOK")).toBe(`False ${reason}`);
    const message = (await made.world.condition("PreflightOK"))?.message ?? "";
    for (const part of says) expect(message).toContain(part);
    expect(remedyOf("AwsElasticIP", "PreflightOK", reason)).not.toBe("");
    expect(made.callsOf("AssociateAddress")).toBe(0);
  });

  it("has at least ten of them", () => {
    expect(CONFIGURATIONS.length).toBeGreaterThanOrEqual(10);
  });
});
