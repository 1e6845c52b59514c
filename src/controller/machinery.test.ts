/**
 * The generic machinery as one: two replicas of a small controller over the in-process API server. The controller
 * copies `spec.holderIdentity` of Leases into an annotation, which stands for any write of any reconciler.
 */
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { InProcessKube } from "../../test/fakes/in-process-kube.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { LEASE, type Lease } from "../api/session-lease.ts";
import { Informer } from "../kube/informer.ts";
import { type KubeApi, keyText, type ObjectKey } from "../kube/ports.ts";
import { silentLog } from "../lib/log.ts";
import { noMetrics } from "../lib/metrics.ts";
import type { Fence, Plan, Reconciler } from "./contract.ts";
import { electionTimings } from "./election-timings.ts";
import { LeaderElection } from "./leader-election.ts";
import { Manager } from "./manager.ts";
import { ReconcileLoop } from "./reconcile-loop.ts";

const WORK = "work";
const COPY = "understudy.dev/copy";

class Copier implements Reconciler<Lease, string> {
  readonly name = "Copier";
  readonly #leases: Informer<Lease>;
  readonly #api: KubeApi;
  readonly #acted: (key: ObjectKey) => void;
  constructor(leases: Informer<Lease>, api: KubeApi, acted: (key: ObjectKey) => void) {
    this.#leases = leases;
    this.#api = api;
    this.#acted = acted;
  }
  async observe(key: ObjectKey): Promise<Lease | undefined> {
    return await Promise.resolve(this.#leases.get(key));
  }
  plan({ spec, metadata }: Lease): Plan<string> {
    const wanted = spec?.holderIdentity ?? "";
    return { steps: metadata.annotations?.[COPY] === wanted ? [] : [wanted] };
  }
  async act(key: ObjectKey, wanted: string, fence: Fence): Promise<void> {
    fence.assertLeader();
    this.#acted(key);
    const body = { metadata: { annotations: { [COPY]: wanted } } };
    this.#leases.absorb(await this.#api.patch<Lease>(LEASE, key, { type: "merge", body }));
  }
}

function replica(name: string, kube: InProcessKube, clock: FakeClock) {
  const api = kube.sibling({ userAgent: name, timeoutMs: 500 });
  const modules = { api, clock, random: seededRandom(name.length), log: silentLog, metrics: noMetrics };
  const acts: { who: string; what: string; leading: boolean }[] = [];
  const lost: string[] = [];
  const leases = new Informer<Lease>({ type: LEASE, namespace: WORK, idleTimeoutMs: 2_000 }, modules);
  const election: { current?: LeaderElection } = {};
  const fence: Fence = { assertLeader: () => election.current?.assertLeader() };
  const copier = new Copier(leases, api, (key) =>
    acts.push({ who: name, what: keyText(key), leading: election.current?.isLeader() === true }),
  );
  const loop = new ReconcileLoop(copier, {}, { ...modules, fence });
  leases.onChange((key) => loop.enqueue(key));
  const manager = new Manager(
    { drainTimeoutMs: 1_000 },
    {
      caches: [leases],
      loops: [loop],
      clock,
      log: silentLog,
      election: (listener) => {
        const config = { ...electionTimings("fast"), identity: name, namespace: "understudy-system", name: "leader" };
        election.current = new LeaderElection(config, {
          ...modules,
          onElected: () => listener.onElected(),
          onDeposed: (reason) => listener.onDeposed(reason),
        });
        return election.current;
      },
      onLost: (reason) => lost.push(reason),
    },
  );
  return { name, manager, acts, lost };
}

async function twoReplicas() {
  const clock = new FakeClock();
  const kube = InProcessKube.create({ clock });
  const [one, two] = [replica("one", kube, clock), replica("second", kube, clock)];
  void one.manager.start();
  await clock.advance(100);
  void two.manager.start();
  await clock.advance(1_000);
  const put = async (name: string, holderIdentity: string): Promise<void> => {
    const known = await kube.get<Lease>(LEASE, { namespace: WORK, name });
    if (known === undefined)
      await kube.create<Lease>(LEASE, { metadata: { name, namespace: WORK }, spec: { holderIdentity } });
    else await kube.replace<Lease>(LEASE, { ...known, spec: { ...known.spec, holderIdentity } });
  };
  const copy = async (name: string): Promise<string | undefined> =>
    (await kube.get(LEASE, { namespace: WORK, name }))?.metadata.annotations?.[COPY];
  const end = async (): Promise<void> => {
    const stopped = Promise.all([one.manager.stop(), two.manager.stop()]);
    await clock.advance(5_000);
    await stopped;
    kube.core.close();
  };
  return { clock, kube, one, two, put, copy, end };
}

describe("two replicas", () => {
  it("one acts; when it is asked to end, the other goes on within an interval, from a warm cache", async () => {
    const { clock, one, two, put, copy, end } = await twoReplicas();
    await put("a", "x");
    await clock.advance(100);
    expect([await copy("a"), one.acts.length, two.acts.length]).toEqual(["x", 1, 0]);
    const stopped = one.manager.stop();
    await put("a", "y");
    await clock.advance(500);
    await stopped;
    expect([await copy("a"), one.acts.length, two.acts.length]).toEqual(["y", 1, 1]);
    await end();
  });

  it("a leader cut off from the server stops before the other one starts, and no write is lost", async () => {
    const { clock, kube, one, two, put, copy, end } = await twoReplicas();
    kube.faults.add({ match: { userAgent: "one" }, action: { kind: "cut" } });
    kube.dropWatches("one");
    await put("a", "x");
    let secondLedAtMs: number | undefined;
    for (let ms = 0; ms < 6_000; ms += 50) {
      await clock.advance(50);
      if (one.manager.isLeader() && two.manager.isLeader()) expect.unreachable("two leaders");
      if (two.manager.isLeader()) secondLedAtMs ??= ms;
    }
    expect(one.lost).toEqual(["no renewal succeeded in time"]);
    expect([one.manager.healthy(), await copy("a"), two.acts.length]).toEqual(["leadership was lost", "x", 1]);
    expect(secondLedAtMs).toBeLessThan(4_000);
    expect([...one.acts, ...two.acts].every((act) => act.leading)).toBe(true);
    await end();
  });

  it("lost replies, throttling and broken watches cost time only", async () => {
    const { clock, kube, one, two, put, copy, end } = await twoReplicas();
    kube.faults.add({ match: { verbs: ["patch"], resource: "leases" }, action: { kind: "lose-reply" }, times: 3 });
    kube.faults.add({
      match: { verbs: ["update"], resource: "leases", userAgent: "one" },
      action: { kind: "lose-reply" },
      times: 2,
    });
    for (let n = 0; n < 20; n++) {
      await put(`lease-${n % 4}`, `holder-${n}`);
      if (n % 5 === 0) kube.dropWatches();
      await clock.advance(300);
    }
    await clock.advance(5_000);
    for (let n = 16; n < 20; n++) expect(await copy(`lease-${n % 4}`)).toBe(`holder-${n}`);
    expect([one.manager.isLeader(), one.lost, two.acts]).toEqual([true, [], []]);
    await end();
  });

  it("leave no timer behind when they have stopped", async () => {
    const { clock, end } = await twoReplicas();
    await end();
    expect(clock.timersPending).toBe(0);
  });
});
