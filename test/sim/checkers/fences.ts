/**
 * Machines that the product stops: no more within a period than was promised, and none while no other member is healthy.
 *
 * A stop is judged when it is decided, which is when its call leaves the leader, and by what a leader could know then: a
 * member is healthy while the API server has a renewal of its session that reads may still call live. What happens to the
 * other members while a call is on its way cannot be known.
 *
 * Stops are counted as the limit counts them: one per life of a guard, however often the call is repeated, and by the
 * leaders' wall clocks, which a period is told by. Refused and lost calls stop nothing and do not count.
 */
import type { FailoverGroup } from "../../../src/api/generated/types.ts";
import { FAILOVER_GROUP } from "../../../src/api/kinds.ts";
import { LEASE_ANNOTATIONS, type Lease } from "../../../src/api/session-lease.ts";
import { CLOCK_RATE_BOUND } from "../../../src/api/timings.ts";
import { FENCING_RECORD } from "../../../src/reconcilers/failover-group/fencing-record.ts";
import { timingsOf } from "../../../src/reconcilers/failover-group/session-observer.ts";
import type { Change } from "../../../src/sandbox/apiserver/store.ts";
import type { StopCall } from "../network/cloud.ts";
import type { ServedWrite } from "../network/kube-modules.ts";
import type { World } from "../world.ts";
import type { Grants } from "./grants.ts";
import type { Violate } from "./invariants.ts";

/** What users are promised, `fencing.maxPerPeriod` and `fencing.period`: not what the controllers of a world are given. */
const PROMISED = { maxPerPeriod: 2, periodMs: 600_000 };
/** Between the note of a stop and its call lie two reads, and whatever delays the leader, milliseconds. */
const NOTED_BEFORE_MS = 30_000;
/** A stop counts at least so long, in true milliseconds and on the clocks of the leaders. */
const COUNTED_MS = PROMISED.periodMs / CLOCK_RATE_BOUND - NOTED_BEFORE_MS;
/** A leader that reads the group anew before the call may not know what was removed since, milliseconds. */
const REMOVED_UNKNOWN_MS = 6_000;

/** All calls for one life of a guard. */
interface Stop {
  readonly node: string;
  readonly sessions: readonly string[];
  readonly firstMs: number;
  /** The last call before the machine stopped. */
  lastMs: number;
  lastWallMs: number;
  /** When the record may say that it was noted: a leader whose clock is behind brings it back to its own time. */
  notedWallMs: number;
  isCarriedOut: boolean;
}

interface Session {
  readonly id: string;
  readonly renewedMs: number;
  /** For how long after the renewal a leader may call it live. */
  readonly liveMs: number;
  endedMs?: number;
}

export class Fences {
  readonly #world: World;
  readonly #grants: Grants;
  readonly #violate: Violate;
  readonly #stops: Stop[] = [];
  readonly #stopOf = new Map<StopCall, Stop>();
  readonly #sessions = new Map<string, Session>();
  /** When a node ceased to be a member, by group and node. */
  readonly #removed = new Map<string, number>();

  constructor(world: World, grants: Grants, violate: Violate) {
    this.#world = world;
    this.#grants = grants;
    this.#violate = violate;
    world.api.core.store.listen((change) => this.#stored(change));
    world.cloud.onStopSent = (call) => this.#sent(call);
    world.cloud.onStop = (call) => this.#carriedOut(call);
  }

  served({ type, key, process, sentMs }: ServedWrite): void {
    if (type.plural !== "configmaps" || key.name !== FENCING_RECORD) return;
    const wallMs = process.machine.wallAt(sentMs);
    for (const stop of this.#stops) stop.notedWallMs = Math.min(stop.notedWallMs, wallMs);
  }

  #stored(change: Change): void {
    if (change.storage.startsWith("leases.")) return this.#leaseStored(change.object as unknown as Lease);
    if (!change.storage.startsWith(FAILOVER_GROUP.plural)) return;
    const group = change.object as unknown as FailoverGroup;
    const before = change.previous as FailoverGroup | undefined;
    for (const { node } of before?.spec.members ?? [])
      if (!group.spec.members.some((member) => member.node === node))
        this.#removed.set(`${group.metadata.name} ${node}`, this.#world.scheduler.nowMs);
  }

  #leaseStored(lease: Lease): void {
    const { name, annotations } = lease.metadata;
    const { nowMs } = this.#world.scheduler;
    const known = this.#sessions.get(name);
    if (annotations?.[LEASE_ANNOTATIONS.ended] !== undefined) {
      if (known !== undefined) known.endedMs ??= nowMs;
      return;
    }
    const { marginMs } = this.#world.options.timings;
    // Until a leader calls it quiet, from the read that first shows the renewal.
    const liveMs = (timingsOf(lease).renewDeadlineMs + marginMs) * CLOCK_RATE_BOUND + this.#readMs;
    this.#sessions.set(name, { id: lease.spec?.holderIdentity ?? "", renewedMs: nowMs, liveMs });
  }

  /** After so long the reads of a leader show what was stored, or it says that it knows nothing. */
  get #readMs(): number {
    const { readGapMs, requestTimeoutMs } = this.#world.options.timings;
    return (readGapMs + requestTimeoutMs) * CLOCK_RATE_BOUND;
  }

  #sent(call: StopCall): void {
    const { process, instanceId, sentMs } = call;
    const node = this.#world.vmOf(instanceId)?.node;
    if (node === undefined) return;
    this.#world.trace.note(process.name, `stops ${node}`);
    const others = this.#othersOf(node);
    if (!others.some((other) => this.#isHealthy(other, sentMs)))
      this.#violate("fenced-last", `${process.name} stops ${node}, and none of ${others.join(", ")} is healthy`);
    const stop = this.#stopFor(node, call);
    this.#stopOf.set(call, stop);
    if (stop.isCarriedOut) return;
    stop.lastMs = sentMs;
    stop.lastWallMs = process.machine.wallAt(sentMs);
  }

  #stopFor(node: string, { process, sentMs }: StopCall): Stop {
    const sessions = this.#sessionsOf(node);
    const known = this.#stops.findLast(
      (stop) =>
        stop.node === node &&
        sentMs - stop.lastMs < PROMISED.periodMs &&
        stop.sessions.some((session) => sessions.includes(session)),
    );
    if (known !== undefined) return known;
    const wallMs = process.machine.wallAt(sentMs);
    const times = { firstMs: sentMs, lastMs: sentMs, lastWallMs: wallMs, notedWallMs: wallMs };
    const stop: Stop = { node, sessions, ...times, isCarriedOut: false };
    this.#stops.push(stop);
    return stop;
  }

  #carriedOut(call: StopCall): void {
    const stop = this.#stopOf.get(call);
    if (stop === undefined || stop.isCarriedOut) return;
    stop.isCarriedOut = true;
    for (const last of this.#stops) {
      const counted = this.#stops.filter((other) => other.isCarriedOut && isWithinPeriod(other, last));
      if (!last.isCarriedOut || counted.length <= PROMISED.maxPerPeriod) continue;
      const nodes = counted.map((other) => `${other.node} at ${other.firstMs.toFixed(0)}`).join(", ");
      this.#violate("fence-limit", `more than ${PROMISED.maxPerPeriod} machines were stopped in a period: ${nodes}`);
    }
  }

  /** The lives of its guard that hold a group; none does: the one that renews. */
  #sessionsOf(node: string): readonly string[] {
    const held = this.#world.groups.flatMap(({ name }) => {
      const last = this.#grants.of(name).at(-1);
      return last?.node === node ? [last.session] : [];
    });
    return held.length > 0 ? held : [this.#sessions.get(node)?.id ?? ""];
  }

  /** Who could take over what the machine has, or any group of which it is a member. */
  #othersOf(node: string): readonly string[] {
    const members = this.#world.groups
      .map(({ name }) => ({ isHeld: this.#grants.of(name).at(-1)?.node === node, nodes: this.#membersOf(name) }))
      .filter(({ nodes }) => nodes.includes(node));
    const held = members.filter(({ isHeld }) => isHeld);
    const nodes = (held.length > 0 ? held : members).flatMap((group) => group.nodes);
    return [...new Set(nodes)].filter((other) => other !== node);
  }

  #membersOf(group: string): readonly string[] {
    const { nowMs } = this.#world.scheduler;
    const removed = this.#world.vms
      .map(({ node }) => node)
      .filter(
        (node) => nowMs - (this.#removed.get(`${group} ${node}`) ?? Number.NEGATIVE_INFINITY) < REMOVED_UNKNOWN_MS,
      );
    return [...this.#world.group(group).spec.members.map(({ node }) => node), ...removed];
  }

  #isHealthy(node: string, atMs: number): boolean {
    const session = this.#sessions.get(node);
    if (session === undefined || atMs - session.renewedMs > session.liveMs) return false;
    return session.endedMs === undefined || atMs - session.endedMs <= this.#readMs;
  }
}

/** Whether `earlier` still counted when `last` was noted. */
function isWithinPeriod(earlier: Stop, last: Stop): boolean {
  if (earlier === last) return true;
  if (earlier.firstMs > last.firstMs) return false;
  return last.lastMs - earlier.firstMs < COUNTED_MS && last.lastWallMs - earlier.notedWallMs < COUNTED_MS;
}
