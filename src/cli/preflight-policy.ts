/** The policies that groups need, one per identity. Pure. */
import type { FailoverGroup } from "../api/generated/types.ts";
import { type IamPolicy, iamPolicy } from "../cloud/permissions/aws-policy.ts";
import { type AzureRole, azureRole } from "../cloud/permissions/azure-role.ts";
import type { PreflightInput } from "./preflight-input.ts";
import { type Needs, needsOf } from "./preflight-needs.ts";

export interface Policies {
  /** Identity -> policy; identities that call nothing there have none. */
  readonly aws: Readonly<Record<string, IamPolicy>>;
  readonly azure: Readonly<Record<string, AzureRole>>;
}

export function policiesOf(input: PreflightInput, groups: readonly FailoverGroup[]): Policies {
  const byIdentity = new Map<string, Needs>();
  for (const group of groups) {
    for (const [identity, needs] of needsOf(input, group)) {
      const { aws, azure, regions } = byIdentity.get(identity) ?? { aws: [], azure: [], regions: [] };
      byIdentity.set(identity, {
        aws: [...aws, ...needs.aws],
        azure: [...azure, ...needs.azure],
        regions: [...regions, ...needs.regions],
      });
    }
  }
  const all = [...byIdentity];
  const name = `understudy-${groups.map(({ metadata }) => metadata.name).join("-")}`;
  return {
    aws: Object.fromEntries(
      all.flatMap(([identity, { aws, regions }]) => (aws.length === 0 ? [] : [[identity, iamPolicy(aws, regions)]])),
    ),
    azure: Object.fromEntries(
      all.flatMap(([identity, { azure }], index) =>
        // The names of roles are unique in a directory.
        azure.length === 0 ? [] : [[identity, azureRole(index === 0 ? name : `${name}-${index + 1}`, azure)]],
      ),
    ),
  };
}
