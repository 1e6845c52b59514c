import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeMetadata } from "../../../test/fakes/fake-metadata.ts";
import { workerGroup } from "../../../test/builders/worker-group.ts";
import type { FailoverGroup, Move } from "../../api/generated/types.ts";
import type { ScheduledEvent } from "../../api/scheduled-events.ts";
import { silentLog } from "../../lib/log.ts";
import { noMetrics } from "../../lib/metrics.ts";
import { hasLeftSince } from "./departure.ts";
import type { MachineIdentity, MachineWord } from "./port.ts";
import { MachineWatch } from "./watch.ts";

const AZURE: MachineIdentity = { cloud: "azure", providerId: "azure:///subscriptions/s", zone: "japaneast-1" };
const AWS: MachineIdentity = { cloud: "aws", providerId: "aws:///eu-central-1a/i-1", zone: "eu-central-1a" };
const REBOOT: ScheduledEvent = { id: "e1", type: "Reboot", notBefore: "2026-01-01T00:15:00.000Z" };

function setup(machine: MachineIdentity | undefined) {
  const clock = new FakeClock();
  const metadata = new FakeMetadata(machine);
  const told: MachineWord[] = [];
  const left = { isDone: false, sinceMs: [] as number[] };
  const watch = new MachineWatch({
    metadata,
    clock,
    log: silentLog,
    metrics: noMetrics,
    tell: (word) => void told.push(word),
    hasLeftSince: (sinceWallMs) => {
      left.sinceMs.push(sinceWallMs);
      return left.isDone;
    },
  });
  watch.start();
  return { clock, metadata, told, left, watch };
}

describe("a machine and its cloud", () => {
  test("who it is is told as soon as the cloud says so, and tried again, less and less often, until then", async () => {
    const { clock, metadata, told } = setup(undefined);
    await clock.advance(60_000);
    expect(told).toEqual([]);
    expect(metadata.asked).toBeLessThan(8);
    metadata.machine = AWS;
    await clock.advance(60_000);
    expect(told).toEqual([{ providerId: AWS.providerId, zone: AWS.zone, events: [] }]);
  });

  test("announced maintenance is told within a second on Azure, and taken back when it is over", async () => {
    const { clock, metadata, told } = setup(AZURE);
    await clock.advance(2_000);
    metadata.announced = [REBOOT];
    await clock.advance(1_000);
    expect(told.at(-1)?.events).toEqual([REBOOT]);
    metadata.announced = [];
    await clock.advance(1_000);
    expect(told.at(-1)?.events).toEqual([]);
    expect(told).toHaveLength(3);
  });

  test("what cannot be read takes nothing back", async () => {
    const { clock, metadata, told } = setup(AZURE);
    metadata.announced = [REBOOT];
    await clock.advance(2_000);
    metadata.trouble = "no answer";
    await clock.advance(10_000);
    expect(told.at(-1)?.events).toEqual([REBOOT]);
  });

  test("the cloud may begin once everything has left, is told once, and again only where it did not hear", async () => {
    const { clock, metadata, left } = setup(AZURE);
    metadata.announced = [REBOOT];
    const sinceMs = clock.wallMs();
    await clock.advance(3_000);
    expect(metadata.acknowledged).toEqual([]);
    metadata.isDeaf = true;
    left.isDone = true;
    await clock.advance(3_000);
    metadata.isDeaf = false;
    await clock.advance(4_000);
    expect(metadata.acknowledged).toEqual(["e1"]);
    expect(left.sinceMs.every((asked) => asked - sinceMs < 100)).toBe(true);
  });

  test("a freeze is never hurried, nor anything where the cloud knows no such word", async () => {
    for (const [machine, event] of [
      [AZURE, { id: "e2", type: "Freeze" }],
      [AWS, REBOOT],
    ] as const) {
      const { clock, metadata, left } = setup(machine);
      left.isDone = true;
      metadata.announced = [event];
      await clock.advance(20_000);
      expect(metadata.acknowledged).toEqual([]);
    }
  });

  test("closed, it asks nothing any more", async () => {
    const { clock, metadata, watch } = setup(undefined);
    watch.close();
    const { asked } = metadata;
    await clock.advance(60_000);
    expect(metadata.asked).toBe(asked);
  });
});

describe("the groups have left because of maintenance", () => {
  const NOW = Date.parse("2026-01-01T00:00:00Z");
  const away: Move = {
    epoch: 6,
    cause: "ScheduledEvent",
    from: "node1",
    to: "node2",
    startedAt: "2026-01-01T00:01:00Z",
    result: "Succeeded",
  };
  const group = (move: Partial<Move>, node = "node2", action: "Act" | "Report" = "Act"): FailoverGroup => {
    const made = workerGroup({
      status: {
        active: { node, epoch: 6, session: "s", since: "2026-01-01T00:01:00Z" },
        history: [{ ...away, ...move }],
      },
    });
    return { ...made, spec: { ...made.spec, scheduledEvents: { action, leadTime: "10m" } } };
  };

  test.each([
    ["moved and up elsewhere", [group({})], true],
    ["still coming up elsewhere", [group({ result: undefined })], false],
    ["moved for another reason", [group({ cause: "Requested" })], false],
    ["moved before it was announced", [group({ startedAt: "2025-12-31T23:00:00Z" })], false],
    ["one moved, another still here", [group({}), group({}, "node1")], false],
    ["only stands by here", [], false],
    ["only reports events", [group({}, "node2", "Report")], false],
  ])("%s", (_what, groups, expected) => {
    expect(hasLeftSince(groups, "node1", NOW)).toBe(expected);
  });
});
