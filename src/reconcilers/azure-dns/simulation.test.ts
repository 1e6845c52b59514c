/** A record under random moves, failing and slow calls, lost answers and strangers, by seed. */
import { afterEach, describe, expect, it } from "vitest";
import { ADDRESSES, AzureDnsWorld } from "../../../test/builders/azure-dns-world.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import type { CloudErrorCode } from "../../cloud/errors.ts";

const SEEDS = 12;
const ACTIONS = 40;
const STRANGERS = ["192.0.2.7", ADDRESSES.node1, ADDRESSES.node2];
const FAILURES: readonly CloudErrorCode[] = ["CallTimeout", "CallFailed", "Throttled", "EndpointUnreachable"];
const CALLS = ["RecordSets.Get", "RecordSets.CreateOrUpdate", "Permissions.List", "*"];
const USUAL_MS = 10;

type Node = keyof typeof ADDRESSES;

const opened: AzureDnsWorld[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((world) => world.close()));
});

class Life {
  readonly wrongs: string[] = [];
  readonly #world: AzureDnsWorld;
  readonly #random: () => number;
  #epoch = 0;
  #holder: Node = "node1";
  /** Nobody has written it yet, or somebody took it away, and it was not seen since. */
  #mayBeAbsent = true;

  constructor(world: AzureDnsWorld, seed: number) {
    this.#world = world;
    const random = seededRandom(seed);
    this.#random = () => random.next();
    world.dns.onPut = ([address]) => {
      if (address !== ADDRESSES[this.#holder])
        this.wrongs.push(`${address ?? "nothing"} was sent while ${this.#holder} held the group, epoch ${this.#epoch}`);
    };
  }

  async run(): Promise<void> {
    await this.#move();
    for (let action = 0; action < ACTIONS; action++) {
      await this.#act();
      await this.#pass(Math.floor(this.#random() * 8_000));
    }
  }

  /** Whoever holds the group, once everything works again. */
  async settled(): Promise<Node> {
    this.#heal();
    await this.#pass(120_000);
    return this.#holder;
  }

  async #act(): Promise<void> {
    const { dns } = this.#world;
    const dice = this.#random();
    if (dice < 0.35) await this.#move();
    else if (dice < 0.55) dns.failures.set(this.#one(CALLS), this.#one(FAILURES));
    else if (dice < 0.65) dns.lostReplies = 1 + Math.floor(this.#random() * 3);
    else if (dice < 0.75) dns.callMs = Math.floor(this.#random() * 12_000);
    else if (dice < 0.85) this.#heal();
    else if (dice < 0.95) this.#world.change(() => ({ addresses: [this.#one(STRANGERS)], ttlSeconds: 60 }));
    else {
      this.#world.change(() => undefined);
      this.#mayBeAbsent = true;
    }
  }

  #heal(): void {
    const { dns } = this.#world;
    dns.failures.clear();
    dns.callMs = USUAL_MS;
    dns.lostReplies = 0;
  }

  async #move(): Promise<void> {
    this.#holder = this.#random() < 0.5 ? "node1" : "node2";
    this.#epoch++;
    await this.#world.activate(this.#holder, this.#epoch);
  }

  async #pass(ms: number): Promise<void> {
    const STEP_MS = 100;
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await this.#world.clock.advance(STEP_MS);
      const isThere = this.#world.record() !== undefined;
      if (isThere) this.#mayBeAbsent = false;
      else if (!this.#mayBeAbsent) this.wrongs.push(`the record was absent under epoch ${this.#epoch}`);
    }
  }

  #one<T>(all: readonly T[]): T {
    const found = all[Math.floor(this.#random() * all.length)];
    if (found === undefined) throw new Error("nothing to choose from");
    return found;
  }
}

describe("a record whatever happens", () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed + 1))(
    "is never absent, is never sent for who does not hold the group, and is right in the end (seed %i)",
    async (seed) => {
      const world = await AzureDnsWorld.create();
      opened.push(world);
      const life = new Life(world, seed);
      await life.run();
      const holder = await life.settled();
      expect(life.wrongs).toEqual([]);
      expect(world.record()?.addresses).toEqual([ADDRESSES[holder]]);
      expect(await world.verdict("Ready")).toBe("True Active");
      expect(world.dns.calls.get("RecordSets.Delete")).toBeUndefined();
    },
  );
});
