/** Every AWS kind does its work with exactly the policy that `preflight --policy aws` prints, and needs all of it. */
import { afterEach, describe, expect, it } from "vitest";
import { Ec2Clients } from "../../../src/cloud/aws/ec2-access.ts";
import type { IamPolicy } from "../../../src/cloud/permissions/aws-policy.ts";
import { systemClock } from "../../../src/host/system-clock.ts";
import { systemRandom } from "../../../src/host/system-random.ts";
import { noMetrics } from "../../../src/lib/metrics.ts";
import { startEc2Endpoint } from "../../../src/sandbox/ec2/endpoint.ts";
import {
  closePolicyWorlds,
  IDENTITY,
  type PolicyCase,
  type PolicyCloud,
  PolicyWorld,
} from "../../builders/policy-world.ts";
import { smallVpc } from "../../fakes/fake-ec2.ts";

const KEY = { accessKeyId: "AKIAPOLICYTEST000000", secretAccessKey: "secret-of-policy-test" };

afterEach(closePolicyWorlds);

async function awsCloud(policy: IamPolicy | undefined): Promise<PolicyCloud> {
  const { ec2, instance1, instance2 } = smallVpc(systemClock);
  const modules = { clock: systemClock, random: systemRandom };
  const key = policy === undefined ? KEY : { ...KEY, policy };
  const endpoint = await startEc2Endpoint({ accessKeys: [key] }, { ...modules, regions: [ec2] });
  const clients = new Ec2Clients({ endpoints: { ec2: endpoint.url } }, { ...modules, metrics: noMetrics });
  return {
    machines: [`aws:///eu-central-1a/${instance1}`, `aws:///eu-central-1b/${instance2}`],
    secret: KEY,
    ports: { ec2: clients },
    refused: endpoint.refused,
    close: async () => {
      clients.close();
      await endpoint.close();
    },
  };
}

const MONITOR = { interval: "1s", timeout: "1s" };
const CASES: Readonly<Record<string, PolicyCase>> = {
  AwsVirtualIP: { objects: [{ kind: "AwsVirtualIP", spec: { address: "10.1.0.20", monitor: MONITOR } }] },
};

/** What the group needs, as a person would ask for it: once everything is found. */
async function policyOf(wanted: PolicyCase): Promise<IamPolicy> {
  const world = await PolicyWorld.create(await awsCloud(undefined), wanted);
  await world.untilGoodOn("node1");
  const policy = (await world.policies()).aws[IDENTITY];
  if (policy === undefined) throw new Error("no policy");
  return policy;
}

function without(policy: IamPolicy, action: string): IamPolicy {
  const Statement = policy.Statement.map((statement) => ({
    ...statement,
    Action: statement.Action.filter((name) => name !== action),
  }));
  return { ...policy, Statement };
}

describe.each(Object.entries(CASES))("%s with the policy that preflight prints", (_name, wanted) => {
  it("does everything, and is refused nothing", async () => {
    const cloud = await awsCloud(await policyOf(wanted));
    const world = await PolicyWorld.create(cloud, wanted);
    await world.untilGoodOn("node1");
    await world.annotate("move-to", "node2");
    await world.untilGoodOn("node2");
    expect(cloud.refused).toEqual([]);
  });

  it("says NotAuthorized with the name of any one action that is taken out", async () => {
    const policy = await policyOf(wanted);
    const actions = policy.Statement.flatMap(({ Action }) => Action);
    await Promise.all(
      actions.map(async (action) => {
        const world = await PolicyWorld.create(await awsCloud(without(policy, action)), wanted);
        await world.until((conditions) =>
          conditions.some((text) => text.includes("NotAuthorized") && text.includes(action)),
        );
      }),
    );
  });
});
