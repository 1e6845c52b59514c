import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { silentLog } from "../lib/log.ts";
import type { Labels, Metrics } from "../lib/metrics.ts";
import { Informer, type InformerOptions } from "./informer.ts";
import {
  type KubeApi,
  KubeError,
  type KubeObject,
  keyText,
  type ObjectList,
  type ResourceType,
  type WatchEvent,
  type WatchOptions,
} from "./ports.ts";

const NODE: ResourceType = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
const node = (name: string, resourceVersion: number, labels: Record<string, string> = {}): KubeObject => ({
  metadata: { name, resourceVersion: String(resourceVersion), labels, managedFields: [{}] },
});

/** One watch as the test sees it: it pushes events and ends or breaks it. */
class ScriptedWatch {
  readonly options: WatchOptions;
  #queue: (WatchEvent<KubeObject> | "end" | KubeError)[] = [];
  #wake: (() => void) | undefined;
  constructor(options: WatchOptions) {
    this.options = options;
    options.signal.addEventListener("abort", () => this.push("end"));
  }
  push(...what: (WatchEvent<KubeObject> | "end" | KubeError)[]): void {
    this.#queue.push(...what);
    this.#wake?.();
  }
  async *events(): AsyncGenerator<WatchEvent<KubeObject>> {
    for (;;) {
      const next = this.#queue.shift();
      if (next === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else if (next === "end") return;
      else if (next instanceof KubeError) throw next;
      else yield next;
    }
  }
}

function setup(options: Partial<InformerOptions<KubeObject>> = {}) {
  const clock = new FakeClock();
  const lists: (ObjectList<KubeObject> | KubeError)[] = [];
  const watches: ScriptedWatch[] = [];
  const restarts: string[] = [];
  const requests: { list: number } = { list: 0 };
  const api = {
    list: async () => {
      requests.list += 1;
      const next = lists.shift() ?? new KubeError({ code: "Unreachable" }, "no server");
      if (next instanceof KubeError) throw next;
      return await Promise.resolve(next);
    },
    watch: (_type: ResourceType, watchOptions: WatchOptions) => {
      const watch = new ScriptedWatch(watchOptions);
      watches.push(watch);
      return watch.events();
    },
  } as unknown as KubeApi;
  const metrics: Metrics = {
    count: (_name, labels?: Labels) => void restarts.push(labels?.["cause"] ?? ""),
    set: () => undefined,
    observe: () => undefined,
  };
  const random = { next: () => 1, uuid: () => "" };
  const informer = new Informer<KubeObject>(
    { type: NODE, ...options },
    { api, clock, random, log: silentLog, metrics },
  );
  const told: string[] = [];
  informer.onChange((key) => told.push(keyText(key)));
  const last = (): ScriptedWatch => {
    const watch = watches.at(-1);
    if (watch === undefined) throw new Error("no watch yet");
    return watch;
  };
  const names = (): string[] =>
    informer.list().map((object) => `${object.metadata.name}@${object.metadata.resourceVersion}`);
  return { clock, lists, watches, last, informer, told, names, restarts, requests };
}

const gone = new KubeError({ code: "Gone", status: 410, reason: "Expired" }, "too old");
const broken = new KubeError({ code: "ResultUnknown", timedOut: false }, "reset");
const silent = new KubeError({ code: "ResultUnknown", timedOut: true }, "silent");

describe("an informer", () => {
  it("lists, then follows from the list's version, telling keys only", async () => {
    const { clock, lists, last, informer, told, names } = setup();
    lists.push({ resourceVersion: "10", items: [node("b", 4), node("a", 9)] });
    informer.start();
    await informer.synced;
    expect(told.splice(0)).toEqual(["b", "a"]);
    await clock.advance(0);
    expect(last().options).toMatchObject({ resourceVersion: "10", idleTimeoutMs: 30_000, timeoutSeconds: 375 });
    last().push(
      { type: "MODIFIED", object: node("a", 11) },
      { type: "DELETED", object: node("b", 12) },
      { type: "ADDED", object: node("c", 13) },
    );
    await clock.advance(0);
    expect(told).toEqual(["a", "b", "c"]);
    expect(names()).toEqual(["a@11", "c@13"]);
    expect(informer.get({ namespace: "", name: "a" })?.metadata.managedFields).toBeUndefined();
    await informer.stop();
    expect(clock.timersPending).toBe(0);
  });

  it("retries the first list with growing, bounded delays and syncs as soon as it succeeds", async () => {
    const { clock, lists, informer, requests } = setup();
    informer.start();
    const at: number[] = [];
    for (let seen = 0; at.length < 9;) {
      if (requests.list > seen) at.push(clock.monotonicMs());
      seen = requests.list;
      await clock.advance(100);
    }
    expect(at).toEqual([0, 100, 300, 700, 1_500, 3_100, 6_300, 11_300, 16_300]);
    expect(informer.hasSynced).toBe(false);
    lists.push({ resourceVersion: "1", items: [] });
    await clock.advance(5_000);
    expect(informer.hasSynced).toBe(true);
    await informer.stop();
  });

  it("resumes where a closed, broken or silent watch ended, from the last event or bookmark, without a list", async () => {
    const { clock, lists, watches, last, informer, restarts, requests } = setup();
    lists.push({ resourceVersion: "10", items: [] });
    informer.start();
    await clock.advance(2_000);
    last().push({ type: "BOOKMARK", resourceVersion: "20" }, "end");
    await clock.advance(2_000);
    expect(last().options.resourceVersion).toBe("20");
    last().push({ type: "ADDED", object: node("a", 25) }, broken);
    await clock.advance(2_000);
    expect(last().options.resourceVersion).toBe("25");
    last().push(silent);
    await clock.advance(0);
    expect(watches).toHaveLength(4);
    expect(restarts).toEqual(["closed", "error", "idle"]);
    expect(requests.list).toBe(1);
    await informer.stop();
  });

  it("begins its watch afresh when asked to, at once, from the last event, without a list", async () => {
    const { clock, lists, watches, last, informer, names, restarts, requests } = setup();
    lists.push({ resourceVersion: "10", items: [node("a", 9)] });
    informer.refresh();
    informer.start();
    await clock.advance(0);
    last().push({ type: "MODIFIED", object: node("a", 11) });
    await clock.advance(0);
    informer.refresh();
    await clock.advance(0);
    expect(watches.map(({ options }) => options.resourceVersion)).toEqual(["10", "11"]);
    last().push({ type: "MODIFIED", object: node("a", 12) });
    await clock.advance(0);
    expect(names()).toEqual(["a@12"]);
    expect(restarts).toEqual(["refreshed"]);
    expect(requests.list).toBe(1);
    await informer.stop();
    expect(clock.timersPending).toBe(0);
  });

  it("does not spin on a server that ends or refuses every watch at once", async () => {
    const { clock, lists, watches, informer } = setup();
    lists.push({ resourceVersion: "10", items: [] });
    informer.start();
    for (let step = 0; step < 60_000; step += 100) {
      await clock.advance(100);
      watches.at(-1)?.push(step % 200 === 0 ? "end" : broken);
    }
    expect(watches.length).toBeLessThan(20);
    await informer.stop();
  });

  it("after 410 lists again and reports exactly what differs", async () => {
    const { clock, lists, last, informer, told, names, restarts } = setup();
    lists.push({ resourceVersion: "10", items: [node("same", 1), node("changed", 2), node("removed", 3)] });
    informer.start();
    await clock.advance(2_000);
    told.length = 0;
    lists.push({ resourceVersion: "30", items: [node("same", 1), node("changed", 22), node("new", 23)] });
    last().push(gone);
    await clock.advance(0);
    expect(told.sort()).toEqual(["changed", "new", "removed"]);
    expect(names()).toEqual(["changed@22", "new@23", "same@1"]);
    expect(last().options.resourceVersion).toBe("30");
    expect(restarts).toEqual(["gone"]);
    await informer.stop();
  });

  it("never goes back in time: replays and echoes from before our own write are ignored", async () => {
    const { clock, lists, last, informer, told, names } = setup();
    lists.push({ resourceVersion: "10", items: [node("a", 10)] });
    informer.start();
    await clock.advance(2_000);
    told.length = 0;
    informer.absorb(node("a", 15));
    informer.absorb(node("created", 16));
    last().push(
      { type: "MODIFIED", object: node("a", 12) },
      { type: "MODIFIED", object: node("a", 15) },
      { type: "DELETED", object: node("created", 14) },
    );
    await clock.advance(0);
    expect(told).toEqual(["a", "created"]);
    lists.push({ resourceVersion: "15", items: [node("a", 15)] });
    last().push(gone);
    await clock.advance(0);
    expect(names()).toEqual(["a@15", "created@16"]);
    await informer.stop();
  });

  it("lists again when watches tell nothing for long, and accepts a server that was restored from a backup", async () => {
    const { clock, lists, last, informer, told, names, requests } = setup();
    lists.push({ resourceVersion: "100", items: [node("kept", 90), node("newer", 95)] });
    informer.start();
    await clock.advance(2_000);
    told.length = 0;
    lists.push({ resourceVersion: "50", items: [node("kept", 40), node("old", 45)] });
    for (let watch = 1; watch <= 5; watch++) {
      expect(requests.list).toBe(1);
      last().push(silent);
      await clock.advance(2_000);
    }
    expect(requests.list).toBe(2);
    expect(names()).toEqual(["kept@40", "old@45"]);
    expect(told.sort()).toEqual(["kept", "newer", "old"]);
    last().push({ type: "MODIFIED", object: node("kept", 51) });
    await clock.advance(0);
    expect(names()).toEqual(["kept@51", "old@45"]);
    await informer.stop();
  });

  it("keeps indexes in step with what changes", async () => {
    const { clock, lists, last, informer } = setup({
      indexes: { zone: (object) => [object.metadata.labels?.["zone"] ?? ""] },
    });
    lists.push({ resourceVersion: "10", items: [node("a", 1, { zone: "x" }), node("b", 2, { zone: "y" })] });
    informer.start();
    await clock.advance(0);
    last().push(
      { type: "MODIFIED", object: node("b", 11, { zone: "x" }) },
      { type: "DELETED", object: node("a", 12, { zone: "x" }) },
    );
    await clock.advance(0);
    expect(informer.byIndex("zone", "x").map((object) => object.metadata.name)).toEqual(["b"]);
    expect(informer.byIndex("zone", "y")).toEqual([]);
    expect(() => informer.byIndex("rack", "x")).toThrow(/rack/);
    await informer.stop();
  });

  it("stops at once, also while it waits to retry, and tells nobody anything after that", async () => {
    const { clock, informer, told } = setup();
    informer.start();
    await clock.advance(0);
    await informer.stop();
    await informer.synced;
    expect([informer.hasSynced, clock.timersPending]).toEqual([false, 0]);
    const other = setup();
    other.lists.push({ resourceVersion: "1", items: [] });
    other.informer.start();
    await other.clock.advance(0);
    const stopped = other.informer.stop();
    other.last().push({ type: "ADDED", object: node("late", 2) });
    await stopped;
    expect([told, other.told]).toEqual([[], []]);
  });

  it("waits as long as a throttling server asks", async () => {
    const { clock, lists, informer, requests } = setup();
    lists.push(
      new KubeError({ code: "TooManyRequests", status: 429, reason: "TooManyRequests", retryAfterMs: 7_000 }, "busy"),
    );
    informer.start();
    await clock.advance(6_999);
    expect(requests.list).toBe(1);
    await clock.advance(1);
    expect(requests.list).toBe(2);
    await informer.stop();
  });
});
