import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/fakes/fake-clock.ts";
import { seededRandom } from "../../test/fakes/seeded-random.ts";
import { type KubeApi, KubeError, type KubeObject, type ObjectKey, type Patch } from "../kube/ports.ts";
import { silentLog } from "../lib/log.ts";
import { EventRecorder, type KubeEvent } from "./event-recorder.ts";

const group = (name = "g"): KubeObject => ({
  apiVersion: "understudy.dev/v1alpha1",
  kind: "FailoverGroup",
  metadata: { name, namespace: "ha", uid: `uid-${name}` },
});

function setup() {
  const clock = new FakeClock();
  const events = new Map<string, KubeEvent>();
  const server: { requests: number; failure?: (event: number) => KubeError | undefined; hangs?: boolean } = {
    requests: 0,
  };
  const gate = async (signal?: AbortSignal): Promise<void> => {
    server.requests += 1;
    if (server.hangs === true)
      await new Promise<void>((_resolve, reject) =>
        signal?.addEventListener("abort", () => reject(new KubeError({ code: "ResultUnknown" }, "aborted"))),
      );
    const failure = server.failure?.(server.requests);
    if (failure !== undefined) throw failure;
  };
  const api = {
    create: async (_type: unknown, event: KubeEvent, options: { signal?: AbortSignal }) => {
      await gate(options.signal);
      if (events.has(event.metadata.name))
        throw new KubeError({ code: "AlreadyExists", status: 409, reason: "AlreadyExists" }, "exists");
      events.set(event.metadata.name, event);
    },
    patch: async (_type: unknown, key: ObjectKey, patch: Patch, options: { signal?: AbortSignal }) => {
      await gate(options.signal);
      const known = events.get(key.name);
      if (known === undefined) throw new KubeError({ code: "NotFound", status: 404, reason: "NotFound" }, "gone");
      events.set(key.name, { ...known, ...(patch.body as object) });
    },
  } as unknown as KubeApi;
  const recorder = new EventRecorder(
    { component: "understudy-controller", instance: "r1" },
    { api, clock, random: seededRandom(), log: silentLog },
  );
  const shown = (): string[] =>
    [...events.values()].map(({ type, reason, message, count }) => `${type} ${reason} x${count} ${message}`);
  return { clock, events, server, recorder, shown };
}

describe("the event recorder", () => {
  it("writes an Event that kubectl understands", async () => {
    const { clock, events, recorder } = setup();
    recorder.record(group(), "Warning", "NoCandidate", "no member is promotable");
    await clock.advance(0);
    expect([...events.values()]).toEqual([
      {
        metadata: { name: expect.stringMatching(/^g\.[0-9a-f]{16}$/), namespace: "ha" },
        involvedObject: {
          apiVersion: "understudy.dev/v1alpha1",
          kind: "FailoverGroup",
          namespace: "ha",
          name: "g",
          uid: "uid-g",
        },
        type: "Warning",
        reason: "NoCandidate",
        message: "no member is promotable",
        count: 1,
        firstTimestamp: "2026-01-01T00:00:00Z",
        lastTimestamp: "2026-01-01T00:00:00Z",
        source: { component: "understudy-controller" },
        reportingComponent: "understudy-controller",
        reportingInstance: "r1",
      },
    ]);
  });

  it("counts repetitions, in one write when they wait together, and starts anew after a while", async () => {
    const { clock, events, server, recorder, shown } = setup();
    for (let round = 0; round < 3; round++) {
      for (let times = 0; times < 2; times++) recorder.record(group(), "Normal", "Active", "up");
      await clock.advance(60_000);
    }
    expect([shown(), server.requests]).toEqual([["Normal Active x6 up"], 4]);
    expect([...events.values()][0]).toMatchObject({
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:02:00Z",
    });
    await clock.advance(600_000);
    recorder.record(group(), "Normal", "Active", "up");
    await clock.advance(0);
    expect(shown()).toEqual(["Normal Active x6 up", "Normal Active x1 up"]);
  });

  it("folds many similar Events into one", async () => {
    const { clock, recorder, shown } = setup();
    for (let n = 1; n <= 14; n++) recorder.record(group(), "Warning", "CallFailed", `request ${n}`);
    await clock.advance(0);
    expect(shown()).toHaveLength(11);
    expect(shown().at(-1)).toBe("Warning CallFailed x4 (combined from similar events): request 14");
  });

  it("silences an object that says too much, not the others", async () => {
    const { clock, recorder, shown } = setup();
    for (let n = 0; n < 200; n++) recorder.record(group("loud"), "Normal", `Reason${n}`, "x");
    recorder.record(group("quiet"), "Normal", "Active", "up");
    await clock.advance(0);
    expect(shown()).toHaveLength(26);
    await clock.advance(60_000);
    recorder.record(group("loud"), "Normal", "Later", "x");
    await clock.advance(0);
    expect(shown()).toHaveLength(27);
  });

  it("writes again what expired, and is content when a lost reply had been a success", async () => {
    const { clock, events, server, recorder, shown } = setup();
    recorder.record(group(), "Normal", "Active", "up");
    await clock.advance(0);
    events.clear();
    recorder.record(group(), "Normal", "Active", "up");
    await clock.advance(0);
    expect(shown()).toEqual(["Normal Active x2 up"]);
    server.failure = (request) => (request === 4 ? new KubeError({ code: "ResultUnknown" }, "lost") : undefined);
    recorder.record(group(), "Normal", "Moved", "to n2");
    await clock.advance(2_000);
    expect(shown()).toEqual(["Normal Active x2 up", "Normal Moved x1 to n2"]);
  });

  it("gives up on a server that fails, and never throws or blocks", async () => {
    const { clock, server, recorder, shown } = setup();
    server.failure = () => new KubeError({ code: "Unreachable" }, "down");
    recorder.record(group(), "Normal", "Active", "up");
    await clock.advance(10_000);
    expect(server.requests).toBe(3);
    delete server.failure;
    recorder.record(group(), "Normal", "Moved", "to n2");
    await clock.advance(0);
    expect(shown()).toEqual(["Normal Moved x1 to n2"]);
  });

  it("is bounded, and stops within the time it is given", async () => {
    const { clock, server, recorder } = setup();
    server.hangs = true;
    for (let n = 0; n < 3_000; n++) recorder.record(group(`g${n}`), "Normal", "Active", "up");
    const stopped = recorder.stop(1_000);
    await clock.advance(1_000);
    await stopped;
    recorder.record(group(), "Normal", "Late", "x");
    await clock.advance(10_000);
    expect([server.requests, clock.timersPending]).toEqual([1, 0]);
  });
});
