/**
 * Reads what a plan needs: the object and its group from the caches, the cloud through the kind's shared knowledge. How
 * fresh an answer must be depends on the moment:
 *
 *   what a new grant needs is due   the last good answers will do: the first write must not wait for a read
 *   after a write                   an answer sent after it
 *   else                            an answer of this monitor interval
 *
 * Must never do: change anything, or take an old answer for proof that a write arrived.
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { notImplementedFields } from "../../api/implemented.ts";
import { parseDurationMs } from "../../lib/duration.ts";
import type { ObjectKey } from "../../kube/ports.ts";
import { activationOf } from "./activation.ts";
import type { Activation } from "./activation.ts";
import { claimOf, isStopped } from "./claims.ts";
import { CredentialSource } from "./credentials.ts";
import type { PointerDeps } from "./deps.ts";
import type { PointerKind, Wishes } from "./kind.ts";
import { countReading, noteStop } from "./memory.ts";
import { memberFacts } from "./members.ts";
import { isApplied, NOTHING_REMEMBERED } from "./seen.ts";
import type { Claim, Identity, Memory, PointerObject, PointerSeen, StatusOf } from "./seen.ts";

/** While everything is in order, facts other than the pointer are read every so many monitor intervals; permissions more rarely. */
const FACTS_INTERVALS = 5;
const PERMISSIONS_INTERVALS = 60;

export class Observer<Obj extends PointerObject, Facts, Write, Keys> {
  readonly #kind: PointerKind<Obj, Facts, Write, Keys>;
  readonly #deps: PointerDeps<Obj>;
  readonly #credentials: CredentialSource<Keys>;
  readonly #memories = new Map<string, Memory>();

  constructor(kind: PointerKind<Obj, Facts, Write, Keys>, deps: PointerDeps<Obj>) {
    this.#kind = kind;
    this.#deps = deps;
    this.#credentials = new CredentialSource(kind.keysOf, deps);
  }

  /** For a write: what is known of the identity will do. */
  identityOf(object: Obj): Promise<Identity<Keys>> {
    return this.#credentials.identityOf(object, true);
  }

  memoryOf(object: PointerObject): Memory {
    return this.#memories.get(object.metadata.uid ?? "") ?? NOTHING_REMEMBERED;
  }

  remember(object: PointerObject, memory: Memory): void {
    this.#memories.set(object.metadata.uid ?? "", memory);
  }

  /** By what the caches know just now; for what is about to be done to a stopped group's pointer. */
  isStillStopped(object: Obj): boolean {
    const { objects, groups } = this.#deps;
    return isStopped(claimOf(this.#kind.kind, object, objects.list(), groups.list(), this.memoryOf(object)));
  }

  async observe(key: ObjectKey): Promise<PointerSeen<Obj, Facts> | undefined> {
    const object = this.#deps.objects.get(key);
    if (object === undefined) {
      this.#forgetGone();
      return undefined;
    }
    const claim = this.#claimOf(object);
    const group = claim.type === "None" ? undefined : claim.group;
    const activation = claim.type === "Held" ? activationOf(claim.group, key.name) : ({ state: "Stopped" } as const);
    const base = {
      object,
      status: (object.status ?? {}) as StatusOf<Obj>,
      claim,
      activation: this.#noteDue(object, activation),
      isGroupStopped: isStopped(claim),
      isPaused: this.#isPaused(group),
      notImplemented: notImplementedFields(this.#kind.kind, object.spec),
      delayWarningPercent: this.#deps.settings.delayWarningPercent,
      members: group === undefined ? [] : memberFacts(group, this.#deps),
    };
    const seen = await this.#read(base);
    this.#count(seen);
    return { ...seen, memory: this.memoryOf(object) };
  }

  /** Starts from what is known when that shows something to write; else asks. */
  async #read(
    base: Omit<PointerSeen<Obj, Facts>, "credentials" | "facts" | "memory">,
  ): Promise<PointerSeen<Obj, Facts>> {
    const { object, members, activation } = base;
    const isHot = this.#isHot(base);
    const identity = await this.#credentials.identityOf(object, isHot);
    const memory = this.memoryOf(object);
    const grant = "grant" in activation ? activation.grant : undefined;
    const read = async (anyAge: boolean): Promise<PointerSeen<Obj, Facts>> => {
      const wishes = this.#wishes(object, memory, anyAge);
      const request = { object, members, identity, grant, wishes, withDryRuns: !anyAge };
      const facts = await this.#kind.read(request);
      return { ...base, facts, credentials: identity.ok ? { ok: true } : identity, memory };
    };
    if (!isHot || grant === undefined) return await read(false);
    const known = await read(true);
    return this.#kind.view(known, grant.node).state === "Wrong" ? known : await read(false);
  }

  #wishes(object: Obj, memory: Memory, anyAge: boolean): Wishes {
    const nowMs = this.#deps.clock.monotonicMs();
    const { monitor, timeouts } = object.spec;
    const intervalMs = parseDurationMs(monitor.interval) ?? 10_000;
    const timeoutMs = Math.min(parseDurationMs(monitor.timeout) ?? 5_000, parseDurationMs(timeouts.call) ?? 5_000);
    const isInOrder =
      object.status?.conditions?.some((condition) => condition.type === "PreflightOK" && condition.status === "True") ??
      false;
    // An answer that is a whole interval old is due, whatever the rounding of timers.
    const within = (ages: number): number => nowMs - intervalMs * ages + 1;
    const { lateVerifyAtMs = Number.POSITIVE_INFINITY } = memory;
    const lateMs = lateVerifyAtMs <= nowMs ? lateVerifyAtMs : Number.NEGATIVE_INFINITY;
    return {
      monitored: { timeoutMs, anyAge, sentSinceMs: Math.max(within(1), memory.freshSinceMs, lateMs) },
      facts: { timeoutMs, anyAge, sentSinceMs: within(isInOrder ? FACTS_INTERVALS : 1) },
      dryRuns: { timeoutMs, anyAge, sentSinceMs: within(isInOrder ? PERMISSIONS_INTERVALS : 1) },
    };
  }

  /** A grant is due and nothing was written for it yet. */
  #isHot(seen: Pick<PointerSeen<Obj, Facts>, "object" | "activation" | "status">): boolean {
    if (seen.activation.state !== "Due") return false;
    return !isApplied(seen) && this.memoryOf(seen.object).writes?.epoch !== seen.activation.grant.epoch;
  }

  #claimOf(object: Obj): Claim {
    const memory = this.memoryOf(object);
    const claim = claimOf(this.#kind.kind, object, this.#deps.objects.list(), this.#deps.groups.list(), memory);
    if (this.#kind.whenStopped !== undefined) {
      const nowMs = this.#deps.clock.monotonicMs();
      this.remember(object, noteStop(memory, claim, isStopped(claim), nowMs));
    }
    return claim;
  }

  /** Remembers since when a grant is due. What was applied under the grant stays due while a dependency is restarted. */
  #noteDue(object: Obj, activation: Activation): Activation {
    if (activation.state !== "Due" && activation.state !== "Waiting") return activation;
    const { grant } = activation;
    const wasApplied = isApplied({ activation, status: (object.status ?? {}) as StatusOf<Obj> });
    if (activation.state === "Waiting" && !wasApplied) return activation;
    const memory = this.memoryOf(object);
    if (memory.due?.epoch !== grant.epoch) {
      const sinceMs = this.#deps.clock.monotonicMs();
      this.remember(object, {
        ...memory,
        due: { epoch: grant.epoch, sinceMs },
        ...(wasApplied ? {} : { freshSinceMs: sinceMs }),
      });
    }
    return { state: "Due", grant };
  }

  /** Counts each reading of the pointer once. */
  #count(seen: PointerSeen<Obj, Facts>): void {
    if (seen.activation.state !== "Due") return;
    const view = this.#kind.view(seen, seen.activation.grant.node);
    const counted = countReading(seen, this.memoryOf(seen.object), view, this.#deps.clock.monotonicMs());
    if (counted === undefined) return;
    this.#deps.metrics.count("understudy_monitor_total", { kind: this.#kind.kind, result: counted.result });
    this.remember(seen.object, counted.memory);
  }

  #isPaused(group: FailoverGroup | undefined): boolean {
    if (this.#deps.settings.isRecoveryPaused || group?.spec.failover.mode === "Paused") return true;
    const until = group?.status?.pausedUntil;
    return until !== undefined && Date.parse(until) > this.#deps.clock.wallMs();
  }

  #forgetGone(): void {
    const present = new Set(this.#deps.objects.list().map((object) => object.metadata.uid));
    for (const uid of this.#memories.keys()) if (!present.has(uid)) this.#memories.delete(uid);
  }
}
