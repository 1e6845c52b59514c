/**
 * What must hold at every instant, judged by what the VMs really have, what the API server stored and what the cloud
 * carried out; never by what the product believes.
 */
import type { FailoverGroup } from "../../../src/api/generated/types.ts";
import { FAILOVER_GROUP } from "../../../src/api/kinds.ts";
import { LEASE_ANNOTATIONS, type Lease } from "../../../src/api/session-lease.ts";
import type { Change } from "../../../src/sandbox/apiserver/store.ts";
import { daemonsOf } from "../host/commands.ts";
import type { ServedWrite } from "../network/kube-modules.ts";
import type { SimVm } from "../vm.ts";
import { PromiseRights } from "./promise-rights.ts";
import type { GroupFacts, World } from "../world.ts";

export const INVARIANTS = {
  "two-active": "at most one member has anything of a group at any instant",
  "older-epoch": "nobody is active under an epoch older than one that was already active",
  "no-grant": "nothing of a group is brought up on a member that was never granted it",
  "not-promotable":
    "whoever is granted is in the spec, and in the record of the holder before unless that is proven down",
  "beyond-stop-budget": "a running guard has everything down at R+S after the send of the last renewal",
  "beyond-session": "nothing is up when the session's duration is over, whatever was frozen (with a watchdog)",
  "deposed-pointer": "no cloud pointer is moved by a leader after a newer one acted",
  "no-convergence": "after the faults have gone, every group is served again in bounded time",
  "moved-by-outage": "an outage of the API server alone moves nothing",
  "slow-recovery": "a single fault is survived in bounded time",
  "broken-assertion": "no assertion of the product breaks",
  "unexpected-error": "no error of the product goes unhandled",
} as const;

export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: Invariant;
  readonly atMs: number;
  readonly message: string;
}

interface Right {
  /** The life of the guard whose right it is. */
  readonly process: unknown;
  session: string;
  /** True time of the send of the last renewal that was carried out. */
  sentMs: number;
}

interface GroupHistory {
  epoch: number;
  /** Highest epoch under which anything served. */
  servedEpoch: number;
  readonly grants: { readonly node: string; readonly epoch: number; readonly session: string }[];
}

/** Time for a hard cut whose first attempt is in the way of a slow host, milliseconds. */
const CUT_SLACK_MS = 120;

export class Checkers {
  readonly violations: Violation[] = [];
  /** For those who wait for the right moment. */
  onEvent: (event: "grant" | "revoke" | "activation") => void = () => undefined;
  readonly promises = new PromiseRights();
  readonly #world: World;
  readonly #rights = new Map<string, Right>();
  readonly #histories = new Map<string, GroupHistory>();
  #nextTimedMs = 0;
  /** The newest leader that acted on the cloud, in order of election. */
  readonly #leaders: unknown[] = [];

  constructor(world: World) {
    this.#world = world;
    world.api.core.store.listen((change) => this.#stored(change));
    world.cloud.onRouteSent = ({ process, sentMs, destinationCidr }) =>
      this.#routeSent(process, sentMs, destinationCidr);
  }

  violate(invariant: Invariant, message: string): void {
    const { scheduler, trace } = this.#world;
    if (this.violations.some((known) => known.invariant === invariant)) return;
    this.violations.push({ invariant, atMs: scheduler.nowMs, message });
    trace.note("!!!", `${invariant}: ${message}`);
    scheduler.stop(invariant);
  }

  /** What of the group this VM has, as words; empty: nothing. */
  footprint(vm: SimVm, group: GroupFacts): string[] {
    const { kernel } = vm;
    const found: string[] = [];
    if (kernel.addresses.has(group.address)) found.push("address");
    if (kernel.listeners.has(group.port)) found.push("probe port");
    for (const daemon of daemonsOf(kernel.processes.values(), group.name))
      found.push(`process of epoch ${daemon.environment["UNDERSTUDY_EPOCH"]}`);
    return found;
  }

  hostChanged(vm: SimVm): void {
    this.onEvent("activation");
    // At once: what one event brings up another may take down before it has ended.
    for (const group of this.#world.groups) this.#checkGroup(vm, group);
  }

  afterEvent(): void {
    const { nowMs } = this.#world.scheduler;
    if (nowMs < this.#nextTimedMs) return;
    this.#nextTimedMs = nowMs + 25;
    for (const vm of this.#world.vms) this.#checkRight(vm, nowMs);
  }

  // ---- the hosts

  #checkGroup(vm: SimVm, group: GroupFacts): void {
    const own = this.footprint(vm, group);
    if (own.length === 0) return;
    for (const other of this.#world.vms) {
      if (other === vm) continue;
      const theirs = this.footprint(other, group);
      if (theirs.length > 0)
        this.violate(
          "two-active",
          `${group.name}: ${vm.node} has ${own.join(", ")}; ${other.node} has ${theirs.join(", ")}`,
        );
    }
    const history = this.#historyOf(group.name);
    if (!history.grants.some((grant) => grant.node === vm.node))
      this.violate("no-grant", `${group.name}: ${vm.node} has ${own.join(", ")} and was never granted it`);
    for (const daemon of daemonsOf(vm.kernel.processes.values(), group.name)) {
      const epoch = Number(daemon.environment["UNDERSTUDY_EPOCH"]);
      if (!history.grants.some((grant) => grant.node === vm.node && grant.epoch === epoch))
        this.violate("no-grant", `${group.name}: ${vm.node} serves under epoch ${epoch}, which it was never granted`);
      if (epoch < history.servedEpoch)
        this.violate(
          "older-epoch",
          `${group.name}: ${vm.node} serves epoch ${epoch} after ${history.servedEpoch} was served`,
        );
      history.servedEpoch = Math.max(history.servedEpoch, epoch);
    }
  }

  #checkRight(vm: SimVm, nowMs: number): void {
    const right = this.#rights.get(vm.node);
    if (right === undefined) return;
    for (const group of this.#world.groups)
      if (this.footprint(vm, group).length > 0) this.#checkAge(vm, group, right, nowMs);
  }

  #checkAge(vm: SimVm, group: GroupFacts, right: Right, nowMs: number): void {
    const { rate } = vm.machine;
    const { sessionDurationMs: L, renewDeadlineMs: R, stopBudgetMs: S } = vm.timings;
    // Most of the time the session alone will do.
    if (nowMs - right.sentMs <= (R + S) / rate) return;
    const sinceMs = Math.max(right.sentMs, this.#promisedSince(vm, group, right, nowMs));
    const ageMs = nowMs - sinceMs;
    const what = `${vm.node} has ${this.footprint(vm, group).join(", ")} of ${group.name} ${ageMs.toFixed(0)} ms after its right was last prolonged`;
    if (ageMs > L / rate && vm.kernel.watchdog !== undefined) this.violate("beyond-session", what);
    const guard = vm.guardProcess;
    if (guard === undefined || guard !== right.process || guard.isHeld || guard.lastHeldMs > sinceMs) return;
    if (ageMs > (R + S) / rate + CUT_SLACK_MS * vm.kernel.slowness && !vm.app.sticks)
      this.violate("beyond-stop-budget", what);
  }

  /** The latest ask that everybody answered who is recorded as one to be asked. */
  #promisedSince(vm: SimVm, group: GroupFacts, right: Right, nowMs: number): number {
    const stored = this.#world.group(group.name);
    const members = stored.status?.reports?.find((report) => report.node === vm.node)?.knownMembers ?? [];
    const others = members.filter((member) => member !== vm.node);
    if (members.length > 0 && others.length === 0) return nowMs;
    return this.promises.lastComplete(vm.node, right.session, stored.metadata.uid ?? "", members);
  }

  // ---- the API server

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
    else this.#rights.set(vm.node, { process: write.process, session, sentMs: write.sentMs });
  }

  #stored(change: Change): void {
    if (change.storage.startsWith("leases.")) return this.#revoked(change);
    if (!change.storage.startsWith(FAILOVER_GROUP.plural)) return;
    const group = change.object as unknown as FailoverGroup;
    const active = group.status?.active;
    const history = this.#historyOf(group.metadata.name);
    const { trace } = this.#world;
    this.#traceReports(change);
    if (active === undefined || active.epoch === history.epoch) return;
    trace.note(
      "apiserver",
      `${group.metadata.name}: epoch ${active.epoch} granted to ${active.node} (${active.session})`,
    );
    if (active.epoch < history.epoch)
      this.violate("older-epoch", `${group.metadata.name}: epoch ${active.epoch} granted after ${history.epoch}`);
    history.epoch = active.epoch;
    this.onEvent("grant");
    history.grants.push({ node: active.node, epoch: active.epoch, session: active.session });
    if (!group.spec.members.some((member) => member.node === active.node))
      this.violate("not-promotable", `${group.metadata.name}: ${active.node} is granted and not in the spec`);
  }

  /** The leader ended a session. */
  #revoked(change: Change): void {
    const end = (lease: Lease | undefined): string | undefined =>
      lease?.metadata.annotations?.[LEASE_ANNOTATIONS.ended];
    const now = end(change.object as unknown as Lease);
    if (now === undefined || now === end(change.previous as unknown as Lease | undefined)) return;
    this.#world.trace.note("apiserver", `session of ${change.object.metadata.name} ended: ${now}`);
    this.onEvent("revoke");
  }

  #traceReports(change: Change): void {
    const { trace } = this.#world;
    if (!trace.isOn) return;
    const before = (change.previous as FailoverGroup | undefined)?.status?.reports ?? [];
    for (const report of (change.object as unknown as FailoverGroup).status?.reports ?? []) {
      const last = before.find((found) => found.node === report.node);
      if (last?.state === report.state && last.epoch === report.epoch) continue;
      trace.note(
        "apiserver",
        `${change.object.metadata.name}: ${report.node} reports ${report.state} under ${report.epoch}`,
      );
    }
  }

  // ---- the cloud

  /** Leaders act in turn: once a newer one wrote, an older one sends nothing any more. */
  #routeSent(process: unknown, _sentMs: number, destinationCidr: string): void {
    const at = this.#leaders.indexOf(process);
    if (at >= 0 && at < this.#leaders.length - 1)
      this.violate("deposed-pointer", `a leader that was followed by another sent a write of ${destinationCidr}`);
    if (at < 0) this.#leaders.push(process);
  }

  #historyOf(name: string): GroupHistory {
    const known = this.#histories.get(name);
    if (known !== undefined) return known;
    const made: GroupHistory = { epoch: 0, servedEpoch: 0, grants: [] };
    this.#histories.set(name, made);
    return made;
  }

  /** Why the group is not served as it should be; undefined: it is. */
  trouble(group: GroupFacts): string | undefined {
    const stored = this.#world.group(group.name);
    const active = stored.status?.active;
    if (active === undefined) return `${group.name}: nobody is granted it`;
    for (const vm of this.#world.vms) {
      const found = this.footprint(vm, group);
      if (vm.node !== active.node && found.length > 0) return `${group.name}: ${vm.node} has ${found.join(", ")}`;
      if (vm.node !== active.node) continue;
      const wanted = ["address", "probe port", `process of epoch ${active.epoch}`];
      const missing = wanted.filter((part) => !found.includes(part));
      if (missing.length > 0) return `${group.name}: ${vm.node} (epoch ${active.epoch}) lacks ${missing.join(", ")}`;
    }
    if (this.#world.cloud.pointerOf(group.address) !== this.#world.enis.get(active.node))
      return `${group.name}: the route does not point to ${active.node}`;
    const ready = stored.status?.conditions?.find((condition) => condition.type === "Ready");
    return ready?.status === "True"
      ? undefined
      : `${group.name}: Ready is ${ready?.status} (${ready?.reason}: ${ready?.message})`;
  }

  troubles(): string[] {
    return this.#world.groups.flatMap((group) => this.trouble(group) ?? []);
  }

  epochOf(group: string): number {
    return this.#historyOf(group).epoch;
  }
}
