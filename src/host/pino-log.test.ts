import { describe, expect, it } from "vitest";
import { type LogFormat, type LogLevel, pinoLog } from "./pino-log.ts";

function setup(level: LogLevel = "info", format: LogFormat = "json") {
  const lines: string[] = [];
  const log = pinoLog({ level, format, fields: { part: "controller" } }, { write: (line) => void lines.push(line) });
  const last = (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? "{}") as Record<string, unknown>;
  return { log, lines, last };
}

describe("the log", () => {
  it("writes one JSON object per line with level, time, message and fields", () => {
    const { log, last } = setup();
    log.child({ object: "ha/g" }).warn("reconcile failed", { retryInMs: 100 });
    expect(last()).toEqual({
      level: "warn",
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      part: "controller",
      object: "ha/g",
      retryInMs: 100,
      message: "reconcile failed",
    });
  });

  it("changes its level at once, also in children that exist", () => {
    const { log, lines } = setup("warn");
    const child = log.child({});
    child.info("quiet");
    log.setLevel("debug");
    child.debug("loud");
    expect(lines).toHaveLength(1);
  });

  it("writes a line for people", () => {
    const { log, lines } = setup("info", "pretty");
    log.info("elected leader", { lease: "x", reason: "two words" });
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}elected leader part=controller lease=x reason="two words"\n$/,
    );
  });

  it("never shows a secret, by name, in depth, or as a bearer token inside an error", () => {
    const { log, lines } = setup();
    const error = new Error("refused: authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", {
      cause: { clientSecret: "s3cret" },
    });
    log.error("call failed", {
      error,
      request: { headers: { Authorization: "hunter22" } },
      sessionToken: "hunter22",
      env: [{ password: "hunter22" }],
      bytes: Buffer.from("hunter22"),
    });
    log.child({ secretAccessKey: "hunter22" }).info("x", { tokenFile: "/run/token" });
    expect(lines.join("")).not.toMatch(/hunter22|eyJ|s3cret/);
    expect(lines[1]).toContain("/run/token");
  });

  it("survives fields that contain themselves", () => {
    const { log, lines } = setup();
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    log.info("loop", { loop, big: 10n });
    expect(lines[0]).toContain('"big":"10"');
  });
});
