/**
 * Seeded faults around a pointer on the fake EC2: a group that moves and stops all the time, slow, lost, failing and late
 * calls, strangers. What must hold is the test's business: it is told who holds the group at each moment.
 */
import type { CloudErrorCode } from "../../src/cloud/errors.ts";
import type { Random } from "../../src/lib/random.ts";
import type { FakeClock } from "../fakes/fake-clock.ts";
import type { FakeEc2 } from "../fakes/fake-ec2.ts";

const FAILURES: readonly CloudErrorCode[] = ["CallTimeout", "EndpointUnreachable", "Throttled", "CallFailed"];

export interface StormyWorld {
  readonly clock: FakeClock;
  readonly ec2: FakeEc2;
  grant(node: string, epoch: number): Promise<void>;
  report(node: string, epoch: number): Promise<void>;
  /** Nobody holds the group: stopped by a person, or on its way to another member. */
  revoke(epoch: number, isStopped: boolean): Promise<void>;
  /** A stranger changes the pointer. */
  stray(random: Random): void;
}

export class PointerStorm {
  readonly #world: StormyWorld;
  readonly #random: Random;
  /** Calls that may fail. */
  readonly #actions: readonly string[];
  holder: string | undefined;
  isStopped = false;
  epoch = 0;

  constructor(world: StormyWorld, random: Random, actions: readonly string[]) {
    this.#world = world;
    this.#random = random;
    this.#actions = actions;
    const trip = (): { thereMs: number; backMs: number } =>
      random.next() < 0.15 ? { thereMs: random.next() * 1_900, backMs: 10 } : { thereMs: 25, backMs: 25 };
    world.ec2.network = { clock: world.clock, trip };
  }

  async rage(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) await this.#disturb();
  }

  /** Calls are quick again, though those of the past may still land, and somebody holds the group for good. */
  async calm(): Promise<void> {
    const { clock, ec2 } = this.#world;
    ec2.network = { clock, trip: () => ({ thereMs: 25, backMs: 25 }) };
    await this.#move();
    await clock.advance(25_000);
  }

  async #move(): Promise<void> {
    this.epoch++;
    const node = pick(this.#random, ["node1", "node2"]);
    this.holder = node;
    this.isStopped = false;
    await this.#world.grant(node, this.epoch);
    await this.#world.clock.advance(this.#random.next() * 300);
    await this.#world.report(node, this.epoch);
  }

  async #disturb(): Promise<void> {
    const [world, random] = [this.#world, this.#random];
    const dice = random.next();
    if (dice < 0.3) await this.#move();
    else if (dice < 0.4) {
      this.holder = undefined;
      this.isStopped = random.next() < 0.5;
      await world.revoke(this.epoch, this.isStopped);
    } else if (dice < 0.7) {
      const outcome = { code: pick(random, FAILURES), after: random.next() < 0.5 };
      world.ec2.fail(pick(random, this.#actions), outcome, 1 + Math.floor(random.next() * 4));
    } else world.stray(random);
    await world.clock.advance(random.next() * 3_000);
  }
}

export function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[Math.floor(random.next() * from.length)];
  if (found === undefined) throw new RangeError("nothing to pick from");
  return found;
}
