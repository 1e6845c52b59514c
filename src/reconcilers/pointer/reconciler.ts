/** The reconciler of any kind of pointer: one thing in the cloud that leads clients to the active member. */
import type { Fence, Reconciler } from "../../controller/contract.ts";
import { Actor } from "./act.ts";
import type { PointerDeps } from "./deps.ts";
import type { PointerKind } from "./kind.ts";
import { Observer } from "./observe.ts";
import { planPointer } from "./plan.ts";
import type { PointerObject, PointerSeen, StatusOf } from "./seen.ts";
import type { Step } from "./steps.ts";

export type { PointerDeps } from "./deps.ts";

export function createPointerReconciler<Obj extends PointerObject, Facts, Write, Keys>(
  kind: PointerKind<Obj, Facts, Write, Keys>,
  deps: PointerDeps<Obj>,
): Reconciler<PointerSeen<Obj, Facts>, Step<Write, StatusOf<Obj>>> {
  const observer = new Observer(kind, deps);
  const actor = new Actor(kind, deps, observer);
  return {
    name: kind.kind,
    observe: (key) => observer.observe(key),
    plan: (seen, now) => planPointer(kind, seen, now),
    act: (key, step, fence: Fence) => actor.act(key, step, fence),
  };
}
