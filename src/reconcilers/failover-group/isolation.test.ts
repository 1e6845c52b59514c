/** Who leaves and who is not chosen because of isolation targets: tables for the rule, then whole worlds. */
import { describe, expect, it } from "vitest";
import { condition, ControllerWorld, isReadyOn } from "../../../test/builders/controller-world.ts";
import type { FailoverGroup } from "../../api/generated/types.ts";
import { areTargetsUp, isIsolated, membersThatReach } from "./isolation.ts";
import type { MemberSeen, Seen } from "./seen.ts";
import type { SessionVerdict } from "./session-observer.ts";

/** Confirmed after 1 s + 500 ms + 1 s. */
const ISOLATION = {
  targets: [{ http: { url: "https://witness.example/" } }],
  interval: "1s",
  timeout: "500ms",
  retries: 0,
};
const CONFIRMED_MS = 2_500;

type Word = "Reached" | "Lost" | "NotChecked" | undefined;

interface Told {
  readonly word: Word;
  /** The report is of its session in force; or it is of another; or the session is over. */
  readonly session?: "in force" | "former" | "over";
  readonly epoch?: number;
  readonly isRemoved?: boolean;
}

function seenOf(members: readonly Told[], spec: object = { isolation: ISOLATION }): Seen {
  return {
    group: { metadata: { name: "g" }, spec: { failover: {}, ...spec } } as unknown as FailoverGroup,
    members: members.map(({ word, session = "in force", epoch = 0, isRemoved = false }, at) => {
      const verdict: SessionVerdict =
        session === "over" ? { state: "Ended", session: "s", end: "Expired" } : { state: "Live", session: "s" };
      const report = { node: `node${at}`, session: session === "former" ? "r" : "s", epoch, state: "Inactive" };
      return {
        node: `node${at}`,
        session: { node: `node${at}`, verdict },
        report: word === undefined ? undefined : { ...report, isolation: word },
        ...(isRemoved ? {} : { position: at }),
      } as unknown as MemberSeen;
    }),
  } as unknown as Seen;
}

describe("a member that reaches no target", () => {
  it.each<[string, boolean, Told[]]>([
    ["is isolated while another reaches one", true, [{ word: "Lost" }, { word: "Reached" }]],
    ["is not while nobody else reaches one: the targets are down", false, [{ word: "Lost" }, { word: "Lost" }]],
    ["is not while the other could not check", false, [{ word: "Lost" }, { word: "NotChecked" }]],
    ["is not while the other said nothing", false, [{ word: "Lost" }, { word: undefined }]],
    [
      "is not by what another said under a former session",
      false,
      [{ word: "Lost" }, { word: "Reached", session: "former" }],
    ],
    ["is not by what a dead standby said", false, [{ word: "Lost" }, { word: "Reached", session: "over" }]],
    ["is not by a member that was removed", false, [{ word: "Lost" }, { word: "Reached", isRemoved: true }]],
    [
      "is by the last word of the last holder",
      true,
      [
        { word: "Lost", epoch: 2 },
        { word: "Reached", epoch: 3, session: "over" },
      ],
    ],
    [
      "is not by the last word of an earlier holder",
      false,
      [
        { word: "Lost", epoch: 4 },
        { word: "Reached", epoch: 3, session: "over" },
      ],
    ],
    [
      "is not when it lost them under a former session",
      false,
      [{ word: "Lost", session: "former" }, { word: "Reached" }],
    ],
    ["is not when it could not check", false, [{ word: "NotChecked" }, { word: "Reached" }]],
    ["is one of several", true, [{ word: "Lost" }, { word: "Lost" }, { word: "Reached" }]],
  ])("%s", (_name, expected, members) => {
    const seen = seenOf(members);
    expect(isIsolated(seen, seen.members[0] as MemberSeen)).toBe(expected);
  });

  it("counts no word while the group names no targets", () => {
    const seen = seenOf([{ word: "Lost" }, { word: "Reached" }], {});
    expect(isIsolated(seen, seen.members[0] as MemberSeen)).toBe(false);
    expect(membersThatReach(seen)).toEqual([]);
    expect(areTargetsUp(seenOf([{ word: "Lost" }]))).toBe(false);
  });
});

async function worldWith(words: readonly Word[], spec: object = {}): Promise<ControllerWorld> {
  const nodes = words.map((_word, at) => `node${at + 1}`);
  const world = await ControllerWorld.create(nodes, { isolation: ISOLATION });
  for (const node of nodes) world.agent(node).isolation = "Reached";
  await world.until(isReadyOn("node1"), 5_000);
  await world.patch(spec);
  await world.advance(500);
  say(world, words);
  return world;
}

function say(world: ControllerWorld, words: readonly Word[]): void {
  words.forEach((word, at) => (world.agent(`node${at + 1}`).isolation = word));
}

const reasonOf = (group: FailoverGroup, node: string): string | undefined =>
  group.status?.members?.find((member) => member.node === node)?.reason;

describe("an active member that loses its targets", () => {
  it("gives the group up to a standby that reaches one, in order: nobody else is revoked [REQ 5.4 NP test]", async () => {
    const world = await worldWith(["Lost", "Reached"]);
    const tookMs = await world.until(isReadyOn("node2"));
    expect(tookMs).toBeGreaterThanOrEqual(CONFIRMED_MS);
    expect(tookMs).toBeLessThan(CONFIRMED_MS + 500);
    const group = await world.group();
    expect(group.status?.history?.[0]).toMatchObject({
      cause: "Isolated",
      from: "node1",
      to: "node2",
      result: "Succeeded",
    });
    expect(reasonOf(group, "node1")).toBe("Isolated");
    expect(world.told).toContainEqual(expect.objectContaining({ type: "Warning", reason: "FailingOver" }));
    expect(world.mostServing).toBe(1);
    expect(world.agent("node1").session).toBe("node1_1");
  });

  it.each<[string, Word[], object]>([
    ["every member loses them: the targets are down", ["Lost", "Lost"], {}],
    ["the standby could not check", ["Lost", "NotChecked"], {}],
    ["it only could not check", ["NotChecked", "Reached"], {}],
    ["the mode is Manual", ["Lost", "Reached"], { failover: { mode: "Manual" } }],
    ["the mode is Paused", ["Lost", "Reached"], { failover: { mode: "Paused" } }],
  ])("keeps the group when %s", async (_name, words, spec) => {
    const world = await worldWith(words, spec);
    await world.advance(5_000);
    const group = await world.group();
    expect(group.status?.reports?.find(({ node }) => node === "node1")?.isolation).toBe(words[0]);
    expect(isReadyOn("node1")(group)).toBe(true);
    expect(group.status).toMatchObject({ epoch: 1, active: { node: "node1" } });
    expect(group.status?.target).toBeUndefined();
  });

  it("moves past a standby that does not reach one to the next that does", async () => {
    const world = await worldWith(["Lost", "NotChecked", "Reached"]);
    await world.until(isReadyOn("node3"), 4_000);
  });

  it("keeps the group when the targets go down, although members learn it one after the other", async () => {
    const world = await worldWith(["Lost", "Reached"]);
    await world.advance(1_500);
    say(world, ["Lost", "Lost"]);
    await world.advance(10_000);
    say(world, ["Lost", "Reached"]);
    await world.advance(1_500);
    say(world, ["Reached", "Reached"]);
    await world.advance(5_000);
    expect((await world.group()).status).toMatchObject({ epoch: 1, active: { node: "node1" } });
    expect(isReadyOn("node1")(await world.group())).toBe(true);
  });

  it("moves to one that could not check when the one that reaches a target may not take the group", async () => {
    const world = await worldWith(["Lost", "NotChecked", "Reached"]);
    await world.patchNode("node3", { unschedulable: true });
    await world.until(isReadyOn("node2"), 4_000);
  });

  it("keeps the group when the only standby that reaches a target may not take it", async () => {
    const world = await worldWith(["Reached", "Reached"]);
    await world.patchNode("node2", { unschedulable: true });
    await world.advance(200);
    say(world, ["Lost", "Reached"]);
    await world.advance(5_000);
    expect(isReadyOn("node1")(await world.group())).toBe(true);
  });

  it("does not get it back by failback before it reaches a target again", async () => {
    const world = await worldWith(["Lost", "Reached"], { failover: { failback: "Automatic", failbackAfter: "0s" } });
    await world.until(isReadyOn("node2"), 4_000);
    await world.advance(5_000);
    expect((await world.group()).status?.active?.node).toBe("node2");
    say(world, ["Reached", "Reached"]);
    await world.until(isReadyOn("node1"), 3_000);
    expect((await world.group()).status?.history?.[0]?.cause).toBe("Failback");
  });

  it("does not get it back by request or when its successor dies, before it reaches a target again", async () => {
    const world = await worldWith(["Lost", "Reached"]);
    await world.until(isReadyOn("node2"), 4_000);
    await world.annotate("move-to", "node1");
    await world.until((group) => group.status?.history?.[0]?.result === "Refused", 2_000);
    expect((await world.group()).status?.history?.[0]?.message).toContain("Isolated");
    world.agent("node2").crash();
    await world.until((group) => condition(group, "Ready")?.reason === "NoCandidate", 10_000);
    await world.advance(5_000);
    expect((await world.group()).status?.active?.node).not.toBe("node1");
    say(world, ["Reached", "Reached"]);
    await world.until(isReadyOn("node1"), 3_000);
  });
});

describe("a standby that loses its targets", () => {
  it("is not promotable while the active member reaches one, and a crash passes it over", async () => {
    const world = await worldWith(["Reached", "Lost", "Reached"]);
    await world.until((group) => reasonOf(group, "node2") === "Isolated", 1_000);
    world.agent("node1").crash();
    await world.until(isReadyOn("node3"), 10_000);
  });

  it("stays down with the last holder's word, and takes over once it reaches a target", async () => {
    const world = await worldWith(["Reached", "Lost"]);
    await world.until((group) => reasonOf(group, "node2") === "Isolated", 1_000);
    world.agent("node1").crash();
    await world.advance(10_000);
    expect((await world.group()).status?.active?.node).not.toBe("node2");
    say(world, ["Reached", "Reached"]);
    await world.until(isReadyOn("node2"), 3_000);
  });

  it("takes over from a crash while the targets themselves are down: they must not keep a service down", async () => {
    const world = await worldWith(["Lost", "Lost"]);
    await world.advance(500);
    expect(reasonOf(await world.group(), "node2")).toBeUndefined();
    world.agent("node1").crash();
    await world.until(isReadyOn("node2"), 10_000);
  });

  it("may take the group again in a new session, before that one has lost anything", async () => {
    const world = await worldWith(["Reached", "Lost"]);
    await world.until((group) => reasonOf(group, "node2") === "Isolated", 1_000);
    world.agent("node2").isolation = undefined;
    world.agent("node2").crash();
    await world.agent("node2").start();
    await world.until(
      (group) => group.status?.members?.find(({ node }) => node === "node2")?.state === "Promotable",
      3_000,
    );
  });
});
