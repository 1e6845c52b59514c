/**
 * Random faults by seed where nothing but proof stops a frozen member: there is no watchdog, and what it served stays up.
 * Whatever happens, never two serve at once; nobody is stopped who works, nor the last one who does, nor more than the
 * limit allows; and when the faults end the group becomes Ready. Replay: `SEEDS=<seed> vitest run <this file>`.
 */
import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, TIMINGS } from "../../../test/builders/controller-world.ts";
import { seededRandom } from "../../../test/fakes/seeded-random.ts";
import { silenceMs } from "../../api/timings.ts";
import type { Random } from "../../lib/random.ts";

const NODES = ["node1", "node2", "node3"] as const;
const SEEDS = (process.env["SEEDS"] ?? "1,2,3,4,5,6").split(",").map(Number);
const EVENTS = 30;
const LIMIT = { maxPerPeriod: 2, periodMs: 12_000 };
const SPEC = {
  fencing: { policy: "Required", awsStopInstance: {}, afterwards: "Start" },
  failover: { startWait: "1s" },
};

/** What an observer outside knows about each member. */
class Ward {
  readonly world: ControllerWorld;
  readonly violations: string[] = [];
  /** Members that reach nobody, whatever else happens to them. */
  readonly cut = new Set<string>();
  /** Since when each member neither worked nor was able to say so; absent: it works. */
  readonly #outSinceMs = new Map<string, number>();
  readonly #backAtMs = new Map<string, number>();
  readonly #shots = new Map<string, number>();

  constructor(world: ControllerWorld) {
    this.world = world;
    // Also a shot that the cloud carries out late, when the member has long been back.
    world.machines.onPower = (id, isOn) => (isOn ? this.back(id.replace("i-", "")) : this.out(id.replace("i-", "")));
    world.machines.onShot = (id) => this.#judge(id.replace("i-", ""));
  }

  out(node: string): void {
    if (!this.#outSinceMs.has(node)) this.#outSinceMs.set(node, this.world.clock.monotonicMs());
  }

  back(node: string): void {
    if (this.cut.has(node)) return;
    if (this.#outSinceMs.delete(node)) this.#backAtMs.set(node, this.world.clock.monotonicMs());
  }

  #judge(node: string): void {
    const nowMs = this.world.clock.monotonicMs();
    const outMs = nowMs - (this.#outSinceMs.get(node) ?? nowMs);
    const backMs = nowMs - (this.#backAtMs.get(node) ?? Number.NEGATIVE_INFINITY);
    // What was decided just before it came back may still be on its way.
    if (outMs < silenceMs(TIMINGS) - 2 * TIMINGS.renewIntervalMs && backMs > 1_000)
      this.violations.push(`${node} was stopped at ${nowMs} although it works`);
    const lasting = NODES.filter((other) => other !== node && nowMs - (this.#outSinceMs.get(other) ?? nowMs) < 3_000);
    if (lasting.length === 0) this.violations.push(`${node} was stopped at ${nowMs} although nobody else works`);
    const session = this.world.agent(node).session;
    if (!this.#shots.has(session)) this.#shots.set(session, nowMs);
    const recent = [...this.#shots.values()].filter((atMs) => atMs > nowMs - LIMIT.periodMs);
    if (recent.length > LIMIT.maxPerPeriod) this.violations.push(`more machines than allowed were stopped by ${nowMs}`);
  }
}

function pick<T>(random: Random, list: readonly T[]): T {
  const found = list[Math.floor(random.next() * list.length)];
  if (found === undefined) throw new Error("an empty list");
  return found;
}

type Disturbance = (ward: Ward, random: Random) => Promise<void> | void;

const DISTURBANCES: readonly Disturbance[] = [
  (ward, random) => lose(ward, pick(random, NODES), "freeze"),
  (ward, random) => lose(ward, pick(random, NODES), "freeze"),
  (ward, random) => lose(ward, pick(random, NODES), "crash"),
  async (ward, random) => await reboot(ward, pick(random, NODES)),
  async (ward, random) => await reboot(ward, pick(random, NODES)),
  (ward, random) => {
    const node = pick(random, NODES);
    if (ward.cut.has(node)) return;
    ward.cut.add(node);
    ward.out(node);
    const rule = { match: { userAgent: `agent-${node}` }, action: { kind: "cut" } } as const;
    const id = ward.world.kube.faults.add(rule);
    ward.world.clock.setTimer(random.next() * 6_000, () => {
      ward.world.kube.faults.remove(id);
      ward.cut.delete(node);
      void reboot(ward, node);
    });
  },
  ({ world }, random) => cloud(world, "powerOff", { error: "EndpointUnreachable" }, random),
  ({ world }, random) => cloud(world, "powerOff", { error: "NotAuthorized" }, random),
  ({ world }, random) => cloud(world, "powerOff", { loseReplyAfterMs: random.next() * 4_000 }, random),
  ({ world }, random) => cloud(world, "state", { stale: "off" }, random),
  ({ world }, random) => cloud(world, "state", { error: "CallTimeout" }, random),
  ({ world }, random) => void (world.machines.stopMs = random.next() * 5_000),
  ({ world }) => world.replaceController(),
  ({ world }, random) => {
    const match = { userAgent: "controller-" } as const;
    const id = world.kube.faults.add({ match, action: { kind: "lose-reply" }, probability: 0.3 });
    world.clock.setTimer(random.next() * 3_000, () => void world.kube.faults.remove(id));
  },
  ({ world }, random) => {
    const id = world.kube.faults.add({ action: { kind: "refuse", status: 503 } });
    world.clock.setTimer(random.next() * 4_000, () => void world.kube.faults.remove(id));
  },
  async ({ world }, random) => await world.annotate("move-to", pick(random, NODES)).catch(() => undefined),
];

function lose(ward: Ward, node: string, how: "freeze" | "crash"): void {
  ward.out(node);
  ward.world.agent(node)[how]();
}

/** Somebody presses the button: whatever ran there is gone, and a new life begins. */
async function reboot(ward: Ward, node: string): Promise<void> {
  ward.world.machines.force(`i-${node}`, "running");
  await ward.world.agent(node).start();
  ward.back(node);
}

function cloud(
  world: ControllerWorld,
  call: Parameters<ControllerWorld["machines"]["fail"]>[0],
  fault: Parameters<ControllerWorld["machines"]["fail"]>[1],
  random: Random,
): void {
  const end = world.machines.fail(call, fault);
  world.clock.setTimer(random.next() * 8_000, end);
}

describe.each(SEEDS)("seed %i", (seed) => {
  it("proves before it grants, stops nobody who works, and heals", { timeout: 60_000 }, async () => {
    const random = seededRandom(seed);
    const world = await ControllerWorld.create(NODES, SPEC, LIMIT);
    const ward = new Ward(world);
    await world.advance(1_500, 20);
    for (let event = 0; event < EVENTS; event++) {
      await pick(random, DISTURBANCES)(ward, random);
      await world.advance(Math.round(random.next() * 4_000), 20);
      expect(world.mostServing, `event ${event}`).toBeLessThanOrEqual(1);
      expect(ward.violations, `event ${event}`).toEqual([]);
    }
    await world.advance(10_000, 50);
    for (const node of NODES) await reboot(ward, node);
    world.replaceController();
    await world.until((group) => condition(group, "Ready")?.status === "True", 60_000);
    expect(world.mostServing).toBe(1);
    expect(ward.violations).toEqual([]);
  });
});
