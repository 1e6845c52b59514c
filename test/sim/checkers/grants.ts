/** The grants as the API server stored them: in order, to members only, and to whom the record before allowed it. */
import type { FailoverGroup, MirrorDisk } from "../../../src/api/generated/types.ts";
import { FAILOVER_GROUP, MIRROR_DISK } from "../../../src/api/kinds.ts";
import { LEASE_ANNOTATIONS, type Lease } from "../../../src/api/session-lease.ts";
import type { Change } from "../../../src/sandbox/apiserver/store.ts";
import { storeKey } from "../../../src/sandbox/apiserver/store.ts";
import { NAMESPACE } from "../names.ts";
import type { World } from "../world.ts";
import type { Violate } from "./invariants.ts";

export interface GrantFacts {
  readonly node: string;
  readonly epoch: number;
  readonly session: string;
}

/** For those who wait for the right moment. */
export type Moment = "grant" | "revoke" | "report" | "active";

export class Grants {
  readonly #world: World;
  readonly #violate: Violate;
  readonly #tell: (moment: Moment, group: string) => void;
  readonly #histories = new Map<string, GrantFacts[]>();

  constructor(world: World, violate: Violate, tell: (moment: Moment, group: string) => void) {
    this.#world = world;
    this.#violate = violate;
    this.#tell = tell;
    world.api.core.store.listen((change) => this.#stored(change));
  }

  /** Oldest first. */
  of(group: string): readonly GrantFacts[] {
    return this.#histories.get(group) ?? [];
  }

  #stored(change: Change): void {
    if (change.storage.startsWith("leases.")) return this.#leaseStored(change);
    if (change.storage.startsWith(MIRROR_DISK.plural)) return this.#traceDisk(change);
    if (!change.storage.startsWith(FAILOVER_GROUP.plural)) return;
    const group = change.object as unknown as FailoverGroup;
    const before = change.previous as FailoverGroup | undefined;
    this.#traceReports(group, before);
    const reported = (of: FailoverGroup | undefined): string =>
      (of?.status?.reports ?? []).map(({ node, state, epoch }) => `${node} ${state} ${epoch}`).join();
    if (reported(group) !== reported(before)) this.#tell("report", group.metadata.name);
    if (isActive(group) && !isActive(before)) this.#tell("active", group.metadata.name);
    const active = group.status?.active;
    const { name } = group.metadata;
    const last = this.of(name).at(-1);
    if (active === undefined || (last !== undefined && active.epoch === last.epoch && active.node === last.node))
      return;
    this.#world.trace.note("apiserver", `${name}: epoch ${active.epoch} granted to ${active.node} (${active.session})`);
    if (last !== undefined && active.epoch <= last.epoch)
      this.#violate("older-epoch", `${name}: epoch ${active.epoch} granted after ${last.epoch}`);
    this.#checkPromotable(group, before, active);
    this.#checkInSync(group, active);
    this.#histories.set(name, [...this.of(name), { node: active.node, epoch: active.epoch, session: active.session }]);
    this.#tell("grant", name);
  }

  #checkPromotable(group: FailoverGroup, before: FailoverGroup | undefined, active: GrantFacts): void {
    const { name } = group.metadata;
    if (!group.spec.members.some((member) => member.node === active.node))
      return this.#violate("not-promotable", `${name}: ${active.node} is granted and not in the spec`);
    const holder = before?.status?.active;
    if (holder === undefined || holder.node === active.node || this.#isProvenDown(before, holder)) return;
    const newest = (before?.status?.reports ?? [])
      .filter((report) => (report.knownMembers?.length ?? 0) > 0)
      .toSorted((left, right) => right.epoch - left.epoch)[0];
    // Who recorded nothing has activated nothing; and a record is void once its reporter is proven down (API.md 1.1).
    if (newest === undefined || this.#isProvenDown(before, newest)) return;
    if (newest.knownMembers?.includes(active.node) === false)
      this.#violate("not-promotable", `${name}: ${active.node} is granted and not in the record of ${newest.node}`);
  }

  #checkInSync(group: FailoverGroup, active: GrantFacts): void {
    const { name } = group.metadata;
    const { disk } = this.#world.groups.find((found) => found.name === name) ?? {};
    if (disk === undefined) return;
    const isForced = group.status?.history?.find((entry) => entry.epoch === active.epoch)?.cause === "ForcePromote";
    const { inSync } = this.#world.disk(disk)?.status ?? {};
    if (inSync?.members.includes(active.node) === true || isForced) return;
    this.#violate("not-in-sync", `${name}: ${active.node} is granted, in sync are ${inSync?.members.join(", ")}`);
  }

  /** By its report, by its own or the cloud's word in the Lease, or by a new life of its guard. */
  #isProvenDown(group: FailoverGroup | undefined, holder: GrantFacts): boolean {
    const report = group?.status?.reports?.find((found) => found.node === holder.node);
    if (report?.state === "Inactive" && report.session === holder.session && report.epoch === holder.epoch) return true;
    const { api } = this.#world;
    const lease = api.core.store.get(api.leases.storage, storeKey(NAMESPACE, holder.node)) as Lease | undefined;
    if (lease === undefined) return false;
    return lease.spec?.holderIdentity !== holder.session || ["Released", "Fenced"].includes(endOf(lease) ?? "");
  }

  #leaseStored(change: Change): void {
    const now = endOf(change.object as unknown as Lease);
    if (now === undefined || now === endOf(change.previous as unknown as Lease | undefined)) return;
    this.#world.trace.note("apiserver", `session of ${change.object.metadata.name} ended: ${now}`);
    this.#tell("revoke", "");
  }

  #traceDisk({ object, previous }: Change): void {
    const { trace } = this.#world;
    if (!trace.isOn) return;
    const { inSync, primary } = (object as unknown as MirrorDisk).status ?? {};
    const before = (previous as unknown as MirrorDisk | undefined)?.status;
    const { name } = object.metadata;
    if (primary?.epoch !== before?.primary?.epoch)
      trace.note("apiserver", `${name}: sealed with epoch ${primary?.epoch} for ${primary?.node}`);
    if (inSync?.generation !== before?.inSync?.generation)
      trace.note(
        "apiserver",
        `${name}: in sync are ${inSync?.members.join(", ")} (generation ${inSync?.generation}, epoch ${inSync?.epoch})`,
      );
  }

  #traceReports(group: FailoverGroup, before: FailoverGroup | undefined): void {
    const { trace } = this.#world;
    if (!trace.isOn) return;
    for (const report of group.status?.reports ?? []) {
      const last = before?.status?.reports?.find((found) => found.node === report.node);
      const { name } = group.metadata;
      if (last?.state !== report.state || last.epoch !== report.epoch)
        trace.note("apiserver", `${name}: ${report.node} reports ${report.state} under ${report.epoch}`);
      if (last?.knownMembers?.join() !== report.knownMembers?.join())
        trace.note("apiserver", `${name}: record of ${report.node}: ${report.knownMembers?.join(", ")}`);
      const promise = report.promise === undefined ? undefined : `${report.promise.state} to ${report.promise.node}`;
      const earlier = last?.promise === undefined ? undefined : `${last.promise.state} to ${last.promise.node}`;
      if (promise !== earlier) trace.note("apiserver", `${name}: promise of ${report.node}: ${promise}`);
    }
  }
}

function endOf(lease: Lease | undefined): string | undefined {
  return lease?.metadata.annotations?.[LEASE_ANNOTATIONS.ended];
}

/** The member that is granted it says that everything is up. */
function isActive(group: FailoverGroup | undefined): boolean {
  const { active, reports } = group?.status ?? {};
  return (
    reports?.some(({ node, state, epoch }) => node === active?.node && state === "Active" && epoch === active.epoch) ===
    true
  );
}
