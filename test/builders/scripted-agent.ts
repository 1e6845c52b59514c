/**
 * An agent for tests of the controller: holds a session Lease and follows the grant as the real one does (DESIGN 4),
 * with everything local replaced by a flag. `isServing` is what an observer outside would measure.
 */
import { FAILOVER_GROUP, agentFieldManager } from "../../src/api/kinds.ts";
import type { FailoverGroup, MemberReport, ReportedResource } from "../../src/api/generated/types.ts";
import { LEASE, LEASE_ANNOTATIONS, type Lease, microTime, SESSION_LABEL } from "../../src/api/session-lease.ts";
import type { ScheduledEvent } from "../../src/api/scheduled-events.ts";
import type { Timings } from "../../src/api/timings.ts";
import { isKubeError, type KubeApi, type ObjectKey } from "../../src/kube/ports.ts";
import { type Clock, elapsedMs, type Instant, readInstant, type Timer } from "../../src/lib/clock.ts";

export interface ScriptedAgentOptions {
  readonly node: string;
  readonly leaseNamespace: string;
  readonly group: ObjectKey;
  readonly timings: Timings;
}

export class ScriptedAgent {
  readonly node: string;
  readonly #options: ScriptedAgentOptions;
  readonly #kube: KubeApi;
  readonly #clock: Clock;
  #life = 0;
  #timers = new Set<Timer>();
  #renewed: Instant | undefined;
  #serving: { session: string; epoch: number } | undefined;
  #isStopping = false;
  /** Published with the facts: its machine has booted too recently to activate anything. */
  isWaitingAfterBoot = false;
  /** Published with the facts: the agent alone ends, and comes back. */
  isRestarting = false;
  /** Published with the facts: maintenance that its cloud announces. */
  events: readonly ScheduledEvent[] = [];
  #isBusy = false;
  #isRenewing = false;
  #finishedEpoch = -1;
  /** What it finds about the isolation targets; reported in every report, and as soon as it changes. */
  isolation: MemberReport["isolation"];
  /** Resources that cannot be brought up here. */
  readonly broken = new Set<string>();
  /** Epochs under which this agent ever served. */
  readonly servedEpochs: number[] = [];

  constructor(options: ScriptedAgentOptions, modules: { kube: KubeApi; clock: Clock }) {
    this.node = options.node;
    this.#options = options;
    this.#kube = modules.kube;
    this.#clock = modules.clock;
  }

  get session(): string {
    return `${this.node}_${this.#life}`;
  }

  /** Something of the group is up here now. */
  get isServing(): boolean {
    return this.#serving !== undefined;
  }

  /** Begins a new life: a new session, with everything down. */
  async start(): Promise<void> {
    this.#cancel();
    this.#life++;
    this.#serving = undefined;
    this.#isRenewing = false;
    this.#finishedEpoch = -1;
    this.#isStopping = false;
    this.isRestarting = false;
    this.#isBusy = false;
    this.#renewed = undefined;
    this.#every(this.#options.timings.renewIntervalMs, () => this.#renew());
    this.#every(20, () => this.#follow());
    await this.#renew();
  }

  /** Power off: nothing runs and nothing is up any more. */
  crash(): void {
    this.#cancel();
    this.#serving = undefined;
  }

  /** Stops all work but leaves up what is up, as a frozen guard without a watchdog does. */
  freeze(): void {
    this.#cancel();
  }

  /** The take-down of a planned stop: this group is down and says so, the session is still renewed while others stop. */
  async takeDown(): Promise<void> {
    this.#isStopping = true;
    const group = await this.#kube.get<FailoverGroup>(FAILOVER_GROUP, this.#options.group);
    if (group === undefined || this.#serving === undefined) return;
    const { session, epoch } = this.#serving;
    this.#serving = undefined;
    await this.#report(group, { session, epoch, state: "Inactive" });
  }

  async release(): Promise<void> {
    this.#isStopping = true;
    this.#serving = undefined;
    const lease = await this.#lease();
    this.#cancel();
    if (lease === undefined || lease.spec?.holderIdentity !== this.session) return;
    await this.#kube.replace<Lease>(LEASE, {
      ...lease,
      metadata: {
        ...lease.metadata,
        annotations: { ...lease.metadata.annotations, [LEASE_ANNOTATIONS.ended]: "Released" },
      },
    });
  }

  #every(intervalMs: number, run: () => Promise<void>): void {
    const timer = this.#clock.setTimer(intervalMs, () => {
      this.#timers.delete(timer);
      this.#every(intervalMs, run);
      void run();
    });
    this.#timers.add(timer);
  }

  #cancel(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  async #lease(): Promise<Lease | undefined> {
    return await this.#kube.get<Lease>(LEASE, { namespace: this.#options.leaseNamespace, name: this.node });
  }

  async #renew(): Promise<void> {
    const { timings, leaseNamespace } = this.#options;
    const life = this.#life;
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    try {
      const lease = await this.#lease();
      if (life !== this.#life) return;
      const isOurs = lease?.spec?.holderIdentity === this.session;
      if (isOurs && lease.metadata.annotations?.[LEASE_ANNOTATIONS.ended] !== undefined) return this.#loseSession();
      const sent = readInstant(this.#clock);
      const next: Lease = {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: {
          name: this.node,
          namespace: leaseNamespace,
          labels: { [SESSION_LABEL]: "true" },
          annotations: {
            [LEASE_ANNOTATIONS.timings]: JSON.stringify(timings),
            [LEASE_ANNOTATIONS.facts]: JSON.stringify({
              bootId: "b",
              version: "0",
              watchdog: "Soft",
              interfaces: [],
              isWaitingAfterBoot: this.isWaitingAfterBoot,
              events: this.events,
              isRestarting: this.isRestarting,
            }),
            [LEASE_ANNOTATIONS.nonce]: `${this.session}-${sent.monotonicMs}`,
          },
          ...(lease?.metadata.resourceVersion === undefined ? {} : { resourceVersion: lease.metadata.resourceVersion }),
        },
        spec: { holderIdentity: this.session, renewTime: microTime(sent.wallMs), leaseDurationSeconds: 5 },
      };
      await (lease === undefined ? this.#kube.create<Lease>(LEASE, next) : this.#kube.replace<Lease>(LEASE, next));
      if (life === this.#life) this.#renewed = sent;
    } catch (thrown) {
      if (!isKubeError(thrown)) throw thrown;
      if (thrown.code === "Conflict" && life === this.#life) this.#loseSession();
    } finally {
      if (life === this.#life) this.#isRenewing = false;
    }
  }

  #loseSession(): void {
    this.#serving = undefined;
    this.#cancel();
    const timer = this.#clock.setTimer(50, () => void this.start());
    this.#timers.add(timer);
  }

  #hasRight(withinMs: number): boolean {
    return this.#renewed !== undefined && elapsedMs(this.#renewed, readInstant(this.#clock)) < withinMs;
  }

  async #follow(): Promise<void> {
    if (!this.#hasRight(this.#options.timings.renewDeadlineMs)) this.#serving = undefined;
    if (this.#isBusy || this.#isStopping) return;
    this.#isBusy = true;
    const life = this.#life;
    try {
      const group = await this.#kube.get<FailoverGroup>(FAILOVER_GROUP, this.#options.group);
      if (group !== undefined && life === this.#life) await this.#obey(group, life);
    } catch (thrown) {
      if (!isKubeError(thrown)) throw thrown;
    } finally {
      if (life === this.#life) this.#isBusy = false;
    }
  }

  async #obey(group: FailoverGroup, life: number): Promise<void> {
    const active = group.status?.active;
    const isMine = active?.node === this.node && active.session === this.session;
    const target = group.status?.target;
    const mustLeave =
      (target !== undefined && target.node !== this.node) ||
      group.status?.hold !== undefined ||
      group.metadata.deletionTimestamp !== undefined;
    if (this.#serving !== undefined && (!isMine || mustLeave || active.epoch !== this.#serving.epoch)) {
      const { session, epoch } = this.#serving;
      this.#serving = undefined;
      this.#finishedEpoch = epoch;
      return await this.#report(group, { session, epoch, state: "Inactive" });
    }
    const own = group.status?.reports?.find((entry) => entry.node === this.node);
    if (!isMine || active.epoch <= this.#finishedEpoch) {
      const isSaid = own?.isolation === this.isolation && own?.session === this.session;
      if (this.isolation === undefined || isSaid || (own !== undefined && own.state !== "Inactive")) return;
      return await this.#report(group, { session: this.session, epoch: own?.epoch ?? 0, state: "Inactive" });
    }
    const isOnRecord = own?.session === active.session && own.epoch === active.epoch;
    if (isOnRecord && own.state === "Inactive") return;
    if (mustLeave) {
      this.#finishedEpoch = active.epoch;
      return await this.#report(group, { session: active.session, epoch: active.epoch, state: "Inactive" });
    }
    if (!isOnRecord)
      return await this.#report(group, {
        session: active.session,
        epoch: active.epoch,
        state: "Activating",
        knownMembers: group.spec.members.map((member) => member.node),
      });
    if (!this.#hasRight(this.#options.timings.renewDeadlineMs) || life !== this.#life) return;
    const failed = group.spec.resources.filter((resource) => this.broken.has(resource.name));
    if (this.#serving === undefined) this.servedEpochs.push(active.epoch);
    this.#serving = { session: active.session, epoch: active.epoch };
    const state = failed.length > 0 ? "Failed" : "Active";
    const hasNews = this.isolation !== undefined && own.isolation !== this.isolation;
    if (own.state !== state || hasNews) await this.#report(group, { ...own, state });
  }

  async #report(group: FailoverGroup, report: Omit<MemberReport, "node">): Promise<void> {
    const resources = group.spec.resources.map(({ name }): ReportedResource => ({
      name,
      state:
        report.state === "Inactive"
          ? "Inactive"
          : this.broken.has(name)
            ? "Failed"
            : report.state === "Active" || report.state === "Failed"
              ? "Active"
              : "Activating",
    }));
    const stored = group.status?.reports?.find((entry) => entry.node === this.node);
    const known = report.knownMembers ?? stored?.knownMembers;
    const entry: MemberReport = {
      ...report,
      node: this.node,
      resources,
      ...(this.isolation === undefined ? {} : { isolation: this.isolation }),
      ...(known === undefined ? {} : { knownMembers: known }),
    };
    const { name, namespace = "", resourceVersion = "" } = group.metadata;
    const body = { metadata: { name, namespace, resourceVersion }, status: { reports: [entry] } };
    const patch = { type: "apply", body, fieldManager: agentFieldManager(this.node), force: true } as const;
    await this.#kube.patch(FAILOVER_GROUP, { namespace, name }, patch, { subresource: "status" });
  }
}
