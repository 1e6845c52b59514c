import { describe, expect, test } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeCommands, type FakeProgram } from "../../../test/fakes/fake-commands.ts";
import type { Holding } from "../guard-protocol.ts";
import type { StepOutcome } from "../worker/group-state.ts";
import type { CommandPlan } from "../worker/part-plan.ts";
import { CommandPart } from "./command-part.ts";
import { commandEnvironment } from "./environment.ts";

const plan: CommandPlan = {
  kind: "command",
  key: "app",
  resource: "app",
  onFailure: "Failover",
  monitor: undefined,
  startTimeoutMs: 60_000,
  stopTimeoutMs: 60_000,
  needs: [],
  start: ["/x/app", "start"],
  stop: ["/x/app", "stop"],
  check: ["/x/app", "status"],
};
const environment = commandEnvironment(
  "node1",
  { namespace: "ha", group: "failover1", groupUid: "u", epoch: 5, session: "s" },
  "Requested",
);
const ok: FakeProgram = () => ({});
const fail: FakeProgram = () => ({ exitCode: 3, output: "no" });

function setup(programs: Readonly<Record<string, FakeProgram>> = {}) {
  const commands = new FakeCommands();
  for (const [name, program] of Object.entries({ start: ok, stop: ok, status: ok, ...programs }))
    commands.programs.set(`/x/app ${name}`, program);
  const clock = new FakeClock();
  const held: Holding[] = [];
  const abort = new AbortController();
  const guard = { allows: true };
  const context = {
    signal: abort.signal,
    environment,
    hold: (holding: Holding) => {
      if (guard.allows) held.push(holding);
      return Promise.resolve(guard.allows);
    },
    released: (holding: Holding) => void held.splice(held.indexOf(holding), 1),
  };
  const part = new CommandPart(plan, { commands, processes: commands, clock });
  const stop = async (options: { budgetMs?: number; isUrgent?: boolean } = {}): Promise<StepOutcome> => {
    const stopped = part.stop({ ...context, budgetMs: 60_000, isUrgent: false, isCut: true, ...options });
    await clock.advance(20_000);
    return stopped;
  };
  return { commands, clock, held, abort, guard, context, part, stop };
}

describe("starting", () => {
  test("exit 0 is success, and the process group is noted with the guard [REQ 5.1 EXEC]", async () => {
    const { part, context, held, commands } = setup();
    expect(await part.start(context)).toEqual({ ok: true });
    expect(commands.ran).toEqual(["/x/app start"]);
    expect(held).toEqual([{ kind: "process-group", processGroup: 1_001, startTicks: 10_010 }]);
  });

  test.each([
    ["a failing exit", fail, "ActivationFailed", /ended with 3: no/],
    [
      "a timeout",
      () => ({ end: "timed-out", exitCode: undefined }),
      "ActivationTimeout",
      /did not end within 60000 ms/,
    ],
  ] as const)("%s is a failure with its reason", async (_name, start, reason, message) => {
    const { part, context } = setup({ start: start as FakeProgram });
    expect(await part.start(context)).toMatchObject({
      ok: false,
      reason,
      message: expect.stringMatching(message) as string,
    });
  });

  test("a command that is not allowed is not run", async () => {
    const { part, context, commands } = setup();
    commands.programs.delete("/x/app start");
    expect(await part.start(context)).toMatchObject({ ok: false, reason: "CommandNotAllowed" });
    expect(commands.ran).toEqual([]);
  });

  test("a daemon that left the session is noted too", async () => {
    const { part, context, held } = setup({
      start: (request, self) => {
        self.leave(request.environment, { ownSession: true });
        return {};
      },
    });
    expect(await part.start(context)).toEqual({ ok: true });
    expect(held).toHaveLength(2);
  });

  test("what the guard refuses does not count as started", async () => {
    const { part, context, guard } = setup({
      start: (request) => ({ end: request.signal.aborted ? "aborted" : "exited" }),
    });
    guard.allows = false;
    expect(await part.start(context)).toMatchObject({ ok: false });
  });
});

describe("stopping", () => {
  const withDaemon =
    (resists: "nothing" | "TERM" | "everything"): FakeProgram =>
    (request, self) => {
      self.leave(request.environment, { resists });
      return {};
    };

  test("a stop that succeeds and leaves nothing is down, and released [REQ 5.1 EXEC]", async () => {
    const { part, context, stop, held } = setup();
    await part.start(context);
    expect(await stop()).toEqual({ ok: true });
    expect(held).toEqual([]);
  });

  test.each(["nothing", "TERM"] as const)(
    "what a stop leaves behind is ended, even if it resists %s",
    async (resists) => {
      const { part, context, stop, commands } = setup({ start: withDaemon(resists) });
      await part.start(context);
      expect(await stop()).toEqual({ ok: true });
      expect(commands.processes).toEqual([]);
    },
  );

  test("what cannot be ended is not down", async () => {
    const { part, context, stop } = setup({ start: withDaemon("everything") });
    await part.start(context);
    expect(await stop()).toMatchObject({ ok: false, message: expect.stringMatching(/do not end/) as string });
  });

  test("a service that ends by itself shortly after its stop command is not signalled", async () => {
    const { part, context, stop, commands, clock } = setup({
      start: withDaemon("nothing"),
      stop: (_request, self) => {
        clock.setTimer(500, () => void self.processes.splice(0));
        return {};
      },
    });
    await part.start(context);
    expect(await stop()).toEqual({ ok: true });
    expect(commands.signalled).toEqual([]);
  });

  test("a stop that fails is not down; after the third time what start left behind is killed", async () => {
    const { part, context, stop, commands } = setup({ start: withDaemon("nothing"), stop: fail });
    await part.start(context);
    expect(await stop()).toMatchObject({ ok: false });
    expect(await stop()).toMatchObject({ ok: false });
    expect(commands.signalled).toEqual([]);
    expect(await stop()).toEqual({ ok: true });
    expect(commands.processes).toEqual([]);
  });

  test("a stop that fails proves nothing when no process of ours was ever there", async () => {
    const { part, context, stop } = setup({ stop: fail });
    await part.start(context);
    for (let count = 0; count < 4; count++) expect(await stop()).toMatchObject({ ok: false });
  });

  test("under a deadline what is left is killed at once, whatever the stop command said", async () => {
    const { part, context, stop, commands } = setup({ start: withDaemon("TERM"), stop: fail });
    await part.start(context);
    expect(await stop({ isUrgent: true, budgetMs: 400 })).toEqual({ ok: true });
    expect(commands.processes).toEqual([]);
  });

  test("what may not be run here cannot have been started here", async () => {
    const { commands, stop } = setup();
    commands.programs.clear();
    expect(await stop()).toEqual({ ok: true });
  });

  test("what may be started but not stopped is not down", async () => {
    const { commands, stop, part, context } = setup();
    commands.programs.delete("/x/app stop");
    await part.start(context);
    expect(await stop()).toMatchObject({ ok: false });
  });
});

describe("monitoring", () => {
  test.each([
    ["exit 0", ok, { result: "good" }],
    ["another exit", fail, { result: "bad", reason: "ResourceFailed", isProven: false }],
    ["a timeout", (() => ({ end: "timed-out", exitCode: undefined })) as FakeProgram, { result: "bad" }],
    ["an early end", (() => ({ end: "aborted", exitCode: undefined })) as FakeProgram, { result: "unknown" }],
  ] as const)("%s is read as it should be", async (_name, status, reading) => {
    const { part, context } = setup({ status });
    expect(await part.check(context, 1_000)).toMatchObject(reading);
  });
});

test("the environment is exactly what the API names", () => {
  expect(Object.keys(environment)).toEqual([
    "PATH",
    "UNDERSTUDY_GROUP",
    "UNDERSTUDY_NAMESPACE",
    "UNDERSTUDY_NODE",
    "UNDERSTUDY_EPOCH",
    "UNDERSTUDY_CAUSE",
  ]);
});
