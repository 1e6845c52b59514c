import { describe, expect, test } from "vitest";
import { stepContext } from "../../../test/builders/step-context.ts";
import { FakeListeners } from "../../../test/fakes/fake-listeners.ts";
import type { ProbePortPlan } from "../worker/part-plan.ts";
import { ProbePortPart } from "./probe-port-part.ts";

const PORT = 26_001;
const plan: ProbePortPlan = {
  kind: "probe-port",
  key: "lbpp1",
  resource: "lbpp1",
  onFailure: "Failover",
  monitor: undefined,
  startTimeoutMs: 1,
  stopTimeoutMs: 1,
  needs: [],
  port: PORT,
  sourceRanges: [],
};

function setup() {
  const listeners = new FakeListeners();
  const { held, guard, abort, context } = stepContext();
  const told: string[] = [];
  const part = new ProbePortPart(plan, { listeners, onLost: () => void told.push("lost") });
  return { listeners, held, told, guard, abort, context, part };
}

describe("the probe port", () => {
  test("is open from the start to the stop, noted with the guard before [REQ 5.1 LB probe port behaviour]", async () => {
    const { part, context, listeners, held } = setup();
    expect(listeners.isOpen(PORT)).toBe(false);
    expect(await part.start(context)).toEqual({ ok: true });
    expect(listeners.isOpen(PORT)).toBe(true);
    expect(held).toEqual([{ kind: "probe-port", port: PORT }]);
    expect(await part.check()).toEqual({ result: "good" });
    expect(await part.stop(context)).toEqual({ ok: true });
    expect(listeners.isOpen(PORT)).toBe(false);
    expect(held).toEqual([]);
  });

  test("stays closed when the guard refuses, or when the start should end early", async () => {
    const refused = setup();
    refused.guard.allows = false;
    expect(await refused.part.start(refused.context)).toMatchObject({ ok: false });
    const aborted = setup();
    aborted.abort.abort();
    expect(await aborted.part.start(aborted.context)).toMatchObject({ ok: false });
    expect(refused.listeners.isOpen(PORT) || aborted.listeners.isOpen(PORT)).toBe(false);
  });

  test("that somebody else has is PortInUse, and opens once it is free [REQ 5.2 LB probe]", async () => {
    const { part, context, listeners } = setup();
    listeners.taken.add(PORT);
    expect(await part.start(context)).toMatchObject({ ok: false, reason: "PortInUse" });
    listeners.taken.clear();
    expect(await part.start(context)).toEqual({ ok: true });
  });

  test("that the kernel takes away is told at once and is ListenerDown at the next look [REQ 5.3.3]", async () => {
    const { part, context, listeners, told } = setup();
    await part.start(context);
    listeners.lose(PORT);
    expect(told).toEqual(["lost"]);
    expect(await part.check()).toMatchObject({ result: "bad", reason: "ListenerDown", isProven: true });
    expect(await part.start(context)).toEqual({ ok: true });
    expect(await part.check()).toEqual({ result: "good" });
  });
});
