/**
 * Carries out what the in-sync machine decides for one disk: reads and compare-and-sets on the MirrorDisk; every outcome
 * comes back as an event. Decides nothing.
 */
import type { MirrorDisk } from "../../api/generated/types.ts";
import { agentFieldManager, MIRROR_DISK } from "../../api/kinds.ts";
import { isKubeError, type JsonPatchOperation, type KubeApi, keyText, type ObjectKey } from "../../kube/ports.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { SafetyRules } from "../../lib/safety-rules.ts";
import { mustBeAsked, stepInSync } from "./in-sync-machine.ts";
import {
  type InSyncEffect,
  type InSyncEvent,
  type InSyncState,
  initialInSync,
  type SetRecord,
} from "./in-sync-state.ts";
import type { CopyWatch } from "./ports.ts";

export interface InSyncModules {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly copies: CopyWatch;
  /** The answer to a write of ours, for the cache. */
  readonly absorb: (disk: MirrorDisk) => void;
  /** All of them, unless the simulator says otherwise. */
  readonly rules: SafetyRules;
  /** Whom the guard must ask as far as this disk goes; undefined: not known, so everybody. */
  readonly onMustBeAsked: (members: readonly string[] | undefined) => void;
}

export class InSyncDriver {
  readonly #disk: ObjectKey;
  readonly #modules: InSyncModules;
  readonly #events: InSyncEvent[] = [];
  #state: InSyncState;
  #isStepping = false;
  #wake: Timer | undefined;
  #unfollow: (() => void) | undefined;
  #told: readonly string[] | undefined;

  constructor(disk: ObjectKey, node: string, modules: InSyncModules) {
    this.#disk = disk;
    this.#modules = { ...modules, log: modules.log.child({ disk: keyText(disk) }) };
    this.#state = initialInSync(node, modules.rules);
  }

  /** The grant under which this node holds the disk, and whom its guard asks meanwhile. */
  follow(epoch: number | undefined, asked: readonly string[]): void {
    if (epoch !== this.#state.epoch) {
      this.#unfollow?.();
      this.#unfollow = undefined;
      this.#dispatch({ type: "primary", epoch });
      if (epoch !== undefined) this.#unfollow = this.#modules.copies.follow(this.#disk, this.#onCopies);
    }
    if (asked.join() !== this.#state.asked.join()) this.#dispatch({ type: "asked", members: asked });
  }

  see(disk: MirrorDisk | undefined): void {
    this.#dispatch({ type: "seen", record: recordOf(disk), isConsistent: false });
  }

  close(): void {
    this.#unfollow?.();
    this.#wake?.cancel();
  }

  readonly #onCopies = (members: readonly string[]): void => this.#dispatch({ type: "equal", members });

  /** Steps are taken one at a time, also when an effect answers at once. */
  #dispatch(event: InSyncEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next);
    } finally {
      this.#isStepping = false;
    }
  }

  #step(event: InSyncEvent): void {
    const { clock } = this.#modules;
    const nowMs = clock.monotonicMs();
    const { state, effects, wakeAtMs } = stepInSync(this.#state, event, nowMs);
    this.#state = state;
    this.#wake?.cancel();
    this.#wake =
      wakeAtMs === undefined
        ? undefined
        : clock.setTimer(Math.max(0, wakeAtMs - nowMs), () => this.#dispatch({ type: "tick" }));
    const asked = mustBeAsked(state);
    if (asked?.join() !== this.#told?.join()) {
      this.#told = asked;
      this.#modules.onMustBeAsked(asked);
    }
    for (const effect of effects) void (effect.type === "read" ? this.#read() : this.#write(effect));
  }

  async #read(): Promise<void> {
    const { epoch } = this.#state;
    try {
      const disk = await this.#modules.api.get<MirrorDisk>(MIRROR_DISK, this.#disk);
      this.#answer(epoch, { type: "seen", record: recordOf(disk), isConsistent: true });
    } catch (thrown) {
      this.#modules.log.warn("the disk cannot be read", { error: messageOf(thrown) });
      this.#answer(epoch, { type: "readFailed" });
    }
  }

  async #write(effect: Extract<InSyncEffect, { type: "write" }>): Promise<void> {
    const { api, log, absorb } = this.#modules;
    const { epoch, members } = effect;
    const fieldManager = agentFieldManager(this.#state.node);
    const patch = { type: "json", body: changeOf(effect, this.#state.rules), fieldManager } as const;
    try {
      const disk = await api.patch<MirrorDisk>(MIRROR_DISK, this.#disk, patch, { subresource: "status" });
      log.info("in-sync set stored", { epoch, members });
      absorb(disk);
      this.#answer(epoch, { type: "stored", record: recordOf(disk) });
    } catch (thrown) {
      const isRefused = isKubeError(thrown, "Invalid", "Conflict", "NotFound");
      log.warn("in-sync set not stored", { epoch, members, isRefused, error: messageOf(thrown) });
      this.#answer(epoch, { type: isRefused ? "refused" : "unknown" });
    }
  }

  /** What was asked under another grant says nothing about this one. */
  #answer(epoch: number | undefined, event: InSyncEvent): void {
    if (epoch === this.#state.epoch) this.#dispatch(event);
  }
}

/** The compare-and-set: on the set before it, and on this primary's own seal (A5). */
export function changeOf(effect: Extract<InSyncEffect, { type: "write" }>, rules: SafetyRules): JsonPatchOperation[] {
  const { epoch, onGeneration, members } = effect;
  const test = (path: string, value: number): JsonPatchOperation => ({ op: "test", path, value });
  return [
    ...(rules.sealsBeforeGrant ? [test("/status/primary/epoch", epoch)] : []),
    test("/status/inSync/generation", onGeneration),
    { op: "replace", path: "/status/inSync", value: { generation: onGeneration + 1, epoch, members } },
  ];
}

function recordOf(disk: MirrorDisk | undefined): SetRecord | undefined {
  const { inSync, primary } = disk?.status ?? {};
  return inSync === undefined ? undefined : { generation: inSync.generation, members: inSync.members, primary };
}
