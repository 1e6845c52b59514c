/** Carries faults out on a world. Whatever begins also ends: after its time, or when the world is healed. */
import type { Random } from "../../../src/lib/random.ts";
import type { SimController } from "../controller.ts";
import { GOOD } from "../network/network.ts";
import { API, Network } from "../network/network.ts";
import { TARGETS_SITE } from "../host/targets.ts";
import { pick } from "../seeds.ts";
import type { SimVm } from "../vm.ts";
import type { World } from "../world.ts";
import { freezeAroundPet, pauseMachine } from "./vm-faults.ts";
import { type Fault, type FaultKind, type Target, type Trigger, type Undo, wordsOf } from "./fault.ts";

export class Nemesis {
  readonly #world: World;
  readonly #random: Random;
  readonly #undos = new Set<Undo>();
  readonly #waiting: { readonly trigger: Trigger; readonly fault: Fault }[] = [];
  #isOver = false;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
    world.checkers.onEvent = (trigger) => this.#triggered(trigger);
  }

  schedule(faults: readonly Fault[]): void {
    const { scheduler } = this.#world;
    for (const fault of faults)
      scheduler.after(fault.atMs, () => {
        const { on } = fault;
        if (on === undefined) this.#begin(fault);
        else this.#waiting.push({ trigger: on, fault });
      });
  }

  /** Ends everything that is under way; nothing begins any more. */
  heal(): void {
    this.#isOver = true;
    this.#waiting.length = 0;
    for (const undo of this.#undos) undo();
    this.#undos.clear();
  }

  #triggered(trigger: Trigger): void {
    for (const waiting of this.#waiting.filter((found) => found.trigger === trigger)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#world.scheduler.after(waiting.fault.afterMs ?? 0, () => this.#begin(waiting.fault));
    }
  }

  #begin(fault: Fault): void {
    if (this.#isOver) return;
    const { trace, scheduler } = this.#world;
    const begun = this.#apply(fault.what);
    trace.note("nemesis", `--- ${wordsOf(fault)}${begun === undefined ? "" : ` on ${begun.on}`}`);
    if (begun?.undo === undefined) return;
    const { undo } = begun;
    const once = (): void => {
      if (this.#undos.delete(once)) undo();
    };
    const { what } = fault;
    if (fault.isLasting === true) return;
    this.#undos.add(once);
    if ("forMs" in what)
      scheduler.after(what.forMs, () => {
        if (this.#undos.has(once)) trace.note("nemesis", `--- ${what.kind} on ${begun.on} ends`);
        once();
      });
  }

  // ---- who

  #vm(target: Target): SimVm {
    const { vms, groups } = this.#world;
    const group = pick(this.#random, groups);
    const holder = this.#world.group(group.name).status?.active?.node;
    const active = vms.find((vm) => vm.node === holder);
    const others = vms.filter((vm) => vm !== active);
    switch (target) {
      case "active":
        return active ?? pick(this.#random, vms);
      case "standby":
        return pick(this.#random, others);
      case "any":
        return pick(this.#random, vms);
      case "first":
        return vms[0] ?? pick(this.#random, vms);
      case "second":
        return vms[1] ?? pick(this.#random, vms);
    }
  }

  #leader(): SimController {
    const { controllers } = this.#world;
    return controllers.find((controller) => controller.isLeader) ?? pick(this.#random, controllers);
  }

  #siteOf(target: Target | "leader"): string {
    return target === "leader" ? this.#leader().name : this.#vm(target).node;
  }

  // ---- what

  #apply(what: FaultKind): { readonly on: string; readonly undo?: Undo } | undefined {
    const world = this.#world;
    switch (what.kind) {
      case "cut-api": {
        const vm = this.#vm(what.target);
        return { on: vm.node, undo: this.#cut(vm.node, [API], what.way) };
      }
      case "cut-peers": {
        const vm = this.#vm(what.target);
        return { on: vm.node, undo: this.#cut(vm.node, this.#peersOf(vm), what.way) };
      }
      case "cut-targets": {
        const { node } = this.#vm(what.target);
        return { on: node, undo: this.#cut(node, [TARGETS_SITE], "out") };
      }
      case "isolate": {
        const vm = this.#vm(what.target);
        return { on: vm.node, undo: this.#cut(vm.node, [API, ...this.#peersOf(vm)], "both") };
      }
      case "crash": {
        const vm = this.#vm(what.target);
        vm.isStoppedByCloud = what.downMs === Number.POSITIVE_INFINITY;
        vm.crash("power", what.downMs);
        return { on: vm.node };
      }
      case "kill-guard":
      case "kill-worker":
      case "stop-guard":
        return this.#endAgent(what.kind, this.#vm(what.target));
      case "pause-guard":
      case "pause-worker":
        return this.#pause(what.kind, this.#vm(what.target));
      case "freeze-vm": {
        const { machine, node } = this.#vm(what.target);
        const { boot } = machine;
        machine.freeze({ stopsMonotonic: what.stopsMonotonic });
        return { on: node, undo: () => (machine.boot === boot ? machine.thaw() : undefined) };
      }
      case "pause-machine":
        return pauseMachine(this.#vm(what.target), what.stopsMonotonic);
      case "stall-guard": {
        const vm = this.#vm(what.target);
        const { after, forMs: durationMs, isMachineWide } = what;
        vm.guardProcess?.stallNext({ after, durationMs, isMachineWide });
        return { on: vm.node };
      }
      case "freeze-around-pet":
        return freezeAroundPet(this.#vm(what.target), what.share);
      case "kill-leader":
      case "stop-leader":
      case "pause-leader":
      case "cut-leader":
        return this.#leaderFault(what);
      case "api-outage":
        world.api.condition = what.hangs ? "hangs" : "refuses";
        world.api.breakWatches();
        return { on: API, undo: () => (world.api.condition = "up") };
      case "api-flaky":
        world.api.refusalChance = what.refusals;
        world.api.staleChance = what.stale;
        return { on: API, undo: () => (world.api.staleChance = world.api.refusalChance = 0) };
      case "drop-watches":
        world.api.breakWatches();
        return { on: API };
      case "bad-client": {
        const site = this.#siteOf(what.target);
        const quality = world.network.qualityOf(site);
        const { loss: lossChance, late: lateChance, lateMs, leastLateMs = 0, delayMs = GOOD.delayMs } = what;
        Object.assign(quality, { lossChance, lateChance, lateMs, leastLateMs, delayMs });
        return { on: site, undo: () => Object.assign(quality, GOOD) };
      }
      case "bad-peers": {
        const { loss: lossChance, late: lateChance, lateMs, repeat: repeatChance, delayMs = GOOD.delayMs } = what;
        Object.assign(world.network.peers, { lossChance, lateChance, lateMs, repeatChance, delayMs });
        return { on: "peers", undo: () => Object.assign(world.network.peers, GOOD) };
      }
      case "bad-cloud":
        return this.#badCloud(what);
      case "hold-watches": {
        const { target } = what;
        const leader = this.#leader();
        const followers = world.controllers.filter((controller) => controller !== leader).map(({ name }) => name);
        const sites = target === "followers" ? followers : [this.#vm(target).node];
        for (const site of sites) world.network.cut(API, Network.watchesOf(site));
        return {
          on: sites.join(", "),
          undo: () => sites.forEach((site) => world.network.heal(API, Network.watchesOf(site))),
        };
      }
      case "no-leases": {
        const site = this.#siteOf(what.target);
        world.network.leaseless.add(site);
        return { on: site, undo: () => world.network.leaseless.delete(site) };
      }
      case "late-disk-writes": {
        const { node } = this.#vm(what.target);
        const { leastLateMs, lateMs } = what;
        world.network.diskDetours.set(node, { leastLateMs, lateMs });
        return { on: node, undo: () => world.network.diskDetours.delete(node) };
      }
      case "cut-members": {
        const undos = world.vms.map((vm) => this.#cut(vm.node, [API], "both"));
        return { on: "all", undo: () => undos.forEach((undo) => undo()) };
      }
      default:
        return this.#change(what);
    }
  }

  /** What people and machines do that is no fault in itself. */
  #change(
    what: Extract<
      FaultKind,
      {
        kind:
          | "move"
          | "set-members"
          | "force-promote"
          | "drop-member"
          | "change-timings"
          | "step-wall"
          | "slow-host"
          | "slow-stop"
          | "stuck-app";
      }
    >,
  ): { readonly on: string; readonly undo?: Undo } | undefined {
    const world = this.#world;
    switch (what.kind) {
      case "move": {
        const group = pick(this.#random, world.groups);
        const vm = this.#vm("standby");
        world.annotate(group.name, "move-to", vm.node);
        return { on: `${group.name} to ${vm.node}` };
      }
      case "set-members": {
        const [group] = world.groups;
        if (group === undefined) return undefined;
        const [active, ...others] = this.#orderOf(group.name);
        const nodes = what.members.flatMap((name) => (name === "active" ? (active ?? []) : others));
        world.setMembers(group.name, nodes);
        return { on: nodes.join(", ") };
      }
      case "force-promote": {
        const [group] = world.groups;
        const vm = this.#vm(what.target);
        if (group === undefined) return undefined;
        world.annotate(group.name, "force-promote", `${vm.node}@${world.group(group.name).status?.epoch ?? 0}`);
        return { on: vm.node };
      }
      case "drop-member":
        return this.#dropMember(this.#vm(what.target));
      case "change-timings":
        this.#changeTimings(what.durationMs);
        return { on: "all" };
      case "step-wall": {
        const machine = what.target === "leader" ? this.#leader().machine : this.#vm(what.target).machine;
        machine.stepWall(what.byMs);
        return { on: machine.name };
      }
      case "slow-host": {
        const { kernel, node } = this.#vm(what.target);
        kernel.slowness = what.factor;
        return { on: node, undo: () => (kernel.slowness = 1) };
      }
      case "slow-stop": {
        const { app, node } = this.#vm(what.target);
        const { stopMs } = app;
        app.stopMs = what.stopMs;
        return { on: node, undo: () => (app.stopMs = stopMs) };
      }
      case "stuck-app": {
        const vm = this.#vm(what.target);
        const { kernel, app, node } = vm;
        app.sticks = true;
        for (const found of kernel.processes.values()) if (found.isDaemon) found.isStuck = true;
        return {
          on: node,
          undo: () => {
            app.sticks = false;
            vm.lastStuckMs = world.scheduler.nowMs;
            for (const found of kernel.processes.values()) found.isStuck = false;
          },
        };
      }
    }
  }

  /** The holder first, then the others. */
  #orderOf(group: string): string[] {
    const holder = this.#world.group(group).status?.active?.node;
    const nodes = this.#world.vms.map((vm) => vm.node);
    return [...nodes.filter((node) => node === holder), ...nodes.filter((node) => node !== holder)];
  }

  #peersOf(vm: SimVm): string[] {
    return this.#world.vms.filter((other) => other !== vm).map((other) => other.node);
  }

  #cut(site: string, others: readonly string[], way: "both" | "out" | "in"): Undo {
    const { network } = this.#world;
    const pairs = others.flatMap((other): [string, string][] => [
      ...(way === "in" ? [] : [[site, other] as [string, string]]),
      ...(way === "out" ? [] : [[other, site] as [string, string]]),
    ]);
    for (const [from, to] of pairs) network.cut(from, to);
    return () => {
      for (const [from, to] of pairs) network.heal(from, to);
    };
  }

  #endAgent(kind: "kill-guard" | "kill-worker" | "stop-guard", vm: SimVm): { readonly on: string } {
    if (kind === "kill-guard") vm.killGuard("nemesis");
    else if (kind === "kill-worker") vm.killWorker("nemesis");
    else vm.stopGuard();
    return { on: vm.node };
  }

  #pause(kind: "pause-guard" | "pause-worker", vm: SimVm): { readonly on: string; readonly undo?: Undo } {
    const process = kind === "pause-guard" ? vm.guardProcess : vm.workerProcess;
    if (process === undefined) return { on: vm.node };
    process.wakeOrder = pick(this.#random, ["timers-first", "as-arrived", "timers-last"] as const);
    process.pause();
    return { on: process.name, undo: () => process.resume() };
  }

  #leaderFault(what: Extract<FaultKind, { kind: "kill-leader" | "stop-leader" | "pause-leader" | "cut-leader" }>): {
    readonly on: string;
    readonly undo?: Undo;
  } {
    const leader = this.#leader();
    const { process } = leader;
    switch (what.kind) {
      case "kill-leader":
        leader.kill("nemesis");
        return { on: leader.name };
      case "stop-leader":
        leader.stop();
        return { on: leader.name };
      case "pause-leader":
        if (process === undefined) return { on: leader.name };
        process.wakeOrder = pick(this.#random, ["timers-first", "as-arrived", "timers-last"] as const);
        process.pause();
        return { on: process.name, undo: () => process.resume() };
      case "cut-leader":
        return { on: leader.name, undo: this.#cut(leader.name, [API], what.way) };
    }
  }

  #badCloud(what: Extract<FaultKind, { kind: "bad-cloud" }>): { readonly on: string; readonly undo: Undo } {
    const { cloud, network, controllers } = this.#world;
    const qualities = controllers.map((controller) => network.qualityOf(`${controller.name}>cloud`));
    for (const quality of qualities)
      Object.assign(quality, { lossChance: what.loss, lateChance: what.late, lateMs: 3_000 });
    cloud.throttleChance = what.throttle;
    cloud.staleChance = what.stale;
    return {
      on: "cloud",
      undo: () => {
        for (const quality of qualities) Object.assign(quality, GOOD);
        cloud.throttleChance = 0;
        cloud.staleChance = 0;
      },
    };
  }

  #dropMember(vm: SimVm): { readonly on: string; readonly undo?: Undo } {
    const world = this.#world;
    const group = pick(this.#random, world.groups);
    const before = world.group(group.name).spec.members.map((member) => member.node);
    const left = before.filter((node) => node !== vm.node);
    if (left.length === 0 || left.length === before.length) return { on: "nobody" };
    world.setMembers(group.name, left);
    return { on: `${vm.node} of ${group.name}`, undo: () => world.setMembers(group.name, before) };
  }

  #changeTimings(durationMs: number): void {
    for (const vm of this.#world.vms) vm.settings = { "session-duration": `${durationMs}ms` };
  }
}
