/**
 * Carries out what the group machine decides: API calls, questions to the guard, steps on the host. Every outcome comes
 * back as an event; nothing is decided here.
 */
import type { FailoverGroup, Isolation, MemberReport } from "../../api/generated/types.ts";
import { agentFieldManager, API_VERSION, FAILOVER_GROUP } from "../../api/kinds.ts";
import { isKubeError, type KubeApi, keyOf, keyText, type KubeObject, type ObjectKey } from "../../kube/ports.ts";
import { readInstant, type Timer } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { ALL_RULES, type SafetyRules } from "../../lib/safety-rules.ts";
import type { FailureDetails } from "../details/failure-details.ts";
import type { GrantRef } from "../guard-protocol.ts";
import { type DiskTenure, GroupDisks, type GroupDisksModules } from "../mirror/group-disks.ts";
import { IsolationFollower, type IsolationWatch } from "../isolation/watch.ts";
import { step } from "./group-machine.ts";
import { type GroupEffect, type GroupEvent, type GroupState, initialGroupState, isProvenDown } from "./group-state.ts";
import type { PartPlan } from "./part-plan.ts";
import { type PartModules, PartRunner } from "./part-runner.ts";
import { watchedPorts } from "./standby-rules.ts";

export interface GroupDriverModules extends PartModules {
  readonly api: KubeApi;
  readonly log: Logger;
  readonly isolation: IsolationWatch;
  readonly plan: (group: FailoverGroup) => PartPlan[];
  /** The answer to a write of ours, for the cache. */
  readonly absorb: (group: FailoverGroup) => void;
  /** Absent: nothing is collected. */
  readonly details?: Pick<FailureDetails, "collect"> | undefined;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
  /** Absent: this worker keeps no disks. */
  readonly mirror?: Pick<GroupDisksModules, "disks" | "copies"> | undefined;
}

interface ReportPatch extends KubeObject {
  readonly status: { readonly reports: readonly MemberReport[] };
}

export class GroupDriver {
  readonly #key: ObjectKey;
  readonly #uid: string;
  readonly #node: string;
  readonly #modules: GroupDriverModules;
  readonly #runner: PartRunner;
  readonly #isolation: IsolationFollower;
  readonly #disks: GroupDisks | undefined;
  readonly #events: GroupEvent[] = [];
  #state: GroupState;
  #isStepping = false;
  #wake: Timer | undefined;
  #heldPorts: readonly number[] = [];

  constructor(group: FailoverGroup, node: string, modules: GroupDriverModules) {
    this.#key = keyOf(group);
    this.#uid = group.metadata.uid ?? "";
    this.#node = node;
    this.#modules = { ...modules, log: modules.log.child({ group: keyText(this.#key) }) };
    this.#state = initialGroupState(node, modules.rules);
    this.#runner = new PartRunner(node, modules, (event) => this.dispatch(event));
    this.#isolation = new IsolationFollower(modules.isolation, (verdict) =>
      this.dispatch({ type: "isolation", verdict }),
    );
    this.#disks = this.#disksOf(modules);
  }

  get state(): GroupState {
    return this.#state;
  }

  get isProvenDown(): boolean {
    return isProvenDown(this.#state);
  }

  /** Nothing is left to do and the object is gone. */
  get isFinished(): boolean {
    return this.#state.isGone && this.#state.tenure === undefined;
  }

  /** Addresses that may be up here now. */
  get grantedAddresses(): string[] {
    return Object.values(this.#state.tenure?.parts ?? {}).flatMap(({ plan, isClean }) =>
      plan.kind === "address" && !isClean ? [plan.address] : [],
    );
  }

  see(group: FailoverGroup): void {
    if (group.metadata.uid !== this.#uid) return this.dispatch({ type: "gone" });
    this.dispatch({ type: "seen", group, plans: this.#modules.plan(group), isConsistent: false });
  }

  /** Objects that the group refers to have changed. */
  replan(): void {
    if (this.#state.group !== undefined)
      this.dispatch({ type: "planned", plans: this.#modules.plan(this.#state.group) });
  }

  /** The cache knows another state of this MirrorDisk. */
  diskChanged(key: ObjectKey): void {
    this.#disks?.changed(key);
  }

  #disksOf({ mirror, rules = ALL_RULES, ...modules }: GroupDriverModules): GroupDisks | undefined {
    if (mirror === undefined) return undefined;
    const onMustBeAsked = (disk: string, members: readonly string[] | undefined): void =>
      this.dispatch({ type: "copies", disk, members });
    return new GroupDisks(this.#key.namespace, this.#node, { ...modules, ...mirror, rules, onMustBeAsked });
  }

  /** Steps are taken one at a time, also when an effect answers at once. */
  dispatch(event: GroupEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next);
    } finally {
      this.#isStepping = false;
    }
  }

  /** Resolves when no step on the host is in flight. */
  settled(): Promise<void> {
    return this.#runner.settled();
  }

  close(): void {
    this.#isolation.close();
    this.#disks?.close();
    this.#wake?.cancel();
  }

  #step(event: GroupEvent): void {
    const before = this.#state;
    const { state, effects, wakeAtMs } = step(before, event, readInstant(this.#modules.clock));
    this.#state = state;
    this.#logStage(before, state);
    this.#collectDetails(before, state);
    this.#wake?.cancel();
    const nowMs = this.#modules.clock.monotonicMs();
    this.#wake =
      wakeAtMs === undefined
        ? undefined
        : this.#modules.clock.setTimer(Math.max(0, wakeAtMs - nowMs), () => this.dispatch({ type: "tick" }));
    for (const effect of effects) this.#carryOut(effect);
    this.#disks?.follow(diskTenure(state));
    if (before.group !== state.group || before.isGone !== state.isGone) this.#isolation.want(this.#targets());
  }

  /** Every member asks, active or not; nobody asks for a group that is gone. */
  #targets(): Isolation | undefined {
    const { group, isGone } = this.#state;
    const isMember = group?.spec.members.some((member) => member.node === this.#node) === true;
    return isMember && !isGone ? group.spec.isolation : undefined;
  }

  #carryOut(effect: GroupEffect): void {
    switch (effect.type) {
      case "read":
        return void this.#read();
      case "ask":
        return void this.#ask(effect.grant);
      case "tellMustAsk":
        return void this.#tellMustAsk(effect.grant, effect.members);
      case "write":
        return void this.#write(effect.report, effect.resourceVersion);
      case "start":
        this.#holdServicePorts();
        return this.#runner.run(effect);
      case "stop":
      case "check":
        return this.#runner.run(effect);
      case "abort":
        return this.#runner.abort(effect.part);
      case "cutConnections":
        return void this.#cut(effect);
      case "tellDeactivated":
        return this.#tellDeactivated(effect.grant);
      case "reboot":
        return this.#modules.guard.tell({ type: "rebootWanted", grant: effect.grant });
      case "leaveBehind":
        return void this.#leaveBehind(effect.grant);
    }
  }

  async #read(): Promise<void> {
    try {
      const group = await this.#modules.api.get<FailoverGroup>(FAILOVER_GROUP, this.#key);
      if (group === undefined || group.metadata.uid !== this.#uid) return this.dispatch({ type: "gone" });
      return this.dispatch({ type: "seen", group, plans: this.#modules.plan(group), isConsistent: true });
    } catch (thrown) {
      this.#modules.log.warn("the group cannot be read", { error: messageOf(thrown) });
      return this.dispatch({ type: "readFailed" });
    }
  }

  async #ask(grant: GrantRef): Promise<void> {
    const denied = await this.#modules.guard.mayActivate(grant);
    if (denied !== undefined)
      this.#modules.log.info("the guard does not allow the grant", { epoch: grant.epoch, reason: denied });
    this.dispatch({ type: "answered", epoch: grant.epoch, denied });
    if (this.#state.tenure?.stage === "recording") void this.#runner.prepare(this.#state.plans);
  }

  async #tellMustAsk(grant: GrantRef, members: readonly string[]): Promise<void> {
    const denied = await this.#modules.guard.mustAsk(grant, members);
    this.dispatch({ type: "askSetAnswered", epoch: grant.epoch, denied });
  }

  async #write(report: MemberReport, resourceVersion: string): Promise<void> {
    const { namespace, name } = this.#key;
    const body: ReportPatch = {
      apiVersion: API_VERSION,
      kind: FAILOVER_GROUP.kind,
      metadata: { name, namespace, ...(this.#state.rules.recordsByCompareAndSet ? { resourceVersion } : {}) },
      status: { reports: [report] },
    };
    const fieldManager = agentFieldManager(this.#node);
    try {
      const patch = { type: "apply", body, fieldManager, force: true } as const;
      const group = await this.#modules.api.patch<FailoverGroup>(FAILOVER_GROUP, this.#key, patch, {
        subresource: "status",
      });
      this.#modules.absorb(group);
      this.dispatch({ type: "stored", group, plans: this.#modules.plan(group) });
    } catch (thrown) {
      const isConflict = isKubeError(thrown, "Conflict");
      if (!isConflict)
        this.#modules.log.warn("the report cannot be stored", { state: report.state, error: messageOf(thrown) });
      this.dispatch({ type: "notStored", isConflict });
    }
  }

  async #cut(target: { readonly addresses: readonly string[]; readonly ports: readonly number[] }): Promise<void> {
    await this.#modules.connections.reset(target);
    this.dispatch({ type: "connectionsCut" });
  }

  /** The guard resets their connections when it cuts hard; whether it notes them decides nothing. */
  #holdServicePorts(): void {
    const ports = this.#state.group?.spec.servicePorts ?? [];
    for (const port of ports.filter((wanted) => !this.#heldPorts.includes(wanted)))
      void this.#modules.guard.hold({ kind: "service-port", port });
    this.#heldPorts = ports;
  }

  #tellDeactivated(grant: GrantRef): void {
    for (const port of this.#heldPorts)
      this.#modules.guard.tell({ type: "holdingRemoved", holding: { kind: "service-port", port } });
    this.#heldPorts = [];
    this.#runner.releasePrepared();
    this.#modules.guard.tell({ type: "deactivated", grant });
  }

  async #leaveBehind(grant: GrantRef): Promise<void> {
    await this.#runner.leaveBehind(grant);
    this.#modules.log.warn("the group was deleted and left running: nobody guards it any more", { epoch: grant.epoch });
    // Towards the guard this is the end of the grant: nothing is noted for it, and it is never served again.
    this.#tellDeactivated(grant);
  }

  /** What was up and is in trouble now: a monitor has failed. */
  #collectDetails(before: GroupState, { tenure, group, plans }: GroupState): void {
    const { details } = this.#modules;
    if (details === undefined || tenure?.stage !== "serving" || group === undefined) return;
    for (const { plan, trouble } of Object.values(tenure.parts)) {
      const last = before.tenure?.parts[plan.key];
      if (trouble === undefined || last?.phase !== "up" || last.trouble?.reason === trouble.reason) continue;
      const { epoch } = tenure.grant;
      const ports = watchedPorts(group, plans);
      details.collect({ ...this.#key, group: this.#key.name, epoch, plan, ...trouble, ports, node: this.#node });
    }
  }

  #logStage(before: GroupState, after: GroupState): void {
    const stage = after.tenure?.stage;
    if (before.tenure?.stage === stage && before.tenure?.grant.epoch === after.tenure?.grant.epoch) return;
    const troubles = Object.values(after.tenure?.parts ?? {}).flatMap(({ plan, trouble }) =>
      trouble === undefined ? [] : [`${plan.key}: ${trouble.message}`],
    );
    this.#modules.log.info("group changed its stage", {
      stage: stage ?? "none",
      epoch: after.tenure?.grant.epoch ?? before.tenure?.grant.epoch,
      troubles,
    });
  }
}

function diskTenure({ group, tenure }: GroupState): DiskTenure {
  const isHeld = tenure?.stage === "recording" || tenure?.stage === "serving";
  return {
    names: (group?.spec.resources ?? []).flatMap(({ kind, name }) => (kind === "MirrorDisk" ? [name] : [])),
    epoch: isHeld ? tenure.grant.epoch : undefined,
    asked: tenure?.asking.told ?? [],
  };
}
