/** The AwsVirtualIP reconciler: one address that the route tables of a VPC send to the active member's interface. */
import type { Fence, Reconciler } from "../../controller/contract.ts";
import { Actor } from "./act.ts";
import type { AwsVirtualIPDeps } from "./deps.ts";
import { Observer } from "./observe.ts";
import { plan } from "./plan.ts";
import type { Seen } from "./seen.ts";
import type { Step } from "./steps.ts";

export type { AwsVirtualIPDeps } from "./deps.ts";

export function createAwsVirtualIpReconciler(deps: AwsVirtualIPDeps): Reconciler<Seen, Step> {
  const observer = new Observer(deps);
  const actor = new Actor(deps, observer);
  return {
    name: "AwsVirtualIP",
    observe: (key) => observer.observe(key),
    plan,
    act: (key, step, fence: Fence) => actor.act(key, step, fence),
  };
}
