import { expect, it } from "vitest";
import { DEPLOYMENTS } from "../options.ts";
import { summaryOf } from "./launch-all.ts";

const all = DEPLOYMENTS.map((scenario) => ({ scenario, code: 0, result: { scenario, passed: true } }));

it("has passed only if every deployment was played to its end and passed", () => {
  expect(summaryOf(all)).toEqual({ passed: true, scenarios: all.map(({ result }) => result) });
  expect(summaryOf(all.slice(1)).passed).toBe(false);
  const [first, ...rest] = all;
  if (first === undefined) throw new Error("there are deployments");
  expect(summaryOf([{ ...first, code: 3, result: undefined }, ...rest])).toEqual({
    passed: false,
    scenarios: [
      { scenario: first.scenario, passed: false, problem: "it ended with exit code 3" },
      ...rest.map(({ result }) => result),
    ],
  });
});
