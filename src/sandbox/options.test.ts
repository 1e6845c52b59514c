import { expect, it } from "vitest";
import { DEPLOYMENTS, parseSandboxOptions } from "./options.ts";

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
  expect(parseSandboxOptions(["--all", "--keep"])).toHaveProperty("wrong");
});

it("plays every deployment with --all, and not what is about the product itself", () => {
  expect(parseSandboxOptions(["--all", "--json"])).toMatchObject({ all: true, json: true });
  expect(DEPLOYMENTS).toContain("aws-elastic-ip");
  expect(DEPLOYMENTS).not.toContain("fencing");
});
