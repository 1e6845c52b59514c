/**
 * What must hold at every instant, judged by what the VMs really have, what the API server stored and what the cloud
 * carried out; never by what the product believes.
 */
import type { ServedWrite } from "../network/kube-modules.ts";
import type { SimVm } from "../vm.ts";
import type { GroupFacts, World } from "../world.ts";
import { epochsOf, footprintOf, hasFootprint, servesWholly } from "./footprint.ts";
import { Fences } from "./fences.ts";
import { Grants, type Moment } from "./grants.ts";
import type { Invariant, Violation } from "./invariants.ts";
import { Pointers } from "./pointers.ts";
import { Rights } from "./rights.ts";

export class Checkers {
  readonly violations: Violation[] = [];
  readonly rights: Rights;
  readonly grants: Grants;
  readonly fences: Fences;
  /** For those who wait for the right moment. */
  onEvent: (event: Moment | "activation") => void = () => undefined;
  readonly #world: World;
  /** Highest epoch under which anything served, by group. */
  readonly #served = new Map<string, number>();
  #isStill = false;

  constructor(world: World) {
    this.#world = world;
    const violate = (invariant: Invariant, message: string): void => this.violate(invariant, message);
    this.rights = new Rights(world, violate);
    this.grants = new Grants(world, violate, (moment, group) => this.#told(moment, group));
    this.fences = new Fences(world, this.grants, violate);
    // oxlint-disable-next-line no-new -- it listens to the cloud
    new Pointers(world, this.grants, violate);
  }

  violate(invariant: Invariant, message: string): void {
    const { scheduler, trace } = this.#world;
    if (this.violations.some((known) => known.invariant === invariant)) return;
    this.violations.push({ invariant, atMs: scheduler.nowMs, message });
    trace.note("!!!", `${invariant}: ${message}`);
    scheduler.stop(invariant);
  }

  hostChanged(vm: SimVm): void {
    this.onEvent("activation");
    // At once: what one event brings up another may take down before it has ended.
    for (const group of this.#world.groups) {
      this.#checkGroup(vm, group);
      if (this.#isStill) this.#checkStill(group);
    }
  }

  served(write: ServedWrite): void {
    this.rights.served(write);
    this.fences.served(write);
  }

  afterEvent(): void {
    this.rights.look();
  }

  /** From now on nothing may move or stop, until told otherwise. */
  expectStill(isStill: boolean): void {
    this.#isStill = isStill;
  }

  #told(moment: Moment, group: string): void {
    if (moment === "grant" && this.#isStill) this.violate("moved-by-outage", `${group} was granted anew`);
    this.onEvent(moment);
  }

  #checkGroup(vm: SimVm, group: GroupFacts): void {
    if (!hasFootprint(vm, group)) return;
    const own = footprintOf(vm, group);
    const isUnguarded = this.rights.isUnguarded(vm);
    for (const other of this.#world.vms) {
      if (other === vm || !hasFootprint(other, group)) continue;
      if (isUnguarded || this.rights.isUnguarded(other)) continue;
      const theirs = footprintOf(other, group).join(", ");
      this.violate("two-active", `${group.name}: ${vm.node} has ${own.join(", ")}; ${other.node} has ${theirs}`);
    }
    const grants = this.grants.of(group.name).filter((grant) => grant.node === vm.node);
    if (grants.length === 0)
      this.violate("no-grant", `${group.name}: ${vm.node} has ${own.join(", ")} and was never granted it`);
    for (const epoch of epochsOf(vm, group)) {
      const highest = this.#served.get(group.name) ?? 0;
      if (!grants.some((grant) => grant.epoch === epoch))
        this.violate("no-grant", `${group.name}: ${vm.node} serves epoch ${epoch}, which it was never granted`);
      if (epoch < highest && !isUnguarded)
        this.violate("older-epoch", `${group.name}: ${vm.node} serves epoch ${epoch} after ${highest} was served`);
      this.#served.set(group.name, Math.max(highest, epoch));
    }
  }

  #checkStill(group: GroupFacts): void {
    const last = this.grants.of(group.name).at(-1);
    const vm = this.#world.vms.find((found) => found.node === last?.node);
    if (vm === undefined || last === undefined || servesWholly(vm, group, last.epoch)) return;
    this.violate("moved-by-outage", `${group.name} is not served wholly on ${vm.node} any more`);
  }

  /** Why clients of the group are not served as they should be; undefined: they are. */
  outage(group: GroupFacts): string | undefined {
    const active = this.#world.group(group.name).status?.active;
    if (active === undefined) return `${group.name}: nobody is granted it`;
    for (const vm of this.#world.vms) {
      const found = footprintOf(vm, group);
      if (vm.node !== active.node && found.length > 0) return `${group.name}: ${vm.node} has ${found.join(", ")}`;
      if (vm.node === active.node && !servesWholly(vm, group, active.epoch))
        return `${group.name}: ${vm.node} (epoch ${active.epoch}) has only ${found.join(", ")}`;
    }
    return undefined;
  }

  /** Why the group is not in order; undefined: it is. */
  trouble(group: GroupFacts): string | undefined {
    const outage = this.outage(group);
    if (outage !== undefined) return outage;
    const { status } = this.#world.group(group.name);
    const node = status?.active?.node ?? "";
    if (this.#world.cloud.pointerOf(group.address) !== this.#world.enis.get(node))
      return `${group.name}: the route does not point to ${node}`;
    const { disk } = group;
    const inSync = disk === undefined ? undefined : this.#world.disk(disk)?.status?.inSync?.members;
    const behind = this.#world
      .group(group.name)
      .spec.members.find((member) => this.#world.isConnected(node, member.node) && !inSync?.includes(member.node));
    if (inSync !== undefined && behind !== undefined) return `${disk}: ${behind.node} is not in sync with ${node}`;
    const ready = status?.conditions?.find((condition) => condition.type === "Ready");
    if (ready?.status === "True") return undefined;
    return `${group.name}: Ready is ${ready?.status} (${ready?.reason}: ${ready?.message})`;
  }

  troubles(): string[] {
    return this.#world.groups.flatMap((group) => this.trouble(group) ?? []);
  }

  outages(): string[] {
    return this.#world.groups.flatMap((group) => this.outage(group) ?? []);
  }
}
