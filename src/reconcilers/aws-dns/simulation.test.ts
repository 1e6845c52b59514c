/** A record under random moves, failing and slow calls, lost answers and strangers, by seed. */
import { afterEach, describe, expect, it } from "vitest";
import { ADDRESSES, makeAwsDnsWorld, RECORD, type AwsDnsWorld } from "../../../test/builders/aws-dns-world.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import type { CloudErrorCode } from "../../cloud/errors.ts";

const SEEDS = 16;
const ACTIONS = 40;
const STRANGERS = ["192.0.2.7", ADDRESSES.node1, ADDRESSES.node2];
const FAILURES: readonly CloudErrorCode[] = ["CallTimeout", "CallFailed", "Throttled", "EndpointUnreachable"];
const CALLS = ["ListResourceRecordSets", "ChangeResourceRecordSets", "GetHostedZone", "GetChange"];

type Node = keyof typeof ADDRESSES;

const opened: AwsDnsWorld[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ world }) => world.close()));
});

class Life {
  readonly #made: AwsDnsWorld;
  readonly #random: () => number;
  readonly wrongs: string[] = [];
  #epoch = 0;
  #holder: Node = "node1";
  /** Somebody took the record away, and it was not seen again since. */
  #isTakenAway = true;

  constructor(made: AwsDnsWorld, seed: number) {
    this.#made = made;
    const random = seededRandom(seed);
    this.#random = () => random.next();
    made.fake.onCall = (call) => this.#check(call);
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
    this.#made.fake.heal();
    this.#made.fake.latency = undefined;
    await this.#pass(120_000);
    return this.#holder;
  }

  async #act(): Promise<void> {
    const { fake, clock, tamper } = this.#made;
    const dice = this.#random();
    if (dice < 0.35) await this.#move();
    else if (dice < 0.65) {
      const code = this.#one(FAILURES);
      fake.fail(this.#one(CALLS), { code, after: this.#random() < 0.5 }, 1 + Math.floor(this.#random() * 4));
    } else if (dice < 0.75) fake.latency = { clock, ms: Math.floor(this.#random() * 6_000) };
    else if (dice < 0.85) fake.heal();
    else if (dice < 0.95) tamper([this.#one(STRANGERS)], 60);
    else {
      tamper(undefined);
      this.#isTakenAway = true;
    }
  }

  async #move(): Promise<void> {
    this.#holder = this.#random() < 0.5 ? "node1" : "node2";
    this.#epoch++;
    await this.#made.world.activate(this.#holder, this.#epoch);
  }

  /** A change that is sent must lead to whoever holds the group at that moment. */
  #check(call: string): void {
    const wanted = /^ChangeResourceRecordSets .*CREATE \S+ (\S+)/.exec(call)?.[1];
    if (wanted !== undefined && wanted !== ADDRESSES[this.#holder])
      this.wrongs.push(`${wanted} was written while ${this.#holder} held the group under epoch ${this.#epoch}`);
    if (call.startsWith("ChangeResourceRecordSets") && wanted === undefined && !call.includes("(dry)"))
      this.wrongs.push(`deleted: ${call}`);
  }

  async #pass(ms: number): Promise<void> {
    const STEP_MS = 100;
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await this.#made.clock.advance(STEP_MS);
      const isThere = this.#made.record() !== undefined;
      if (isThere) this.#isTakenAway = false;
      else if (!this.#isTakenAway) this.wrongs.push(`${RECORD} was absent under epoch ${this.#epoch}`);
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
    "is never absent, never leads to who does not hold the group, and is right in the end (seed %i)",
    async (seed) => {
      const made = await makeAwsDnsWorld();
      opened.push(made);
      const life = new Life(made, seed);
      await life.run();
      const holder = await life.settled();
      expect(life.wrongs).toEqual([]);
      expect(made.record()?.values).toEqual([ADDRESSES[holder]]);
      expect(await made.world.verdict("Ready")).toBe("True Active");
    },
  );
});
