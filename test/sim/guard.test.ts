import { expect, test } from "vitest";
import { seededRandom } from "../fakes/seeded-random.ts";
import { GuardedWorld } from "./guarded-world.ts";

const SEEDS = Number(process.env["GUARD_SEEDS"] ?? 10);
const START = Number(process.env["GUARD_START"] ?? 1);
const LIFE_MS = 60_000;

test.each([true, false])(
  "under random faults nothing serves while another member is active (watchdog: %s)",
  async (hasWatchdog) => {
    let served = 0;
    let revoked = 0;
    for (let seed = START; seed < START + SEEDS; seed++) {
      const world = new GuardedWorld(seededRandom(seed), hasWatchdog);
      await world.live(LIFE_MS);
      const replay = `GUARD_SEEDS=1 GUARD_START=${seed} vitest run test/sim/guard`;
      expect(world.violations, `seed ${seed}: ${replay}`).toEqual([]);
      served += world.counts.served;
      revoked += world.counts.revoked;
    }
    // The test bites only if the node did serve and did lose its right.
    expect(served).toBeGreaterThanOrEqual(SEEDS);
    expect(revoked).toBeGreaterThan(0);
  },
);
