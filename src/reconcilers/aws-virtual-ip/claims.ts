/** Who holds an AwsVirtualIP, by the rules that all kinds share. Pure. */
import type { AwsVirtualIP, FailoverGroup } from "../../api/generated/types.ts";
import { claimedElsewhere, claimingGroup } from "../shared/claims.ts";

export type Claim =
  /** No group lists the object. */
  | { readonly type: "None" }
  | { readonly type: "Held"; readonly group: FailoverGroup }
  /** `group` would hold the object, but another object holds the address. */
  | { readonly type: "AddressHeld"; readonly group: FailoverGroup; readonly message: string };

export function claimOf(vip: AwsVirtualIP, vips: readonly AwsVirtualIP[], groups: readonly FailoverGroup[]): Claim {
  const group = claimingGroup("AwsVirtualIP", vip, groups);
  if (group === undefined) return { type: "None" };
  const message = claimedElsewhere("AwsVirtualIP", vip, group, vips, groups);
  return message === undefined ? { type: "Held", group } : { type: "AddressHeld", group, message };
}
