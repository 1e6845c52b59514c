/**
 * The replication engine of a simulated primary, as far as its bookkeeping sees it: a copy is equal while its machine can
 * be talked to both ways, lost after a silence, and equal again some time after its return. No data moves.
 */
import type { ObjectKey } from "../../../src/kube/ports.ts";
import type { Timer } from "../../../src/lib/clock.ts";
import type { Random } from "../../../src/lib/random.ts";
import type { CopyWatch } from "../../../src/nodeagent/mirror/ports.ts";
import type { SimProcess } from "../engine/process.ts";
import { between } from "../seeds.ts";

export interface DiskWorld {
  /** Members of the disk's group now. */
  membersOf(disk: ObjectKey): readonly string[];
  /** The set on record now: what a new primary's own copy says. */
  inSync(disk: ObjectKey): readonly string[];
  /** Both machines run and reach each other in both directions. */
  isConnected(one: string, other: string): boolean;
}

interface Copy {
  readonly node: string;
  isEqual: boolean;
  /** Own clock: connected, or not, since. */
  sinceMs: number;
  isConnected: boolean;
  rebuildMs: number;
}

const LOOK_MS = 50;
/** Silence after which a copy is lost: the shortest that a user may set, milliseconds. */
const PEER_TIMEOUT_MS = 500;

export class SimCopies implements CopyWatch {
  readonly #node: string;
  readonly #world: DiskWorld;
  readonly #process: SimProcess;
  readonly #random: Random;

  constructor(node: string, modules: { world: DiskWorld; process: SimProcess; random: Random }) {
    this.#node = node;
    this.#world = modules.world;
    this.#process = modules.process;
    this.#random = modules.random;
  }

  follow(disk: ObjectKey, onCopies: (members: readonly string[]) => void): () => void {
    const process = this.#process;
    const copies = new Map<string, Copy>();
    const inSync = this.#world.inSync(disk);
    let timer: Timer | undefined;
    let told: string | undefined;
    const look = (): void => {
      const members = this.#world.membersOf(disk).filter((node) => node !== this.#node);
      for (const node of copies.keys()) if (!members.includes(node)) copies.delete(node);
      for (const node of members) {
        const copy = copies.get(node) ?? this.#newCopy(node, inSync.includes(node));
        copies.set(node, copy);
        this.#lookAt(copy);
      }
      const equal = [...copies.values()].filter(({ isEqual }) => isEqual).map(({ node }) => node);
      if (told !== equal.join()) onCopies(equal);
      told = equal.join();
      timer = process.setTimer(LOOK_MS, look);
    };
    timer = process.setTimer(1, look);
    return () => timer?.cancel();
  }

  #newCopy(node: string, isEqual: boolean): Copy {
    return {
      node,
      isEqual,
      sinceMs: this.#process.monotonicMs(),
      isConnected: isEqual,
      rebuildMs: between(this.#random, 100, 800),
    };
  }

  #lookAt(copy: Copy): void {
    const nowMs = this.#process.monotonicMs();
    const isConnected = this.#world.isConnected(this.#node, copy.node);
    if (isConnected !== copy.isConnected) Object.assign(copy, { isConnected, sinceMs: nowMs });
    const heldMs = nowMs - copy.sinceMs;
    if (copy.isEqual) copy.isEqual = isConnected || heldMs < PEER_TIMEOUT_MS;
    else copy.isEqual = isConnected && heldMs >= copy.rebuildMs;
  }
}
