/**
 * A host, a guard and an API server for one group machine, all in memory: effects are taken from a list and carried out one
 * by one, so that a test can stop after any of them. What is on the host and on the server survives a restart of the machine.
 */
import type { FailoverGroup } from "../../src/api/generated/types.ts";
import type { DenyReason } from "../../src/nodeagent/guard-protocol.ts";
import { step } from "../../src/nodeagent/worker/group-machine.ts";
import {
  type GroupEffect,
  type GroupEvent,
  type GroupState,
  initialGroupState,
  type StepOutcome,
} from "../../src/nodeagent/worker/group-state.ts";
import { planParts, type ResourceObjects } from "../../src/nodeagent/worker/part-plan.ts";
import { grantTo, type GroupOptions, SESSION, workerGroup, workerObjects } from "./worker-group.ts";

const OK: StepOutcome = { ok: true };

export class MachineHost {
  readonly node = "node1";
  group: FailoverGroup;
  /** What the group's resources refer to, as the watches know it. */
  objects: ResourceObjects = workerObjects;
  state: GroupState;
  nowMs = 1_000;
  wakeAtMs: number | undefined;
  session: string | undefined = SESSION;
  /** Effects that nobody has carried out yet, oldest first. */
  pending: GroupEffect[] = [];
  /** Part keys that are up on the host. */
  readonly up = new Set<string>();
  /** Everything that happened, as words. */
  readonly trace: string[] = [];
  denied: DenyReason | undefined;
  /** Whom the guard asks for promises. */
  asked: readonly string[] = [];
  /** While set, the guard accepts no other set. */
  mutesAskSets = false;
  /** While set, somebody else always writes first. */
  losesRaces = false;
  readonly failing = new Map<string, { reason: string; message: string }>();
  /** Epochs under which something was started after its end was told. */
  readonly deactivated = new Set<string>();

  constructor(group: FailoverGroup) {
    this.group = group;
    this.state = initialGroupState(this.node);
  }

  /** A new process: knows the session and the group, nothing else. */
  restart(): void {
    this.state = initialGroupState(this.node);
    this.pending = [];
    this.trace.push("restart");
    this.send({ type: "session", session: this.session });
    this.watch();
  }

  /** Changes the group on the server and lets the watch tell it. */
  write(change: (group: FailoverGroup) => FailoverGroup): void {
    this.store(change(this.group));
    this.watch();
  }

  /** Changes the group on the server without telling. */
  store(group: FailoverGroup): void {
    const version = String(Number(this.group.metadata.resourceVersion) + 1);
    this.group = { ...group, metadata: { ...group.metadata, resourceVersion: version } };
  }

  watch(): void {
    this.send({ type: "seen", group: this.group, plans: this.plans(), isConsistent: false });
  }

  plans() {
    return planParts(this.group, this.objects, this.node);
  }

  send(event: GroupEvent): void {
    const { state, effects, wakeAtMs } = step(this.state, event, {
      monotonicMs: this.nowMs,
      wallMs: 1_767_225_600_000 + this.nowMs,
    });
    this.state = state;
    this.wakeAtMs = wakeAtMs;
    this.pending.push(...effects);
  }

  /** Carries out one effect; false when there is none. */
  carryOut(effect = this.pending.shift()): boolean {
    if (effect === undefined) return false;
    this.pending = this.pending.filter((other) => other !== effect);
    this.trace.push(wordsOf(effect));
    this.#act(effect);
    return true;
  }

  /** Carries out everything until nothing follows; timers do not fire. */
  settle(limit = 200): void {
    for (let count = 0; this.carryOut(); count++)
      if (count > limit) throw new Error(`no end: ${this.trace.slice(-20).join(", ")}`);
  }

  /** Lets time pass, firing ticks and carrying out what they cause. */
  advance(byMs: number): void {
    const end = this.nowMs + byMs;
    for (let count = 0; this.wakeAtMs !== undefined && this.wakeAtMs <= end; count++) {
      if (count > 500) throw new Error(`no end: ${this.trace.slice(-20).join(", ")}`);
      this.nowMs = Math.max(this.nowMs, this.wakeAtMs);
      this.send({ type: "tick" });
      this.settle();
    }
    this.nowMs = end;
  }

  report() {
    return this.group.status?.reports?.find((report) => report.node === this.node);
  }

  #act(effect: GroupEffect): void {
    switch (effect.type) {
      case "read":
        return this.send({ type: "seen", group: this.group, plans: this.plans(), isConsistent: true });
      case "ask":
        return this.send({ type: "answered", epoch: effect.grant.epoch, denied: this.denied });
      case "tellMustAsk":
        if (!this.mutesAskSets) this.asked = effect.members;
        return this.send({
          type: "askSetAnswered",
          epoch: effect.grant.epoch,
          denied: this.mutesAskSets ? "no-right" : undefined,
        });
      case "write":
        return this.#store(effect);
      case "start":
        if (this.deactivated.has(`${effect.grant.session}/${effect.grant.epoch}`))
          throw new Error("started under an epoch that was given up");
        return this.#start(effect);
      case "stop": {
        const failure = this.failing.get(`stop ${effect.plan.key}`);
        if (failure === undefined) this.up.delete(effect.plan.key);
        return this.send({
          type: "stopped",
          part: effect.plan.key,
          outcome: failure === undefined ? OK : { ok: false, ...failure },
        });
      }
      case "check":
        return this.send({ type: "read", part: effect.plan.key, reading: this.#reading(effect.plan.key) });
      case "cutConnections":
        return this.send({ type: "connectionsCut" });
      case "tellDeactivated":
        if (this.up.size > 0) throw new Error(`told deactivated while ${[...this.up].join()} is up`);
        this.deactivated.add(`${effect.grant.session}/${effect.grant.epoch}`);
        return undefined;
      case "abort":
      case "leaveBehind":
      case "reboot":
        return undefined;
    }
  }

  #start(effect: GroupEffect & { type: "start" }): void {
    const { key } = effect.plan;
    const failure = effect.plan.kind === "refused" ? effect.plan : this.failing.get(`start ${key}`);
    if (failure === undefined) this.up.add(key);
    const outcome: StepOutcome =
      failure === undefined ? OK : { ok: false, reason: failure.reason, message: failure.message };
    this.send({ type: "started", part: key, outcome });
  }

  #reading(key: string) {
    const failure = this.failing.get(`check ${key}`);
    if (failure !== undefined) return { result: "bad", ...failure, isProven: true } as const;
    return this.up.has(key)
      ? ({ result: "good" } as const)
      : ({ result: "bad", reason: "Missing", message: "is not there", isProven: true } as const);
  }

  #store(effect: GroupEffect & { type: "write" }): void {
    if (this.losesRaces || effect.resourceVersion !== this.group.metadata.resourceVersion)
      return this.send({ type: "notStored", isConflict: true });
    if (effect.report.state === "Inactive" && this.up.size > 0)
      throw new Error(`reported Inactive while ${[...this.up].join()} is up`);
    const record = effect.report.knownMembers ?? [];
    const isServed = effect.report.state === "Activating" || effect.report.state === "Active";
    if (isServed && record.some((member) => !this.asked.includes(member)))
      throw new Error(`recorded ${record.join()} while only ${this.asked.join()} are asked`);
    const others = (this.group.status?.reports ?? []).filter((report) => report.node !== this.node);
    this.store({ ...this.group, status: { ...this.group.status, reports: [...others, effect.report] } });
    return this.send({ type: "stored", group: this.group, plans: this.plans() });
  }
}

function wordsOf(effect: GroupEffect): string {
  switch (effect.type) {
    case "start":
    case "stop":
    case "check":
      return `${effect.type} ${effect.plan.key}`;
    case "abort":
      return `abort ${effect.part}`;
    case "tellMustAsk":
      return `mustAsk ${effect.members.join()}`;
    case "write":
      return `write ${effect.report.state}`;
    case "cutConnections":
      return "cut";
    case "read":
    case "ask":
    case "leaveBehind":
    case "reboot":
    case "tellDeactivated":
      return effect.type;
  }
}

export function machineHost(options: GroupOptions = {}): MachineHost {
  const made = new MachineHost(workerGroup(options));
  made.restart();
  made.trace.length = 0;
  return made;
}

export function activeMachine(options: GroupOptions = {}): MachineHost {
  const made = machineHost({ ...options, status: { ...grantTo("node1", 5), ...options.status } });
  made.settle();
  if (made.report()?.state !== "Active") throw new Error("the group did not become active");
  made.trace.length = 0;
  return made;
}

export const moveTo = (node: string) => (made: MachineHost) =>
  made.write((group) => ({ ...group, status: { ...group.status, target: { node, cause: "Requested" } } }));
