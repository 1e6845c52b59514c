import { describe, expect, it } from "vitest";
import { LEASE_ANNOTATIONS, type Lease } from "../api/session-lease.ts";
import {
  brokenElectionRelations,
  type ElectionConfig,
  type ElectionEffect,
  type ElectionEvent,
  type ElectionState,
  INITIAL_ELECTION,
  isLeader,
  step,
} from "./lease-election.ts";

/** D 10 s, R 7 s, interval 1 s: a candidate waits rho*D+M = 10.75 s. */
const CONFIG: ElectionConfig = {
  identity: "me",
  namespace: "understudy",
  name: "leader",
  leaseDurationMs: 10_000,
  renewDeadlineMs: 7_000,
  renewIntervalMs: 1_000,
  requestTimeoutMs: 1_000,
  marginMs: 250,
};

const lease = (holder: string, version: number, nonce = "", seconds = 10): Lease => ({
  metadata: {
    name: "leader",
    namespace: "understudy",
    resourceVersion: String(version),
    annotations: { [LEASE_ANNOTATIONS.nonce]: nonce },
  },
  spec: {
    ...(holder === "" ? {} : { holderIdentity: holder }),
    leaseDurationSeconds: seconds,
    leaseTransitions: 3,
    acquireTime: "then",
  },
});

/** Feeds the machine with times and nonces n1, n2, ... and remembers what it wanted. */
class Run {
  state: ElectionState = INITIAL_ELECTION;
  effects: readonly ElectionEffect[] = [];
  #steps = 0;
  #wallOffsetMs = 0;
  at(ms: number, event: ElectionEvent): this {
    const now = { monotonicMs: ms, wallMs: ms + this.#wallOffsetMs };
    ({ state: this.state, effects: this.effects } = step(
      this.state,
      event,
      { now, nonce: `n${++this.#steps}` },
      CONFIG,
    ));
    return this;
  }
  stepWall(byMs: number): this {
    this.#wallOffsetMs += byMs;
    return this;
  }
  leads(ms: number): boolean {
    return isLeader(this.state, { monotonicMs: ms, wallMs: ms + this.#wallOffsetMs }, CONFIG);
  }
  get does(): string {
    return this.effects
      .map((effect) => (effect.type === "Deposed" ? `Deposed: ${effect.reason}` : effect.type))
      .join(", ");
  }
  get written(): Lease {
    const [effect] = this.effects;
    if (effect?.type !== "Write") throw new Error(`expected a write, got ${this.does}`);
    return effect.lease;
  }
}

/** Leads since the send at 100, written as version 1 with nonce n2. */
function leader(): Run {
  const run = new Run().at(0, { type: "Timer" }).at(100, { type: "Read", lease: undefined });
  return run.at(200, {
    type: "Written",
    lease: { ...run.written, metadata: { ...run.written.metadata, resourceVersion: "1" } },
  });
}

describe("the relations between the timings", () => {
  it("hold for the example and are named when broken", () => {
    expect(brokenElectionRelations(CONFIG)).toEqual([]);
    expect(brokenElectionRelations({ ...CONFIG, renewDeadlineMs: 9_500 })).toEqual([
      expect.stringContaining("rho*R+M"),
    ]);
    expect(brokenElectionRelations({ ...CONFIG, leaseDurationMs: 10_500 })).toEqual([
      expect.stringContaining("whole seconds"),
    ]);
    expect(brokenElectionRelations({ ...CONFIG, requestTimeoutMs: 3_000 })).toEqual([
      expect.stringContaining("two request timeouts"),
    ]);
  });
});

describe("a candidate", () => {
  it("creates a Lease that never existed and leads from the send", () => {
    const run = new Run().at(0, { type: "Timer" });
    expect(run.does).toBe("Read");
    run.at(100, { type: "Read", lease: undefined });
    expect(run.written).toMatchObject({
      metadata: { name: "leader" },
      spec: { holderIdentity: "me", leaseDurationSeconds: 10, leaseTransitions: 0 },
    });
    expect(run.written.metadata.resourceVersion).toBeUndefined();
    run.at(900, { type: "Written", lease: lease("me", 1, "n2") });
    expect(run.does).toBe("Elected");
    expect([run.leads(7_099), run.leads(7_100)]).toEqual([true, false]);
  });

  it("takes a released Lease at once, by compare-and-set on the version it saw", () => {
    const run = new Run().at(0, { type: "Timer" }).at(100, { type: "Read", lease: lease("", 41) });
    expect(run.written).toMatchObject({
      metadata: { resourceVersion: "41" },
      spec: { holderIdentity: "me", leaseTransitions: 4 },
    });
  });

  it("waits rho*D+M of its own time from the arrival of the first read of a version, then writes without reading", () => {
    const run = new Run().at(0, { type: "Timer" }).at(500, { type: "Read", lease: lease("other", 7) });
    expect(run.state.wakeAtMs).toBe(1_500);
    run.at(11_000, { type: "Timer" });
    expect(run.does).toBe("Read");
    run.at(11_100, { type: "Read", lease: lease("other", 7) });
    expect([run.does, run.state.wakeAtMs]).toEqual(["", 11_250]);
    run.at(11_250, { type: "Timer" });
    expect(run.written.metadata.resourceVersion).toBe("7");
  });

  it("starts to wait again with every change, whatever the times in the Lease say", () => {
    const run = new Run().at(0, { type: "Timer" }).at(0, { type: "Read", lease: lease("other", 7) });
    run.at(10_700, { type: "Timer" }).at(10_700, { type: "Read", lease: lease("other", 8) });
    run.at(21_400, { type: "Timer" });
    expect(run.does).toBe("Read");
  });

  it("is not fooled by a step of its wall clock", () => {
    const run = new Run().at(0, { type: "Timer" }).at(0, { type: "Read", lease: lease("other", 7) });
    run.stepWall(3_600_000).at(5_000, { type: "Timer" });
    expect(run.does).toBe("Read");
  });

  it("uses the holder's duration where that is longer", () => {
    const run = new Run().at(0, { type: "Timer" }).at(0, { type: "Read", lease: lease("other", 7, "", 60) });
    expect(run.at(63_249, { type: "Timer" }).does).toBe("Read");
    run.at(63_249, { type: "Read", lease: lease("other", 7, "", 60) });
    expect(run.at(63_250, { type: "Timer" }).written.spec?.holderIdentity).toBe("me");
  });

  it("treats a Lease that vanished as held for the full wait", () => {
    const run = new Run().at(0, { type: "Timer" }).at(0, { type: "Read", lease: lease("other", 7) });
    run.at(1_000, { type: "Timer" }).at(1_000, { type: "Read", lease: undefined });
    expect(run.at(11_749, { type: "Timer" }).does).toBe("Read");
    run.at(11_749, { type: "Read", lease: undefined });
    expect(run.at(11_750, { type: "Timer" }).written.metadata.resourceVersion).toBeUndefined();
  });

  it("that loses the race reads before it tries again", () => {
    const run = new Run()
      .at(0, { type: "Timer" })
      .at(0, { type: "Read", lease: lease("", 7) })
      .at(50, { type: "Refused" });
    expect([run.does, run.state.wakeAtMs]).toEqual(["", 550]);
    expect(run.at(550, { type: "Timer" }).does).toBe("Read");
  });

  it("whose winning reply was lost finds its nonce and leads from that send", () => {
    const run = new Run()
      .at(0, { type: "Timer" })
      .at(0, { type: "Read", lease: lease("", 7) })
      .at(1_000, { type: "WriteUnknown" });
    expect(run.does).toBe("Read");
    expect(run.at(1_100, { type: "Read", lease: lease("me", 8, "n2") }).does).toBe("Elected");
    expect([run.leads(6_999), run.leads(7_000)]).toEqual([true, false]);
  });

  it("that learns of its victory too late leads only after another write", () => {
    const run = new Run()
      .at(0, { type: "Timer" })
      .at(0, { type: "Read", lease: lease("", 7) })
      .at(8_000, { type: "Written", lease: lease("me", 8, "n2") });
    expect([run.leads(8_000), run.written.metadata.resourceVersion]).toEqual([false, "8"]);
    expect(run.at(8_100, { type: "Written", lease: lease("me", 9, "n3") }).does).toBe("Elected");
  });
});

describe("a leader", () => {
  it("renews an interval after the send and extends its right from the send, not from the answer", () => {
    const run = leader();
    expect(run.state.wakeAtMs).toBe(1_100);
    expect(run.at(1_100, { type: "Timer" }).written).toMatchObject({
      metadata: { resourceVersion: "1" },
      spec: { leaseTransitions: 0 },
    });
    run.at(1_900, { type: "Written", lease: lease("me", 2, "n4") });
    expect([run.leads(8_099), run.leads(8_100)]).toEqual([true, false]);
  });

  it("after a lost reply finds its nonce: no loss, and the right counts from that send", () => {
    const run = leader().at(1_100, { type: "Timer" }).at(2_100, { type: "WriteUnknown" });
    expect(run.does).toBe("Read");
    run.at(2_200, { type: "Read", lease: lease("me", 2, "n4") });
    expect([run.leads(8_099), run.leads(8_100)]).toEqual([true, false]);
    expect(run.state.wakeAtMs).toBe(2_200);
  });

  it("after a lost request finds its old nonce, keeps its old deadline and tries again", () => {
    const run = leader()
      .at(1_100, { type: "Timer" })
      .at(2_100, { type: "WriteUnknown" })
      .at(2_200, { type: "Read", lease: lease("me", 1, "n2") });
    expect([run.leads(7_099), run.leads(7_100), run.state.wakeAtMs]).toEqual([true, false, 2_450]);
    expect(run.at(2_450, { type: "Timer" }).written.metadata.resourceVersion).toBe("1");
  });

  it("recognises a renewal that got in late, also when a proxy's repetition of it was refused", () => {
    const run = leader()
      .at(1_100, { type: "Timer" })
      .at(2_100, { type: "WriteUnknown" })
      .at(2_200, { type: "Read", lease: lease("me", 1, "n2") });
    run.at(2_450, { type: "Timer" }).at(2_500, { type: "Refused" });
    expect(run.does).toBe("Read");
    run.at(2_600, { type: "Read", lease: lease("me", 2, "n4") });
    expect([run.leads(8_099), run.leads(8_100)]).toEqual([true, false]);
  });

  it("survives somebody's edit of the Lease without a longer right", () => {
    const run = leader()
      .at(1_100, { type: "Timer" })
      .at(1_200, { type: "Refused" })
      .at(1_300, { type: "Read", lease: lease("me", 5, "edited") });
    expect([run.leads(7_099), run.leads(7_100)]).toEqual([true, false]);
    expect(run.at(1_550, { type: "Timer" }).written.metadata.resourceVersion).toBe("5");
  });

  it.each([
    ["another holder", lease("other", 9), 'Deposed: the Lease is held by "other", Ended'],
    ["no holder", lease("", 9), 'Deposed: the Lease is held by "", Ended'],
    ["no Lease", undefined, "Deposed: the Lease was deleted, Ended"],
  ])("that reads %s is deposed at once and for good", (_what, found, does) => {
    const run = leader()
      .at(1_100, { type: "Timer" })
      .at(1_200, { type: "Refused" })
      .at(1_300, { type: "Read", lease: found });
    expect([run.does, run.leads(1_300)]).toEqual([does, false]);
    expect(run.at(1_400, { type: "Read", lease: lease("me", 10, "n2") }).does).toBe("");
  });

  it("that cannot renew keeps trying and is deposed when its right ends, not later", () => {
    const run = leader();
    for (let ms = 1_100; ms < 7_000; ms = run.state.wakeAtMs) {
      expect(run.at(ms, { type: "Timer" }).does).toBe("Write");
      run.at(ms + 10, { type: "NotWritten" });
    }
    expect(run.state.wakeAtMs).toBe(7_100);
    expect(run.at(7_100, { type: "Timer" }).does).toBe("Deposed: no renewal succeeded in time, Ended");
  });

  it("wakes at the end of its right while a request hangs", () => {
    const run = leader().at(6_500, { type: "Timer" });
    expect([run.does, run.state.wakeAtMs]).toEqual(["Write", 7_100]);
  });

  it("that was paused is not the leader in its first instruction, although the answer to a renewal waits for it", () => {
    const run = leader().at(1_100, { type: "Timer" });
    expect(run.leads(60_000)).toBe(false);
    expect(run.at(60_000, { type: "Written", lease: lease("me", 2, "n4") }).does).toContain("Deposed");
  });

  it("whose monotonic clock slept is caught by the wall clock; a wall clock set back changes nothing", () => {
    expect(leader().stepWall(7_000).leads(300)).toBe(false);
    const set = leader().stepWall(-3_600_000);
    expect([set.leads(7_099), set.leads(7_100)]).toEqual([true, false]);
  });
});

describe("release", () => {
  it("ends the right first, then reads, then gives the Lease back by compare-and-set", () => {
    const run = leader().at(500, { type: "Stop", release: true });
    expect([run.does, run.leads(500)]).toEqual(["Read", false]);
    run.at(600, { type: "Read", lease: lease("me", 1, "n2") });
    expect([run.written.metadata.resourceVersion, run.written.spec?.holderIdentity]).toEqual(["1", undefined]);
    expect(run.at(700, { type: "Written", lease: lease("", 2) }).does).toBe("Ended");
  });

  it("waits for a renewal under way and gives back what that wrote", () => {
    const run = leader().at(1_100, { type: "Timer" }).at(1_150, { type: "Stop", release: true });
    expect(run.does).toBe("");
    expect(run.at(1_200, { type: "Written", lease: lease("me", 2, "n4") }).written.metadata.resourceVersion).toBe("2");
  });

  it("does not touch a Lease that another one holds, and ends also when nothing answers", () => {
    expect(
      leader()
        .at(500, { type: "Stop", release: true })
        .at(600, { type: "Read", lease: lease("other", 9) }).does,
    ).toBe("Ended");
    expect(leader().at(500, { type: "Stop", release: true }).at(600, { type: "ReadFailed" }).does).toBe("Ended");
    const lost = leader()
      .at(500, { type: "Stop", release: true })
      .at(600, { type: "Read", lease: lease("me", 1, "n2") });
    expect(lost.at(700, { type: "WriteUnknown" }).does).toBe("Ended");
  });

  it("may be forgone: the right ends and the Lease stays as it is", () => {
    const run = leader().at(500, { type: "Stop", release: false });
    expect([run.does, run.leads(500)]).toEqual(["Ended", false]);
  });

  it("is nothing for a standby, unless a write of its own may yet have won", () => {
    const standby = new Run().at(0, { type: "Timer" }).at(0, { type: "Read", lease: lease("other", 7) });
    expect(standby.at(100, { type: "Stop", release: true }).does).toBe("Ended");
    const trying = new Run()
      .at(0, { type: "Timer" })
      .at(0, { type: "Read", lease: lease("", 7) })
      .at(10, { type: "Stop", release: true });
    expect(trying.at(1_000, { type: "WriteUnknown" }).does).toBe("Read");
    expect(trying.at(1_100, { type: "Read", lease: lease("me", 8, "n2") }).does).toBe("Write");
  });
});
