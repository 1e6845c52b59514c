/** A world in order, for scenarios that say step by step what goes wrong. */
import { expect } from "vitest";
import type { Fault, FaultKind } from "./nemesis/fault.ts";
import { Nemesis } from "./nemesis/apply.ts";
import type { SimVm } from "./vm.ts";
import { type GroupFacts, PLAIN, World, type WorldOptions } from "./world.ts";

export class Stage {
  readonly world: World;
  readonly #nemesis: Nemesis;

  private constructor(world: World) {
    this.world = world;
    this.#nemesis = new Nemesis(world, world.seeds.stream("nemesis"));
  }

  /** Every group is Ready, and everybody has met everybody. */
  static async open(options: Partial<WorldOptions> = {}): Promise<Stage> {
    const stage = new Stage(new World({ ...PLAIN, ...options }));
    stage.world.start();
    expect(await stage.world.until(() => stage.world.checkers.troubles().length === 0, 20_000)).toBe(true);
    await stage.run(4_000);
    return stage;
  }

  get group(): GroupFacts {
    const [group] = this.world.groups;
    if (group === undefined) throw new Error("a world has a group");
    return group;
  }

  /** The member that the first group is granted to. */
  get active(): SimVm {
    return this.world.vm(this.world.group(this.group.name).status?.active?.node ?? "");
  }

  get standby(): SimVm {
    const found = this.world.vms.find((vm) => vm !== this.active);
    if (found === undefined) throw new Error("a world has a standby");
    return found;
  }

  get epoch(): number {
    return this.world.group(this.group.name).status?.active?.epoch ?? 0;
  }

  get isServed(): boolean {
    return this.world.checkers.outages().length === 0;
  }

  begin(what: FaultKind): void {
    const fault: Fault = { atMs: 0, what };
    this.#nemesis.schedule([fault]);
  }

  /** Time passes; nothing may be violated meanwhile. */
  async run(forMs: number): Promise<void> {
    await this.world.run(forMs);
    this.expectSound();
  }

  /** How long it took until `holds`, milliseconds. */
  async until(holds: () => boolean, limitMs: number): Promise<number> {
    const began = this.world.scheduler.nowMs;
    expect(await this.world.until(holds, limitMs, 5), this.world.checkers.troubles().join("; ")).toBe(true);
    this.expectSound();
    return this.world.scheduler.nowMs - began;
  }

  expectSound(): void {
    expect(this.world.checkers.violations).toEqual([]);
  }
}
