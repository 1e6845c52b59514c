import { beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { InProcessKube } from "../../../test/fakes/in-process-kube.ts";
import type { KubeObject } from "../../kube/ports.ts";
import { FENCING_RECORD, FencingRecord } from "./fencing-record.ts";

const CONFIG_MAPS = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
const KEY = { namespace: "understudy-system", name: FENCING_RECORD };
const PERIOD_MS = 600_000;
const shot = (n: number) => ({ node: `node${n}`, session: `node${n}_1`, machine: `i-${n}` });

let clock: FakeClock;
let kube: InProcessKube;

beforeEach(() => {
  clock = new FakeClock();
  kube = InProcessKube.create({ clock });
});

const recordOf = (name = "controller-0"): FencingRecord =>
  new FencingRecord(
    { namespace: KEY.namespace, maxPerPeriod: 2, periodMs: PERIOD_MS, timeoutMs: 1_000 },
    { kube: kube.sibling({ userAgent: name }), clock },
  );

describe("the record of stopped machines", () => {
  it("admits as many as the limit says, and says when the next one may be", async () => {
    const record = recordOf();
    expect(await record.reserve(shot(1))).toEqual({ ok: true, isNew: true });
    await clock.advance(60_000);
    expect(await record.reserve(shot(2))).toEqual({ ok: true, isNew: true });
    await clock.advance(60_000);
    const third = await record.reserve(shot(3));
    expect(third).toMatchObject({ ok: false, leftMs: PERIOD_MS - 120_000 });
    await clock.advance(PERIOD_MS - 120_000 + 1);
    expect(await record.reserve(shot(3))).toEqual({ ok: true, isNew: true });
    expect(await record.reserve(shot(4))).toMatchObject({ ok: false });
  });

  it("counts one loss once, however often and by whomever it is noted", async () => {
    await recordOf("a").reserve(shot(1));
    expect(await recordOf("b").reserve(shot(1))).toEqual({ ok: true, isNew: false });
    expect(await recordOf("b").reserve(shot(2))).toMatchObject({ ok: true });
    expect(await recordOf("b").reserve({ ...shot(1), session: "node1_2" })).toMatchObject({ ok: false });
  });

  it("holds the limit when two write at once", async () => {
    const reserved = await Promise.all([1, 2, 3, 4].map((n) => recordOf(`c${n}`).reserve(shot(n))));
    expect(reserved.filter((reservation) => reservation.ok)).toHaveLength(2);
  });

  it("finds what a write with a lost reply has noted", async () => {
    kube.faults.add({ match: { resource: "configmaps", verbs: ["create"] }, action: { kind: "lose-reply" }, times: 1 });
    const first = await recordOf()
      .reserve(shot(1))
      .catch(() => "unknown");
    expect(first).toBe("unknown");
    await recordOf().reserve(shot(1));
    expect(await recordOf().reserve(shot(2))).toMatchObject({ ok: true });
    expect(await recordOf().reserve(shot(3))).toMatchObject({ ok: false });
  });

  it("counts a time from the future as now, so that a wrong clock blocks for no longer than the period", async () => {
    const record = recordOf();
    clock.stepWall(365 * 86_400_000);
    await record.reserve(shot(1));
    await record.reserve(shot(2));
    clock.stepWall(-365 * 86_400_000);
    expect(await record.reserve(shot(3))).toMatchObject({ ok: false, leftMs: PERIOD_MS });
  });

  it("gives back what the cloud refused", async () => {
    const record = recordOf();
    await record.reserve(shot(1));
    await record.reserve(shot(2));
    await record.cancel("node2", "node2_1");
    expect(await record.reserve(shot(3))).toMatchObject({ ok: true });
  });

  it("knows what is to be started: what was stopped, once", async () => {
    const record = recordOf();
    await record.reserve(shot(1));
    expect(await record.isToBeStarted("node1", "node1_1")).toBe(false);
    await record.noteStopped("node1", "node1_1");
    expect(await recordOf("b").isToBeStarted("node1", "node1_1")).toBe(true);
    expect(await record.isToBeStarted("node1", "node1_2")).toBe(false);
    await record.noteStarted("node1", "node1_1");
    expect(await record.isToBeStarted("node1", "node1_1")).toBe(false);
  });

  it.each(["{", "{}", '[{"node":1}]', '[{"node":"a","session":"b","at":"yesterday"}]'])(
    "refuses when somebody wrote %s into it",
    async (shots) => {
      const map: KubeObject & { data: object } = { metadata: { ...KEY }, data: { shots } };
      await kube.create(CONFIG_MAPS, map);
      await expect(recordOf().reserve(shot(1))).rejects.toMatchObject({ code: "RecordUnreadable" });
    },
  );
});
