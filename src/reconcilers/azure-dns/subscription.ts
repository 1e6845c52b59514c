/** Which subscription the zone lies in: the one that is given, else that of the members' machines (API.md 1.5). Pure. */
import type { AzureDns } from "../../api/generated/types.ts";
import { parseAzureProviderId } from "../../cloud/azure/provider-id.ts";
import type { MemberFacts } from "../pointer/members.ts";

export type Subscription =
  | { readonly ok: true; readonly id: string }
  /** In words, with a remedy. */
  | { readonly ok: false; readonly message: string };

export function subscriptionOf({ spec }: AzureDns, members: readonly MemberFacts[]): Subscription {
  if (spec.subscriptionId !== undefined) return { ok: true, id: spec.subscriptionId };
  const found = members.flatMap(({ providerId }) => {
    const machine = providerId === undefined ? undefined : parseAzureProviderId(providerId);
    return machine === undefined ? [] : [machine.subscriptionId.toLowerCase()];
  });
  const [id, ...others] = new Set(found);
  if (id === undefined) {
    const message = `the subscription of zone ${spec.zone} is not known: no member has a provider id of Azure. Set spec.subscriptionId`;
    return { ok: false, message };
  }
  if (others.length === 0) return { ok: true, id };
  const message = `the subscription of zone ${spec.zone} is not known: the members' machines lie in ${[id, ...others].join(", ")}. Set spec.subscriptionId`;
  return { ok: false, message };
}
