/**
 * Stops machines for the plan, beside it: one attempt per node at a time, however many groups were on it, so that no
 * reconciliation waits for a cloud and no machine is shot twice for one loss. The plan says what it wants and looks at
 * what came of it (`viewOf`); nothing here decides who is lost or who follows.
 *
 * The driver belongs to one leader: another one starts from what the cloud, the Leases and the record say.
 * Must never do: act for a decision that no longer holds (see `fencing-attempt.ts`).
 */
import type { FailoverGroup } from "../../api/generated/types.ts";
import { FAILOVER_GROUP } from "../../api/kinds.ts";
import { LEASE, type Lease } from "../../api/session-lease.ts";
import { certificateEndsAtMs } from "../../cloud/azure/certificate.ts";
import { CloudError, isAnswer } from "../../cloud/errors.ts";
import { type Fencer, type FencerAccess, vmText, type VmRef } from "../../cloud/fencing-ports.ts";
import type { Fence } from "../../controller/contract.ts";
import type { KubeApi } from "../../kube/ports.ts";
import { type Clock, sleep } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { ALL_RULES, type SafetyRules } from "../../lib/safety-rules.ts";
import type { Metrics } from "../../lib/metrics.ts";
import type { EventSink } from "../shared/sources.ts";
import { CALL_TIMEOUT_MS, FenceAttempt, type FenceNews } from "./fencing-attempt.ts";
import { FencingCredentials } from "./fencing-credentials.ts";
import { NamedMachines } from "./fencing-machines.ts";
import { type FencingLimit, FencingRecord } from "./fencing-record.ts";
import {
  type BootOrder,
  type FenceCheck,
  type FenceIdentity,
  type FenceOrder,
  type FenceView,
  IDLE,
} from "./fencing-view.ts";
import { endOf } from "./session-observer.ts";
import { reportedInactive, vetoes } from "./holder.ts";
import type { Sessions } from "./session-poller.ts";

/** What the reconciler needs of it. */
export interface Fencing {
  readonly machines: NamedMachines;
  viewOf(node: string): FenceView;
  /** Obtains proof as ordered; returns at once. */
  want(order: FenceOrder, fence: Fence): void;
  /** Starts the machine if this product stopped it under that session; returns at once. */
  boot(order: BootOrder, fence: Fence): void;
  /** Whether a start of that machine is under way or done. */
  isBooted(node: string, session: string): boolean;
  /** What is known about the machine; asks again beside when that is old. */
  checkOf(node: string, vm: VmRef, identity: FenceIdentity): FenceCheck | undefined;
}

export interface FencingOptions extends FencingLimit {
  /** The installation's namespace: session Leases and the record of stopped machines. */
  readonly namespace: string;
  readonly ambientNamespaces: readonly string[];
  /** Deadline of a request to the API server, in milliseconds. */
  readonly requestTimeoutMs: number;
  /** All of them, unless the simulator says otherwise. */
  readonly rules?: SafetyRules;
}

export interface FencingModules {
  readonly kube: KubeApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly events: EventSink;
  readonly sessions: Sessions;
  readonly fencers: FencerAccess;
}

/** A check that passed is repeated after so long, one that did not sooner, in milliseconds. */
const CHECK_AGAIN_MS = 300_000;
const FAILED_CHECK_AGAIN_MS = 15_000;
/** Between two tries to start a machine, in milliseconds, and how many there are. */
const BOOT_RETRY_MS = 10_000;
const MAX_BOOT_TRIES = 30;
/** Nodes, machines and starts remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 1_000;

interface Check {
  outcome: FenceCheck | undefined;
  askedAtMs: number;
  isAsking: boolean;
}

export class FencingDriver implements Fencing {
  readonly machines: NamedMachines;
  readonly #options: FencingOptions;
  readonly #modules: FencingModules;
  readonly #record: FencingRecord;
  readonly #credentials: FencingCredentials;
  readonly #attempts = new Map<string, FenceAttempt>();
  readonly #checks = new Map<string, Check>();
  readonly #boots = new Set<string>();
  readonly #listeners: ((node: string) => void)[] = [];
  /** The group as it was last read for an order, for Events. */
  readonly #groups = new Map<string, FailoverGroup>();

  constructor(options: FencingOptions, modules: FencingModules) {
    this.machines = new NamedMachines(modules.clock);
    this.#options = options;
    this.#modules = modules;
    const { namespace, maxPerPeriod, periodMs, requestTimeoutMs } = options;
    this.#record = new FencingRecord({ namespace, maxPerPeriod, periodMs, timeoutMs: requestTimeoutMs }, modules);
    this.#credentials = new FencingCredentials(options.ambientNamespaces, modules);
  }

  /** `listener` gets the node about which something was learnt. */
  onChange(listener: (node: string) => void): void {
    this.#listeners.push(listener);
  }

  stop(): void {
    for (const attempt of this.#attempts.values()) attempt.drop();
  }

  viewOf(node: string): FenceView {
    return this.#attempts.get(node)?.view ?? IDLE;
  }

  want(order: FenceOrder, fence: Fence): void {
    const running = this.#attempts.get(order.node);
    if (running?.view.phase === "Working" && isSameShot(running.view.order, order)) return running.update(order);
    running?.drop();
    const attempt = new FenceAttempt(order, fence, {
      clock: this.#modules.clock,
      record: this.#record,
      fencerFor: ({ vm, identity }) => this.#fencerFor(vm, identity),
      whatChanged: (wanted) => this.#whatChanged(wanted),
      hasChanged: (wanted) => this.#hasChanged(wanted),
      changed: () => this.#tellListeners(order.node),
      heard: (news) => this.#heard(news),
      rules: this.#options.rules ?? ALL_RULES,
    });
    remember(this.#attempts, order.node, attempt);
    void attempt.run();
  }

  boot(order: BootOrder, fence: Fence): void {
    const key = bootKey(order.node, order.session);
    if (this.#boots.has(key)) return;
    if (this.#boots.size >= MAX_REMEMBERED) this.#boots.clear();
    this.#boots.add(key);
    void this.#boot(order, fence);
  }

  isBooted(node: string, session: string): boolean {
    return this.#boots.has(bootKey(node, session));
  }

  checkOf(node: string, vm: VmRef, identity: FenceIdentity): FenceCheck | undefined {
    const key = `${node} ${vmText(vm)} ${identity.namespace}/${identity.secret ?? ""}`;
    let check = this.#checks.get(key);
    if (check === undefined) {
      check = { outcome: undefined, askedAtMs: Number.NEGATIVE_INFINITY, isAsking: false };
      remember(this.#checks, key, check);
    }
    const nowMs = this.#modules.clock.monotonicMs();
    const maxAgeMs = check.outcome?.result === "Passed" ? CHECK_AGAIN_MS : FAILED_CHECK_AGAIN_MS;
    if (!check.isAsking && nowMs - check.askedAtMs >= maxAgeMs) void this.#check(check, node, vm, identity);
    return check.outcome;
  }

  async #check(check: Check, node: string, vm: VmRef, identity: FenceIdentity): Promise<void> {
    check.isAsking = true;
    check.askedAtMs = this.#modules.clock.monotonicMs();
    const before = JSON.stringify(check.outcome);
    let certificate: Pick<FenceCheck, "certificateEndsAtMs"> = {};
    try {
      const keys = await this.#credentials.keysOf(identity);
      const endsAtMs = certificateEndsAtMs(keys?.["clientCertificate"] ?? "");
      if (endsAtMs !== undefined) certificate = { certificateEndsAtMs: endsAtMs };
      const fencer = await this.#modules.fencers.fencerFor(vm, keys);
      await fencer.check(vm, { timeoutMs: CALL_TIMEOUT_MS });
      check.outcome = { result: "Passed", ...certificate };
    } catch (thrown) {
      const isProven = thrown instanceof CloudError && isAnswer(thrown.code);
      check.outcome = { result: isProven ? "Failed" : "Unreadable", message: messageOf(thrown), ...certificate };
    }
    check.isAsking = false;
    if (JSON.stringify(check.outcome) !== before) this.#tellListeners(node);
  }

  async #fencerFor(vm: VmRef, identity: FenceIdentity): Promise<Fencer> {
    return await this.#modules.fencers.fencerFor(vm, await this.#credentials.keysOf(identity));
  }

  /** Reads the group and the Lease anew, then looks at what the consistent reads of the poller say at that moment. */
  async #whatChanged(order: FenceOrder): Promise<string | undefined> {
    const { kube, sessions } = this.#modules;
    const { namespace, requestTimeoutMs: timeoutMs } = this.#options;
    const group = await kube.get<FailoverGroup>(FAILOVER_GROUP, order.group, { timeoutMs });
    if (group === undefined) return "the group is gone";
    remember(this.#groups, `${order.group.namespace}/${order.group.name}`, group);
    const lease = await kube.get<Lease>(LEASE, { namespace, name: order.node }, { timeoutMs });
    if (lease !== undefined) sessions.answered(lease);
    const end = lease === undefined ? undefined : endOf(lease);
    if (lease?.metadata.resourceVersion !== order.leaseVersion) return "the session was renewed or ended";
    if (lease !== undefined && lease.spec?.holderIdentity !== order.session) return "the guard began a new life";
    if (end === "Released" || end === "Fenced") return `the session ended (${end})`;
    return this.#whatChangedInGroup(group, order) ?? (this.#hasChanged(order) ? "the holder or the target" : undefined);
  }

  #whatChangedInGroup(group: FailoverGroup, order: FenceOrder): string | undefined {
    const { active, hold, reports = [] } = group.status ?? {};
    const { fencing, failover } = group.spec;
    const { node, session, epoch } = order;
    if (active?.node !== node || active.session !== session || active.epoch !== epoch) return "the grant";
    if (fencing === undefined || fencing.policy === "LeaseOnly" || failover.mode === "Paused") return "the spec";
    if (hold !== undefined || group.metadata.deletionTimestamp !== undefined) return "the group is to stop";
    if (
      reportedInactive(
        reports.find((report) => report.node === node),
        active,
      )
    )
      return "it reported this grant down";
    const witnesses = reports.map((report) => ({
      node: report.node,
      report,
      session: this.#modules.sessions.view(report.node),
    }));
    const [witness] = vetoes(witnesses, active);
    return witness === undefined ? undefined : `${witness} has promised it to keep off`;
  }

  /** From the poller alone: the holder is silent across unbroken reads, its Lease is the same, the target lives. */
  #hasChanged(order: FenceOrder): boolean {
    const { sessions, clock } = this.#modules;
    const holder = sessions.view(order.node);
    if (holder.lease?.metadata.resourceVersion !== order.leaseVersion) return true;
    if (holder.silentAtMs === undefined || clock.monotonicMs() < holder.silentAtMs) return true;
    const { verdict } = sessions.view(order.candidate.node);
    return verdict.state !== "Live" || verdict.session !== order.candidate.session;
  }

  async #boot(order: BootOrder, fence: Fence): Promise<void> {
    const { clock, log } = this.#modules;
    const { node, session, vm, identity } = order;
    for (let tries = 1; tries <= MAX_BOOT_TRIES; tries++) {
      try {
        fence.assertLeader();
        if (!(await this.#record.isToBeStarted(node, session)) || !(await this.#isStillEnded(order))) return;
        const fencer = await this.#fencerFor(vm, identity);
        fence.assertLeader();
        await fencer.powerOn(vm, { timeoutMs: CALL_TIMEOUT_MS });
        await this.#record.noteStarted(node, session);
        this.#tell(
          order.group,
          "Normal",
          "FencedStarted",
          `machine ${vmText(vm)} of ${node} is started again (fencing.afterwards: Start)`,
        );
        return;
      } catch (thrown) {
        if (!(thrown instanceof Error && "code" in thrown))
          return log.warn("a fenced machine is not started", { node, error: messageOf(thrown) });
        log.warn("a fenced machine could not be started yet", { node, machine: vmText(vm), error: messageOf(thrown) });
        if (tries === 1)
          this.#tell(
            order.group,
            "Warning",
            "FencedNotStarted",
            `machine ${vmText(vm)} of ${node} could not be started: ${messageOf(thrown)}`,
          );
        await sleep(clock, BOOT_RETRY_MS);
      }
    }
  }

  /** The Lease still says that this session ended by fencing: nothing runs there. */
  async #isStillEnded({ node, session }: BootOrder): Promise<boolean> {
    const { namespace, requestTimeoutMs: timeoutMs } = this.#options;
    const lease = await this.#modules.kube.get<Lease>(LEASE, { namespace, name: node }, { timeoutMs });
    return lease?.spec?.holderIdentity === session && endOf(lease) === "Fenced";
  }

  #heard(news: FenceNews): void {
    const { log, metrics } = this.#modules;
    const { order } = news;
    const { node, session, vm, candidate } = order;
    const { provider } = vm;
    const machine = `machine ${vmText(vm)} of ${node}`;
    log.warn("fencing", {
      node,
      session,
      machine: vmText(vm),
      what: news.what,
      ...("message" in news ? { error: news.message } : {}),
    });
    metrics.count("understudy_fence_total", { provider, result: news.what });
    switch (news.what) {
      case "Stopping":
        return this.#tell(
          order.group,
          "Warning",
          "Fencing",
          `${machine} is stopped: its session is silent, no peer hears it, and ${candidate.node} can take over`,
        );
      case "Proven":
        metrics.observe("understudy_fence_duration_seconds", news.tookMs / 1_000, { provider });
        return this.#tell(order.group, "Normal", "Fenced", `${machine} is proven off (${news.detail})`);
      case "Failed":
        return this.#tell(order.group, "Warning", "FencingFailed", `${machine}: ${news.message}`);
      case "Limited":
        return this.#tell(order.group, "Warning", "FencingLimited", `${machine} is not stopped: ${news.message}`);
    }
  }

  #tell({ namespace, name }: FenceOrder["group"], type: "Normal" | "Warning", reason: string, message: string): void {
    const group = this.#groups.get(`${namespace}/${name}`);
    const object = group ?? {
      apiVersion: "understudy.dev/v1alpha1",
      kind: "FailoverGroup",
      metadata: { namespace, name },
    };
    this.#modules.events.tell(object, type, reason, message);
  }

  #tellListeners(node: string): void {
    for (const listener of this.#listeners) listener(node);
  }
}

/** The same machine, version of the session and identity: only who takes over may differ. */
function isSameShot(a: FenceOrder, b: FenceOrder): boolean {
  return (
    a.session === b.session &&
    a.leaseVersion === b.leaseVersion &&
    vmText(a.vm) === vmText(b.vm) &&
    a.identity.namespace === b.identity.namespace &&
    a.identity.secret === b.identity.secret
  );
}

function bootKey(node: string, session: string): string {
  return `${node} ${session}`;
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}
