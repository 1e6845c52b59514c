/**
 * The smallest kind of pointer, for tests of what all kinds share: a cloud with one value, the name of the node that it
 * leads to. It borrows the schema of AwsElasticIP.
 */
import type { AwsElasticIP, AwsElasticIPSpec, FailoverGroupSpec } from "../../src/api/generated/types.ts";
import { type CallTimes, CallTimer } from "../../src/cloud/call-times.ts";
import { CloudError, type CloudErrorCode } from "../../src/cloud/errors.ts";
import { ReadCache } from "../../src/cloud/read-cache.ts";
import type { Metrics } from "../../src/lib/metrics.ts";
import type { PointerSettings } from "../../src/reconcilers/pointer/deps.ts";
import type { PointerKind, StoppedView } from "../../src/reconcilers/pointer/kind.ts";
import { type Reading, readingOf } from "../../src/reconcilers/pointer/reading.ts";
import type { PointerSeen } from "../../src/reconcilers/pointer/seen.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { PointerWorld } from "./pointer-world.ts";

export interface FakeFacts {
  readonly target: Reading<string>;
  readonly callTimes: CallTimes | undefined;
}

export type FakeKind = PointerKind<AwsElasticIP, FakeFacts, string, string>;

/** Leads to a node, or with `""` nowhere. */
export class FakePointerCloud {
  target = "";
  /** Every call fails so. */
  outage: CloudErrorCode | undefined;
  /** Every write fails so. */
  refusal: CloudErrorCode | undefined;
  /** How long a call takes, as `callTimes` tells it, in ms. */
  callMs = 10;
  reads = 0;
  readonly writes: string[] = [];
  readonly timer = new CallTimer();

  read(): Promise<string> {
    this.reads++;
    this.timer.add(this.callMs);
    if (this.outage !== undefined) return Promise.reject(cloudError(this.outage, "Read"));
    return Promise.resolve(this.target);
  }

  write(target: string): Promise<void> {
    this.writes.push(target);
    const code = this.outage ?? this.refusal;
    if (code !== undefined) return Promise.reject(cloudError(code, "Write"));
    this.target = target;
    return Promise.resolve();
  }
}

function cloudError(code: CloudErrorCode, action: string): CloudError {
  return new CloudError({ code, action }, `Cloud ${action} failed: ${code}`);
}

export function fakeKind(cloud: FakePointerCloud, clock: FakeClock): FakeKind {
  const cache = new ReadCache<string>(clock);
  return {
    kind: "AwsElasticIP",
    wording: {
      beingWritten: "the pointer is being written",
      notWritten: "the pointer is not written yet",
      beingVerified: "the pointer is being verified",
      whileStopped: () => "the pointer stays as it is",
      oneWrite: "pointer",
      passed: () => undefined,
      endpoint: "the cloud",
      service: "the cloud",
    },
    keysOf: (valueOf) => valueOf("key") ?? ["key"],
    read: async ({ wishes }) => ({
      target: await readingOf(wishes.monitored, (wish) => cache.ask("", wish, () => cloud.read())),
      callTimes: cloud.timer.times(),
    }),
    readings: ({ target }) => ({ monitored: [target], facts: [], dryRuns: [] }),
    callTimes: (facts) => facts.callTimes,
    view: ({ facts: { target } }, node) => {
      if (!target.ok) return { state: "Unreadable", failure: target.failure };
      const { value, sentAtMs } = target;
      if (value === node) return { state: "Right", message: `it leads to ${node}`, sentAtMs };
      const message = `it should lead to ${node} and leads to ${value}`;
      const reason = "AssociationWrong";
      return { state: "Wrong", writes: [node], reason, message, drift: { reason, message }, sentAtMs };
    },
    checks: [],
    write: async (target, { assertMayWrite }) => {
      assertMayWrite();
      await cloud.write(target).finally(() => cache.invalidateAll());
    },
    targetOf: (target) => target,
    describe: (target) => `the pointer was set to ${target}`,
    whenStopped,
    status: () => ({}),
  };
}

/** `Disassociate`: it leads nowhere once the group is stopped. */
function whenStopped(seen: PointerSeen<AwsElasticIP, FakeFacts>): StoppedView<string> | undefined {
  if (seen.object.spec.whenStopped === "Keep") return undefined;
  const { target } = seen.facts;
  if (seen.status.active === undefined) return { state: "Done" };
  if (!target.ok) return { state: "Unreadable", failure: target.failure };
  if (target.value !== seen.status.active.node) return { state: "Done" };
  return { state: "Write", writes: [""], message: "the pointer leads nowhere now" };
}

export interface FakePointer {
  readonly cloud: FakePointerCloud;
  readonly clock: FakeClock;
  readonly world: PointerWorld<AwsElasticIP, FakeFacts, string, string>;
}

export interface FakePointerOptions {
  readonly spec?: Partial<AwsElasticIPSpec>;
  readonly group?: Partial<FailoverGroupSpec>;
  readonly settings?: Partial<PointerSettings>;
  readonly metrics?: Metrics;
  readonly change?: (kind: FakeKind) => FakeKind;
}

export const OBJECT = "pointer";

export async function makeFakePointer(options: FakePointerOptions = {}): Promise<FakePointer> {
  const { spec = {}, change = (kind) => kind, ...others } = options;
  const clock = new FakeClock();
  const cloud = new FakePointerCloud();
  const world = await PointerWorld.create({
    kind: change(fakeKind(cloud, clock)),
    clock,
    name: OBJECT,
    spec: { allocationId: "eipalloc-0", ...spec },
    nodes: [{ name: "node1" }, { name: "node2" }],
    ...others,
  });
  await clock.advance(50);
  return { cloud, clock, world };
}

export function aMonitor(change: Partial<AwsElasticIPSpec["monitor"]>): AwsElasticIPSpec["monitor"] {
  return {
    interval: "10s",
    timeout: "5s",
    retries: 2,
    retryInterval: "2s",
    startDelay: "0s",
    whenUnreadable: "Warn",
    ...change,
  };
}
