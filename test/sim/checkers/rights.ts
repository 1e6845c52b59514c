/**
 * How long each member may have anything up, judged from outside: by the renewals that the API server carried out, counted
 * from their send, and by the asks that everybody answered.
 */
import { LEASE_ANNOTATIONS, type Lease } from "../../../src/api/session-lease.ts";
import type { ServedWrite } from "../network/kube-modules.ts";
import type { SimVm } from "../vm.ts";
import type { GroupFacts, World } from "../world.ts";
import { footprintOf, hasFootprint } from "./footprint.ts";
import type { Violate } from "./invariants.ts";
import { type Ask, PromiseWire } from "./promise-wire.ts";

interface Right {
  /** The life of the guard whose right it is. */
  readonly process: unknown;
  readonly session: string;
  /** True time of the send of the last renewal that was carried out. */
  sentMs: number;
  /** Send of the last ask about a group that everybody answered while the right was unbroken (A8), by the group's name. */
  readonly promised: Map<string, number>;
}

/** Time for a hard cut whose first attempt is in the way of a slow host, milliseconds. */
const CUT_SLACK_MS = 120;
/** Between two looks at everybody, milliseconds. */
const LOOK_MS = 25;

export class Rights {
  readonly promises: PromiseWire;
  readonly #world: World;
  readonly #violate: Violate;
  readonly #rights = new Map<string, Right>();
  #nextLookMs = 0;

  constructor(world: World, violate: Violate) {
    this.#world = world;
    this.promises = new PromiseWire(world.trace);
    this.promises.onAnswer = (ask, groupUids) => this.#answered(ask, groupUids);
    this.#violate = violate;
  }

  served(write: ServedWrite): void {
    if (write.type.plural !== "leases") return;
    const lease = write.result as Lease;
    const vm = this.#world.vms.find((found) => found.node === lease.metadata.name);
    if (vm === undefined || write.process !== vm.guardProcess) return;
    if (lease.metadata.annotations?.[LEASE_ANNOTATIONS.ended] !== undefined) return;
    const known = this.#rights.get(vm.node);
    const session = lease.spec?.holderIdentity ?? "";
    if (known?.process === write.process && known.session === session)
      known.sentMs = Math.max(known.sentMs, write.sentMs);
    else this.#rights.set(vm.node, { process: write.process, session, sentMs: write.sentMs, promised: new Map() });
  }

  #answered(ask: Ask, groupUids: readonly string[]): void {
    const vm = this.#world.vms.find((found) => found.node === ask.node);
    const right = this.#rights.get(ask.node);
    if (vm === undefined || right?.session !== ask.session) return;
    for (const group of this.#world.groups) {
      const uid = this.#world.group(group.name).metadata.uid ?? "";
      if (!groupUids.includes(uid)) continue;
      const members = this.#recorded(vm, group) ?? [];
      const isComplete = members.every((member) => member === vm.node || ask.answers.has(`${member} ${uid}`));
      const sinceMs = this.#prolongedAt(vm, group, right);
      const { renewDeadlineMs: R } = vm.timings;
      const isUnbroken = this.#world.scheduler.nowMs - sinceMs < R / vm.machine.rate + 1;
      if (isComplete && isUnbroken) right.promised.set(group.name, Math.max(sinceMs, ask.sentMs));
    }
  }

  /** The members that must be asked, as far as the record of the holder and the set of its disk say; undefined: no record. */
  #recorded(vm: SimVm, group: GroupFacts): readonly string[] | undefined {
    const reports = this.#world.group(group.name).status?.reports;
    const members = reports?.find((report) => report.node === vm.node)?.knownMembers ?? [];
    if (members.length === 0) return undefined;
    if (group.disk === undefined) return members;
    const inSync = this.#world.disk(group.disk)?.status?.inSync?.members ?? [];
    return members.filter((member) => member === vm.node || inSync.includes(member));
  }

  look(): void {
    const { nowMs } = this.#world.scheduler;
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + LOOK_MS;
    for (const vm of this.#world.vms) {
      const right = this.#rights.get(vm.node);
      if (right === undefined || vm.isBeyondWatchdog) continue;
      for (const group of this.#world.groups) if (hasFootprint(vm, group)) this.#checkAge(vm, group, right, nowMs);
    }
  }

  /** No watchdog, and its guard was kept from running beyond its right: nothing ends what runs (DESIGN 4.2). */
  isUnguarded(vm: SimVm): boolean {
    const right = this.#rights.get(vm.node);
    if (vm.isBeyondWatchdog) return true;
    if (vm.kernel.watchdog !== undefined || right === undefined) return false;
    const { nowMs } = this.#world.scheduler;
    const sinceMs = Math.max(...this.#world.groups.map((group) => this.#prolongedAt(vm, group, right)));
    return wasHeld(vm, right, sinceMs) && nowMs - sinceMs > vm.timings.sessionDurationMs / vm.machine.rate;
  }

  #checkAge(vm: SimVm, group: GroupFacts, right: Right, nowMs: number): void {
    const { rate } = vm.machine;
    const { sessionDurationMs: L, renewDeadlineMs: R, stopBudgetMs: S } = vm.timings;
    // Most of the time the session alone will do.
    if (nowMs - right.sentMs <= (R + S) / rate) return;
    const sinceMs = this.#prolongedAt(vm, group, right);
    const ageMs = nowMs - sinceMs;
    const what = `${vm.node} has ${footprintOf(vm, group).join(", ")} of ${group.name} ${ageMs.toFixed(0)} ms after its right was last prolonged`;
    if (ageMs > L / rate && vm.kernel.watchdog !== undefined) this.#violate("beyond-session", what);
    if (wasHeld(vm, right, sinceMs) || vm.app.sticks || nowMs - vm.lastStuckMs < CUT_SLACK_MS) return;
    if (ageMs > (R + S) / rate + CUT_SLACK_MS * vm.kernel.slowness) this.#violate("beyond-stop-budget", what);
  }

  /** From when the right to have anything of the group counts. */
  #prolongedAt(vm: SimVm, group: GroupFacts, right: Right): number {
    const members = this.#recorded(vm, group);
    if (members?.every((member) => member === vm.node) === true) return this.#world.scheduler.nowMs;
    return Math.max(right.sentMs, right.promised.get(group.name) ?? Number.NEGATIVE_INFINITY);
  }
}

/** The guard whose right it is did not run all the time since. */
function wasHeld(vm: SimVm, right: Right, sinceMs: number): boolean {
  const guard = vm.guardProcess;
  return guard === undefined || guard !== right.process || guard.isHeld || guard.lastHeldMs > sinceMs;
}
