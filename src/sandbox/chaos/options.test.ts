import { describe, expect, it } from "vitest";
import { parseChaosOptions, replayCommand } from "./options.ts";
import type { ChaosRequest } from "./options.ts";

const parse = (...argv: string[]): ReturnType<typeof parseChaosOptions> => parseChaosOptions(argv, () => 42);

function accepted(...argv: string[]): ChaosRequest {
  const parsed = parse(...argv);
  if (parsed === "help" || "wrong" in parsed) throw new Error(`refused: ${JSON.stringify(parsed)}`);
  return parsed;
}

describe("the options of chaos", () => {
  it("are ten minutes of random faults with a fresh seed by default", () => {
    expect(accepted()).toEqual({
      scenario: "random",
      minutes: 10,
      seed: 42,
      mode: undefined,
      json: false,
      logs: false,
    });
  });

  it("are read from the command line", () => {
    const argv = ["--minutes", "0.5", "--seed", "0", "--scenario", "api-outage", "--mode", "loopback", "--json"];
    expect(accepted(...argv)).toEqual({
      scenario: "api-outage",
      minutes: 0.5,
      seed: 0,
      mode: "loopback",
      json: true,
      logs: false,
    });
  });

  it("are refused with a sentence when they make no sense", () => {
    expect(parse("--minutes", "0")).toMatchObject({ wrong: expect.stringContaining("--minutes 0") as string });
    expect(parse("--minutes", "soon")).toMatchObject({ wrong: expect.stringContaining("--minutes soon") as string });
    expect(parse("--seed", "-1")).toMatchObject({ wrong: expect.any(String) as string });
    expect(parse("--seed", "4294967296")).toMatchObject({ wrong: expect.stringContaining("--seed") as string });
    expect(parse("--scenario", "calm")).toMatchObject({ wrong: expect.stringContaining("api-outage") as string });
    expect(parse("--mode", "cloud")).toMatchObject({ wrong: expect.stringContaining("loopback") as string });
    expect(parse("--only", "rain")).toMatchObject({ wrong: expect.stringContaining("vm-crash-active") as string });
    expect(parse("--only", "api-kill+api-freeze")).toMatchObject({ wrong: expect.any(String) as string });
    expect(parse("--colour")).toMatchObject({ wrong: expect.stringContaining("--colour") as string });
    expect(parse("--help")).toBe("help");
  });

  it("come back from the command that replays them", () => {
    for (const scenario of ["random", "api-outage"] as const) {
      const options = { scenario, minutes: 1.5, seed: 99, only: "vm-crash-active", logs: false };
      const [, argv = ""] = replayCommand(options, "namespaces").split(" -- ");
      expect(accepted(...argv.split(" "))).toEqual({ ...options, mode: "namespaces", json: false });
    }
  });
});
