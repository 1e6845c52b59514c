/**
 * What one leader remembers of a group between two looks: measured on its own monotonic clock, lost with it. Only
 * waits and figures rest on it, never who may be granted the group.
 */
import type { Instant } from "../../lib/clock.ts";
import { refusalOf } from "./checks-members.ts";
import { reportsUnder } from "./holder.ts";
import { isIsolated } from "./isolation.ts";
import type { Memory, MoveTimes, Seen } from "./seen.ts";
import { memberOf } from "./seen.ts";

type Mutable = { -readonly [Key in keyof Memory]: Memory[Key] };

export const NO_MEMORY: Memory = { promotableSinceMs: {}, isolatedSinceMs: {}, repairedAtMs: {}, told: [] };

/** What was told longest ago is forgotten, and may be told again. */
const MAX_TOLD = 64;

export class GroupMemory {
  readonly #groups = new Map<string, Mutable>();

  forget(uid: string): void {
    this.#groups.delete(uid);
  }

  /** Takes in what was seen: since when it is looked at, who has been promotable or isolated, when the group came up. */
  note(uid: string, seen: Seen, now: Instant): Memory {
    const memory = this.#of(uid);
    memory.firstSeenMs ??= now.monotonicMs;
    memory.promotableSinceMs = Object.fromEntries(
      seen.members
        .filter((member) => refusalOf(seen, member, now.wallMs) === undefined)
        .map((member) => [member.node, memory.promotableSinceMs[member.node] ?? now.monotonicMs]),
    );
    memory.isolatedSinceMs = Object.fromEntries(
      seen.members
        .filter((member) => isIsolated(seen, member))
        .map(({ node }) => [node, memory.isolatedSinceMs[node] ?? now.monotonicMs]),
    );
    const grant = seen.group.status?.active;
    this.#noteRestart(memory, seen, now);
    const report = grant === undefined ? undefined : memberOf(seen, grant.node)?.report;
    const isUp = reportsUnder(report, grant) && report.state === "Active";
    if (isUp && memory.move?.epoch === grant?.epoch && memory.move?.activatedMs === undefined) {
      this.#mark(memory, memory.move?.epoch ?? 0, { activatedMs: now.monotonicMs });
    }
    return { ...memory };
  }

  /** The word counts while it is heard; what is heard last of it is the release of the session. */
  #noteRestart(memory: Mutable, seen: Seen, now: Instant): void {
    const grant = seen.group.status?.active;
    const session = grant === undefined ? undefined : memberOf(seen, grant.node)?.session;
    if (grant === undefined || session?.facts === undefined || session.lease?.spec?.holderIdentity !== grant.session)
      return;
    if (session.facts.isRestarting !== true) {
      // The word was taken back: the machine itself goes down.
      delete memory.restarting;
      return;
    }
    const { verdict } = session;
    const isLive = verdict.state === "Live" && verdict.session === grant.session;
    const isKnown = memory.restarting?.epoch === grant.epoch;
    const isReleased = verdict.state === "Ended" && verdict.end === "Released" && verdict.session === grant.session;
    if (isLive || (isReleased && !isKnown))
      memory.restarting = { node: grant.node, epoch: grant.epoch, sinceMs: now.monotonicMs };
  }

  mark(uid: string, epoch: number, times: Omit<MoveTimes, "epoch">): void {
    this.#mark(this.#of(uid), epoch, times);
  }

  noteRepair(uid: string, resource: string, atMs: number): void {
    const memory = this.#of(uid);
    memory.repairedAtMs = { ...memory.repairedAtMs, [resource]: atMs };
  }

  noteTold(uid: string, what: string): void {
    const memory = this.#of(uid);
    memory.told = [...memory.told, what].slice(-MAX_TOLD);
  }

  noteStatusWrite(uid: string, atMs: number): void {
    this.#of(uid).lastStatusWriteMs = atMs;
  }

  #mark(memory: Mutable, epoch: number, times: Omit<MoveTimes, "epoch">): void {
    memory.move = { ...(memory.move?.epoch === epoch ? memory.move : {}), epoch, ...times };
  }

  #of(uid: string): Mutable {
    let memory = this.#groups.get(uid);
    if (memory === undefined) {
      memory = { ...NO_MEMORY };
      this.#groups.set(uid, memory);
    }
    return memory;
  }
}
