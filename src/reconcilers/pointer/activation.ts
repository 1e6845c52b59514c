/**
 * Whether a pointer is due: somebody holds the group under an epoch, and everything the pointer waits
 * for (API.md 1.1: its own half on the member among it) is active under exactly that (session, epoch). Pure.
 * Must never do: read a report of another session or epoch as news about this one.
 */
import { activationOrder, halfId } from "../../api/activation-order.ts";
import type { ResourceHalf } from "../../api/activation-order.ts";
import type { FailoverGroup, Grant, MemberReport } from "../../api/generated/types.ts";

export type Activation =
  /** No group lists it, or nobody holds the group. */
  | { readonly state: "Stopped" }
  /** `blockers`: what must be active before, as `name/half`; `message` in words. */
  | { readonly state: "Waiting"; readonly grant: Grant; readonly blockers: readonly string[]; readonly message: string }
  | { readonly state: "Deactivating"; readonly grant: Grant }
  | { readonly state: "Due"; readonly grant: Grant };

export function activationOf(group: FailoverGroup, name: string): Activation {
  const grant = group.status?.active;
  if (grant === undefined) return { state: "Stopped" };
  const report = reportUnder(group, grant);
  if (report?.state === "Deactivating" || report?.state === "Inactive") return { state: "Deactivating", grant };
  const order = activationOrder(group.spec);
  if (order.type !== "Ordered") return waiting(grant, [], "the group's dependencies cannot be ordered");
  const own = order.halves.find((half) => half.id === halfId(name, "cloud"));
  if (own === undefined) return { state: "Stopped" };
  const active = activeHalves(group, report, order.halves);
  const blockers = own.after.filter((id) => !active.has(id));
  if (blockers.length === 0) return { state: "Due", grant };
  return waiting(grant, blockers, `waits until active on ${grant.node}: ${blockers.join(", ")}`);
}

export type HolderReport = NonNullable<MemberReport["resources"]>[number];

/** What the holder's agent says about one resource under exactly this grant; undefined: nothing. */
export function holderReportOf(group: FailoverGroup, name: string): HolderReport | undefined {
  const grant = group.status?.active;
  const report = grant === undefined ? undefined : reportUnder(group, grant);
  return report?.resources?.find((candidate) => candidate.name === name);
}

function waiting(grant: Grant, blockers: readonly string[], message: string): Activation {
  return { state: "Waiting", grant, blockers, message };
}

function reportUnder(group: FailoverGroup, grant: Grant): MemberReport | undefined {
  return group.status?.reports?.find(
    (report) => report.node === grant.node && report.session === grant.session && report.epoch === grant.epoch,
  );
}

/** Local halves by the holder's report, cloud halves by the joined view that the group's status keeps for the grant. */
function activeHalves(
  group: FailoverGroup,
  report: MemberReport | undefined,
  halves: readonly ResourceHalf[],
): ReadonlySet<string> {
  const isActive = (half: ResourceHalf): boolean => {
    const views = half.half === "local" ? report?.resources : group.status?.resources;
    return views?.some((view) => view.name === half.resource && view.state === "Active") ?? false;
  };
  return new Set(halves.filter(isActive).map((half) => half.id));
}
