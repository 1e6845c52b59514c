/** What every kind must show about the policy that `preflight` prints for it: that it is enough, and that all of it is needed. */
import { describe, expect, it } from "vitest";
import type { Policies } from "../../../src/cli/preflight-policy.ts";
import { type PolicyCase, type PolicyCloud, PolicyWorld } from "../../builders/policy-world.ts";

export interface PolicySuite<Case extends PolicyCase, Policy> {
  readonly policyOf: (wanted: Case) => Promise<Policy>;
  /** A fresh cloud; `policy` undefined: everything is allowed. */
  readonly cloudWith: (wanted: Case, policy: Policy | undefined) => Promise<PolicyCloud>;
  readonly actionsOf: (policy: Policy) => readonly string[];
  readonly without: (policy: Policy, action: string) => Policy;
}

/** The policy of a group that is up, on a cloud that allows everything. */
export async function neededBy<Policy>(
  cloud: PolicyCloud,
  wanted: PolicyCase,
  pick: (policies: Policies) => Policy | undefined,
): Promise<Policy> {
  const world = await PolicyWorld.create(cloud, wanted);
  await world.untilGoodOn("node1");
  const policy = pick(await world.policies());
  if (policy === undefined) throw new Error("the group needs no policy");
  return policy;
}

export function policySuite<Case extends PolicyCase, Policy>(
  cases: Readonly<Record<string, Case>>,
  { policyOf, cloudWith, actionsOf, without }: PolicySuite<Case, Policy>,
): void {
  describe.each(Object.entries(cases))("%s with the policy that preflight prints", (_name, wanted) => {
    it("does everything, and is refused nothing", async () => {
      const cloud = await cloudWith(wanted, await policyOf(wanted));
      const world = await PolicyWorld.create(cloud, wanted);
      await wanted.exercise(world);
      expect(cloud.refused()).toEqual([]);
    });

    it("says NotAuthorized with the name of any one action that is taken out", async () => {
      const policy = await policyOf(wanted);
      await Promise.all(
        actionsOf(policy).map(async (action) => {
          const world = await PolicyWorld.create(await cloudWith(wanted, without(policy, action)), wanted);
          await world.untilRefusalIsTold(action, wanted.exercise);
        }),
      );
    });
  });
}
