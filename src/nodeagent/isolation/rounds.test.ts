import { describe, expect, it } from "vitest";
import type { Isolation, IsolationReport } from "../../api/generated/types.ts";
import type { TargetAnswer } from "./port.ts";
import { beginRound, endRound, isRoundDue, startRounds, timingsOf, verdictOf } from "./rounds.ts";

const ISOLATION: Isolation = {
  targets: [{ ping: { address: "10.0.0.1" } }, { ping: { address: "10.0.0.2" } }],
  interval: "5s",
  timeout: "2s",
  retries: 2,
};

const ANSWERS: Readonly<Record<string, TargetAnswer>> = {
  "+": { result: "reached" },
  "-": { result: "lost", message: "no answer" },
  "?": { result: "unreadable", message: "no ping" },
};

/** The verdict after each round; a round is one letter per target. */
function verdicts(rounds: readonly string[], retries = 2): IsolationReport[] {
  const timings = { ...timingsOf(ISOLATION), retries };
  let state = startRounds(rounds[0]?.length ?? 0, 0);
  return rounds.map((round) => {
    const answers = round.split("").map((letter) => ANSWERS[letter] ?? { result: "reached" as const });
    state = endRound(beginRound(state, timings, 0), timings, answers);
    return verdictOf(state);
  });
}

const [R, L, N] = ["Reached", "Lost", "NotChecked"] as const;

describe("the verdict on isolation targets", () => {
  it.each<[string, string[], IsolationReport[]]>([
    ["is Reached with the first answer", ["+"], [R]],
    ["is Reached while any one of several answers", ["+-", "+-", "+-", "+-", "+-"], [R, R, R, R, R]],
    ["is not Lost before the retries are used up", ["+", "-", "-", "-"], [R, R, R, L]],
    ["is NotChecked, not Lost, while the first rounds fail", ["-", "-", "-"], [N, N, L]],
    ["is Lost only when every target is", ["++", "-+", "-+", "--", "--", "--"], [R, R, R, R, R, L]],
    ["counts rounds in a row only", ["+", "-", "-", "+", "-", "-"], [R, R, R, R, R, R]],
    ["is Reached again with one answer", ["-", "-", "-", "+"], [N, N, L, R]],
    ["is never Lost by what could not be asked", ["?", "?", "?", "?", "?"], [N, N, N, N, N]],
    ["is NotChecked while one target is lost and the other cannot be asked", ["-?", "-?", "-?", "-?"], [N, N, N, N]],
    ["does not count what could not be asked as a lost round", ["+", "-", "?", "-", "-"], [R, R, N, N, L]],
    ["does not forget lost rounds by what could not be asked", ["-", "-", "?", "-"], [N, N, N, L]],
  ])("%s", (_name, rounds, expected) => {
    expect(verdicts(rounds)).toEqual(expected);
  });

  it("is Lost with the first lost round when there are no retries", () => {
    expect(verdicts(["+", "-"], 0)).toEqual([R, L]);
  });

  it("is NotChecked before the first round and without targets", () => {
    expect(verdictOf(startRounds(2, 0))).toBe("NotChecked");
    expect(verdictOf(startRounds(0, 0))).toBe("NotChecked");
  });
});

describe("rounds", () => {
  it("begin at once, follow one another at the interval, and never overlap", () => {
    const timings = timingsOf(ISOLATION);
    const first = startRounds(1, 1_000);
    expect(isRoundDue(first, 1_000)).toBe(true);
    const running = beginRound(first, timings, 1_000);
    expect(isRoundDue(running, 99_000)).toBe(false);
    const done = endRound(running, timings, [{ result: "reached" }]);
    expect(isRoundDue(done, 5_999)).toBe(false);
    expect(isRoundDue(done, 6_000)).toBe(true);
  });

  it("take their timings from the spec, and a request never outlasts the interval", () => {
    expect(timingsOf({ ...ISOLATION, interval: "1s", timeout: "3s" })).toEqual({
      intervalMs: 1_000,
      timeoutMs: 1_000,
      retries: 2,
    });
  });
});
