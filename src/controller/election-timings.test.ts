import { expect, it } from "vitest";
import { PRESETS } from "../api/timings.ts";
import { electionTimings } from "./election-timings.ts";
import { brokenElectionRelations } from "./lease-election.ts";

it("every preset and every duration from 2 s on gives safe timings", () => {
  for (const preset of PRESETS) expect(brokenElectionRelations(electionTimings(preset))).toEqual([]);
  for (let seconds = 2; seconds <= 120; seconds++)
    expect(brokenElectionRelations(electionTimings("default", seconds * 1_000))).toEqual([]);
});

it("refuses what cannot be published or renewed in time", () => {
  expect(() => electionTimings("default", 1_000)).toThrow(/at least 2 s/);
  expect(() => electionTimings("default", 2_500)).toThrow(/whole seconds/);
});

it("replaces a dead leader of the fast preset in three and a half seconds", () => {
  const { leaseDurationMs, marginMs, renewIntervalMs } = electionTimings("fast");
  expect(1.05 * leaseDurationMs + marginMs + renewIntervalMs).toBeLessThan(3_700);
});
