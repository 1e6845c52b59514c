import { describe, expect, it } from "vitest";
import { BackendHealth } from "./health.ts";

/** `+` a probe that succeeded, `-` one that failed; `U` and `D`: what is believed after it. */
function believed(threshold: number, probes: string): string {
  const health = new BackendHealth(threshold);
  return [...probes]
    .map((probe) => {
      health.note(probe === "+");
      return health.isUp ? "U" : "D";
    })
    .join("");
}

describe("a backend", () => {
  it.each([
    ["begins as down", 2, "-", "D"],
    ["is up after as many successes in a row as the threshold", 2, "++", "DU"],
    ["is down after as many failures in a row", 2, "++--", "DUUD"],
    ["forgets a single failure", 2, "++-+-+-", "DUUUUUU"],
    ["forgets a single success", 2, "+-+-", "DDDD"],
    ["needs the successes again once it was down", 3, "+++---++-+++", "DDUUUDDDDDDU"],
    ["follows every probe with a threshold of one", 1, "+-+", "UDU"],
  ])("%s", (_what, threshold, probes, expected) => {
    expect(believed(threshold, probes)).toBe(expected);
  });
});
