import { expect, it } from "vitest";
import { parseSandboxOptions } from "./options.ts";

it("takes the demo's defaults when nothing is said", () => {
  expect(parseSandboxOptions([])).toEqual({
    scenario: "aws-virtual-ip",
    profile: "fast",
    mode: undefined,
    latencyMs: 50,
    json: false,
    keep: false,
  });
});

it("says which value of which option is wrong and what it expects", () => {
  expect(parseSandboxOptions(["--profile", "quick"])).toEqual({
    wrong: "--profile quick: expected one of default, fast, azure-freeze-tolerant",
  });
  expect(parseSandboxOptions(["--latency", "-1"])).toHaveProperty("wrong");
  expect(parseSandboxOptions(["--scenario", "moon"])).toHaveProperty("wrong");
  expect(parseSandboxOptions(["stray"])).toHaveProperty("wrong");
});
