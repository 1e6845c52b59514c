import { describe, expect, test } from "vitest";
import { rulesWithout } from "../../../test/fakes/broken-rules.ts";
import { changeOf } from "./in-sync-driver.ts";
import { mayBeInSync, mustBeAsked, stepInSync } from "./in-sync-machine.ts";
import {
  type InSyncEffect,
  type InSyncEvent,
  type InSyncState,
  initialInSync,
  type SetRecord,
} from "./in-sync-state.ts";
import { ALL_RULES } from "../../lib/safety-rules.ts";

const OWN = { node: "a", epoch: 3 };

function record(generation: number, members: readonly string[], primary: SetRecord["primary"] = OWN): SetRecord {
  return { generation, members, primary };
}

/** The machine with a memory of what it wanted last. */
class Primary {
  state: InSyncState;
  nowMs = 0;
  effects: readonly InSyncEffect[] = [];
  wakeAtMs: number | undefined;

  constructor(rules = ALL_RULES) {
    this.state = initialInSync("a", rules);
  }

  /** Holds the disk, has read this record and knows these copies to be equal. */
  static of(members: readonly string[], equal: readonly string[], rules = ALL_RULES): Primary {
    const primary = new Primary(rules);
    primary.tell({ type: "primary", epoch: 3 });
    primary.tell({ type: "seen", record: record(7, members), isConsistent: true });
    primary.tell({ type: "asked", members });
    primary.tell({ type: "equal", members: equal });
    return primary;
  }

  tell(event: InSyncEvent): readonly InSyncEffect[] {
    const { state, effects, wakeAtMs } = stepInSync(this.state, event, this.nowMs);
    Object.assign(this, { state, effects, wakeAtMs });
    return effects;
  }

  wait(): readonly InSyncEffect[] {
    this.nowMs = this.wakeAtMs ?? this.nowMs;
    return this.tell({ type: "tick" });
  }
}

const write = (onGeneration: number, members: readonly string[]): InSyncEffect => ({
  type: "write",
  epoch: 3,
  onGeneration,
  members,
});

describe("who may be in sync", () => {
  test("is not known before a set sealed with the own epoch was seen: it may be anybody", () => {
    const primary = new Primary();
    expect(primary.tell({ type: "primary", epoch: 3 })).toEqual([{ type: "read" }]);
    expect(mayBeInSync(primary.state)).toBeUndefined();
    primary.tell({ type: "seen", record: record(7, ["a"], { node: "a", epoch: 2 }), isConsistent: false });
    expect(mustBeAsked(primary.state)).toBeUndefined();
    primary.tell({ type: "seen", record: record(7, ["a", "b"]), isConsistent: true });
    expect(mayBeInSync(primary.state)).toEqual(["a", "b"]);
  });

  test("is nobody's business of a node that does not hold the disk", () => {
    const primary = new Primary();
    expect(primary.tell({ type: "seen", record: record(7, ["a", "b"]), isConsistent: false })).toEqual([]);
    expect(primary.tell({ type: "equal", members: [] })).toEqual([]);
    expect(mustBeAsked(primary.state)).toBeUndefined();
  });

  test("is the union of the set on record and of every change that has no answer (A4)", () => {
    const primary = Primary.of(["a"], []);
    primary.tell({ type: "asked", members: ["a", "b"] });
    expect(primary.tell({ type: "equal", members: ["b"] })).toEqual([write(7, ["a", "b"])]);
    primary.tell({ type: "unknown" });
    primary.wait();
    primary.tell({ type: "equal", members: [] });
    // The read shows the set before it, and the change may still be carried out.
    primary.tell({ type: "seen", record: record(7, ["a"]), isConsistent: true });
    expect(mayBeInSync(primary.state)).toEqual(["a", "b"]);
  });

  test("follows a read alone only where that rule is broken", () => {
    const primary = Primary.of(["a"], [], rulesWithout("onlyWritesResolveChanges"));
    primary.tell({ type: "asked", members: ["a", "b"] });
    primary.tell({ type: "equal", members: ["b"] });
    primary.tell({ type: "unknown" });
    primary.wait();
    primary.tell({ type: "equal", members: [] });
    primary.tell({ type: "seen", record: record(7, ["a"]), isConsistent: true });
    expect(mayBeInSync(primary.state)).toEqual(["a"]);
  });
});

describe("a copy that was lost", () => {
  test("is taken out at once, and counts until that is stored", () => {
    const primary = Primary.of(["a", "b"], ["b"]);
    expect(primary.tell({ type: "equal", members: [] })).toEqual([write(7, ["a"])]);
    expect(mayBeInSync(primary.state)).toEqual(["a", "b"]);
    primary.tell({ type: "stored", record: record(8, ["a"]) });
    expect(mayBeInSync(primary.state)).toEqual(["a"]);
  });

  test("goes before one that is added", () => {
    const primary = Primary.of(["a", "b"], ["b"]);
    primary.tell({ type: "asked", members: ["a", "b", "c"] });
    expect(primary.tell({ type: "equal", members: ["c"] })).toEqual([write(7, ["a"])]);
    expect(primary.tell({ type: "stored", record: record(8, ["a"]) })).toEqual([write(8, ["a", "c"])]);
  });

  test("is not taken out while the engine has said nothing yet", () => {
    const primary = new Primary();
    primary.tell({ type: "primary", epoch: 3 });
    expect(primary.tell({ type: "seen", record: record(7, ["a", "b"]), isConsistent: true })).toEqual([]);
  });
});

describe("a copy that is equal again", () => {
  test("is added only after the guard asks it (A3)", () => {
    const primary = Primary.of(["a"], []);
    expect(primary.tell({ type: "equal", members: ["b"] })).toEqual([]);
    expect(mustBeAsked(primary.state)).toEqual(["a", "b"]);
    expect(mayBeInSync(primary.state)).toEqual(["a"]);
    expect(primary.tell({ type: "asked", members: ["a", "b"] })).toEqual([write(7, ["a", "b"])]);
  });
});

describe("a change without an answer", () => {
  test("is read and sent again, and known by the answer to the later one", () => {
    const primary = Primary.of(["a", "b"], ["b"]);
    primary.tell({ type: "equal", members: [] });
    primary.tell({ type: "unknown" });
    expect(primary.wait()).toEqual([{ type: "read" }]);
    expect(primary.tell({ type: "seen", record: record(7, ["a", "b"]), isConsistent: true })).toEqual([
      write(7, ["a"]),
    ]);
    primary.tell({ type: "stored", record: record(8, ["a"]) });
    expect(primary.state.unresolved).toEqual([]);
  });

  test("is settled by a change that changes nothing, where nothing is wanted any more", () => {
    const primary = Primary.of(["a", "b"], ["b"]);
    primary.tell({ type: "equal", members: [] });
    primary.tell({ type: "unknown" });
    primary.tell({ type: "equal", members: ["b"] });
    primary.wait();
    expect(primary.tell({ type: "seen", record: record(7, ["a", "b"]), isConsistent: true })).toEqual([
      write(7, ["a", "b"]),
    ]);
    expect(primary.tell({ type: "stored", record: record(8, ["a", "b"]) })).toEqual([]);
    expect(primary.state.unresolved).toEqual([]);
  });

  test("is known when a later generation is seen", () => {
    const primary = Primary.of(["a", "b"], ["b"]);
    primary.tell({ type: "equal", members: [] });
    primary.tell({ type: "seen", record: record(8, ["a"]), isConsistent: false });
    expect(mayBeInSync(primary.state)).toEqual(["a"]);
  });

  test("waits longer from failure to failure, up to five seconds", () => {
    const primary = Primary.of(["a", "b"], ["b"]);
    primary.tell({ type: "equal", members: [] });
    const waits = Array.from({ length: 9 }, () => {
      primary.tell({ type: primary.effects[0]?.type === "read" ? "readFailed" : "unknown" });
      const { nowMs } = primary;
      primary.wait();
      return primary.nowMs - nowMs;
    });
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
  });
});

describe("a change that is refused", () => {
  test("leaves open who is in sync until the disk was read", () => {
    const primary = Primary.of(["a", "b"], ["b"]);
    primary.tell({ type: "equal", members: [] });
    primary.tell({ type: "refused" });
    expect(mayBeInSync(primary.state)).toBeUndefined();
    expect(primary.wait()).toEqual([{ type: "read" }]);
    expect(primary.tell({ type: "seen", record: record(9, ["a", "b"]), isConsistent: true })).toEqual([
      write(9, ["a"]),
    ]);
  });

  test("is the end when the disk is sealed for another", () => {
    const primary = Primary.of(["a", "b"], ["b"]);
    primary.tell({ type: "equal", members: [] });
    primary.tell({ type: "refused" });
    primary.wait();
    const next = record(7, ["a", "b"], { node: "b", epoch: 4 });
    expect(primary.tell({ type: "seen", record: next, isConsistent: true })).toEqual([]);
    expect(mayBeInSync(primary.state)).toBeUndefined();
  });
});

describe("another grant", () => {
  test("forgets what was sent under the one before, which its seal has ended", () => {
    const primary = Primary.of(["a", "b"], ["b"]);
    primary.tell({ type: "equal", members: [] });
    expect(primary.tell({ type: "primary", epoch: 5 })).toEqual([{ type: "read" }]);
    primary.tell({ type: "seen", record: record(7, ["a", "b"], { node: "a", epoch: 5 }), isConsistent: true });
    expect(mayBeInSync(primary.state)).toEqual(["a", "b"]);
    expect(primary.state.unresolved).toEqual([]);
  });
});

test("a change is conditional on the set before it and on the own seal (A5)", () => {
  const change = { type: "write", epoch: 3, onGeneration: 7, members: ["a"] } as const;
  expect(changeOf(change, ALL_RULES)).toEqual([
    { op: "test", path: "/status/primary/epoch", value: 3 },
    { op: "test", path: "/status/inSync/generation", value: 7 },
    { op: "replace", path: "/status/inSync", value: { generation: 8, epoch: 3, members: ["a"] } },
  ]);
  expect(changeOf(change, rulesWithout("sealsBeforeGrant"))).toHaveLength(2);
});

describe("answers that overtake one another", () => {
  /** Set {a}, generation 7; a growth by b is on its way without an answer. */
  function growing(): Primary {
    const primary = Primary.of(["a"], []);
    primary.tell({ type: "asked", members: ["a", "b"] });
    expect(primary.tell({ type: "equal", members: ["b"] })).toEqual([write(7, ["a", "b"])]);
    primary.tell({ type: "unknown" });
    return primary;
  }

  test("a read that was answered before the late growth, and arrives after the watch has shown it", () => {
    const primary = growing();
    expect(primary.wait()).toEqual([{ type: "read" }]);
    primary.tell({ type: "seen", record: record(8, ["a", "b"]), isConsistent: false });
    primary.tell({ type: "equal", members: [] });
    primary.tell({ type: "seen", record: record(7, ["a"]), isConsistent: true });
    expect(mayBeInSync(primary.state) ?? ["a", "b"]).toContain("b");
    expect(primary.wait()).toEqual([{ type: "read" }]);
    expect(primary.tell({ type: "seen", record: record(8, ["a", "b"]), isConsistent: true })).toEqual([
      write(8, ["a"]),
    ]);
  });

  test("a watch that lags behind a refusal", () => {
    const primary = growing();
    primary.wait();
    primary.tell({ type: "equal", members: [] });
    expect(primary.tell({ type: "seen", record: record(7, ["a"]), isConsistent: true })).toEqual([write(7, ["a"])]);
    primary.tell({ type: "refused" }); // the growth was stored meanwhile
    primary.tell({ type: "seen", record: record(7, ["a"]), isConsistent: false });
    expect(mayBeInSync(primary.state) ?? ["a", "b"]).toContain("b");
  });

  test("a refusal for another reason settles nothing that was sent before", () => {
    const primary = growing();
    primary.wait();
    primary.tell({ type: "equal", members: [] });
    primary.tell({ type: "seen", record: record(7, ["a"]), isConsistent: true });
    primary.tell({ type: "refused" }); // an admission rule, or too many writers at once
    primary.wait();
    primary.tell({ type: "seen", record: record(7, ["a"]), isConsistent: true });
    expect(mayBeInSync(primary.state)).toContain("b");
  });

  test("a disk that was made anew is learnt by a second read", () => {
    const primary = growing();
    primary.wait();
    primary.tell({ type: "seen", record: record(0, ["a"]), isConsistent: true });
    expect(primary.wait()).toEqual([{ type: "read" }]);
    primary.tell({ type: "seen", record: record(0, ["a"]), isConsistent: true });
    expect(mayBeInSync(primary.state)).toContain("a");
  });
});
