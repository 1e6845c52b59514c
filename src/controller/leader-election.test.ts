import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import type { Lease } from "../api/session-lease.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import { type KubeApi, KubeError } from "../kube/ports.ts";
import { Deposed } from "./contract.ts";
import { LeaderElection } from "./leader-election.ts";

const TIMINGS = {
  leaseDurationMs: 3_000,
  renewDeadlineMs: 2_500,
  renewIntervalMs: 300,
  requestTimeoutMs: 500,
  marginMs: 100,
};

/** One Lease with compare-and-set, which a test can cut off or make swallow replies. */
class LeaseServer {
  lease: Lease | undefined;
  isUp = true;
  losesReplies = false;
  #version = 0;
  #put = async (lease: Lease): Promise<Lease> => {
    this.#assertUp();
    if (lease.metadata.resourceVersion !== this.lease?.metadata.resourceVersion)
      throw new KubeError({ code: "Conflict", status: 409, reason: "Conflict" }, "conflict");
    this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(++this.#version) } };
    if (this.losesReplies) throw new KubeError({ code: "ResultUnknown" }, "reset");
    return await Promise.resolve(this.lease);
  };
  readonly api = {
    get: async () => {
      this.#assertUp();
      return await Promise.resolve(this.lease);
    },
    create: async (_type: unknown, lease: Lease) => await this.#put(lease),
    replace: async (_type: unknown, lease: Lease) => await this.#put(lease),
  } as unknown as KubeApi;
  #assertUp(): void {
    if (!this.isUp) throw new KubeError({ code: "Unreachable" }, "down");
  }
}

function elector(server: LeaseServer, clock: FakeClock, identity: string) {
  const events: string[] = [];
  const election = new LeaderElection(
    { ...TIMINGS, identity, namespace: "understudy", name: "leader" },
    {
      api: server.api,
      clock,
      random: seededRandom(identity.length),
      log: silentLog,
      metrics: noMetrics,
      onElected: () => events.push("elected"),
      onDeposed: (reason) => events.push(reason),
    },
  );
  return { election, events };
}

describe("leader election", () => {
  it("elects one; when it stops, the other follows within an interval", async () => {
    const [server, clock] = [new LeaseServer(), new FakeClock()];
    const [one, two] = [elector(server, clock, "a"), elector(server, clock, "bb")];
    one.election.start();
    await clock.advance(0);
    two.election.start();
    await clock.advance(10_000);
    expect([one.election.isLeader(), two.election.isLeader()]).toEqual([true, false]);
    await one.election.stop(true);
    expect(one.election.isLeader()).toBe(false);
    await clock.advance(300);
    expect([one.events, two.events]).toEqual([["elected"], ["elected"]]);
    expect(() => one.election.assertLeader()).toThrow(Deposed);
    two.election.assertLeader();
  });

  it("keeps a leader whose replies are lost", async () => {
    const [server, clock] = [new LeaseServer(), new FakeClock()];
    server.losesReplies = true;
    const one = elector(server, clock, "a");
    one.election.start();
    await clock.advance(20_000);
    expect([one.election.isLeader(), one.events]).toEqual([true, ["elected"]]);
  });

  it("deposes a leader cut off from the server before anybody may follow it", async () => {
    const [server, clock] = [new LeaseServer(), new FakeClock()];
    const one = elector(server, clock, "a");
    one.election.start();
    await clock.advance(1_000);
    server.isUp = false;
    await clock.advance(2_500);
    expect(one.events).toEqual(["elected", "no renewal succeeded in time"]);
    server.isUp = true;
    const two = elector(server, clock, "bb");
    two.election.start();
    await clock.advance(3_249);
    expect(two.events).toEqual([]);
    await clock.advance(1);
    expect(two.events).toEqual(["elected"]);
    await clock.advance(5_000);
    expect(one.events).toHaveLength(2);
  });

  it("knows after a sleep of the whole machine that its right is over, before any timer has fired", async () => {
    const [server, clock] = [new LeaseServer(), new FakeClock()];
    const one = elector(server, clock, "a");
    one.election.start();
    await clock.advance(1_000);
    clock.stepWall(60_000);
    expect(one.election.isLeader()).toBe(false);
  });

  it("refuses timings that are not safe, and stops at once when it never started", async () => {
    const [server, clock] = [new LeaseServer(), new FakeClock()];
    await elector(server, clock, "a").election.stop(true);
    const config = { ...TIMINGS, renewDeadlineMs: 3_000, identity: "x", namespace: "n", name: "l" };
    const modules = {
      api: server.api,
      clock,
      random: seededRandom(),
      log: silentLog,
      metrics: noMetrics,
      onElected: () => undefined,
      onDeposed: () => undefined,
    };
    expect(() => new LeaderElection(config, modules)).toThrow(/rho\*R\+M/);
  });
});
