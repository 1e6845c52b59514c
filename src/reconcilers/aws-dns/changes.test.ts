import { describe, expect, it } from "vitest";
import { smallZone, ZONE_ID } from "../../../test/builders/route53-zone.ts";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeRoute53 } from "../../../test/fakes/fake-route53.ts";
import type { AwsDns, AwsDnsStatus } from "../../api/generated/types.ts";
import { Route53Knowledge } from "../../cloud/aws/route53-knowledge.ts";
import { Changes } from "./changes.ts";

const CALL_MS = 5_000;

function setup(propagationMs = 30_000) {
  const clock = new FakeClock();
  const route53 = smallZone(clock, propagationMs);
  const fake = new FakeRoute53(route53);
  const knowledge = new Route53Knowledge(fake, clock);
  const changes = new Changes(clock);
  const record = { name: "srv.hz1.local.", ttlSeconds: 10, values: ["10.0.1.10"] };
  const send = () => fake.changeRecords(ZONE_ID, [{ action: "CREATE", record }], { timeoutMs: CALL_MS });
  const look = (object: AwsDns) => changes.look(object, knowledge, CALL_MS);
  const asked = (): number => fake.calls.filter((call) => call.startsWith("GetChange")).length;
  return { clock, fake, changes, send, look, asked };
}

function object(status: AwsDnsStatus = {}): AwsDns {
  const spec = { sync: { interval: "2s", attempts: 3 }, monitor: { interval: "30s" } };
  return { metadata: { name: "srv", uid: "u1" }, spec, status } as unknown as AwsDns;
}

describe("the last change of a record", () => {
  it("is asked for once per interval, then at the monitor's pace, until it is everywhere", async () => {
    const { clock, changes, send, look, asked } = setup();
    changes.sent(object(), await send());
    expect((await look(object()))?.readings).toBe(0);
    for (let readings = 1; readings <= 3; readings++) {
      await clock.advance(1_999);
      await look(object());
      expect(asked()).toBe(readings - 1);
      await clock.advance(1);
      expect(await look(object())).toMatchObject({ state: "Pending", readings });
    }
    await clock.advance(29_999);
    await look(object());
    expect(asked()).toBe(3);
    await clock.advance(1);
    expect(await look(object())).toMatchObject({ state: "InSync", nextReadingAtMs: undefined });
    await clock.advance(600_000);
    await look(object());
    expect(asked()).toBe(4);
  });

  it("is taken over from the status by the next leader, which asks at once", async () => {
    const { clock, send, look } = setup(1_000);
    const { id, state, submittedAt } = await send();
    await clock.advance(5_000);
    expect(await look(object({ change: { id, state, submittedAt } }))).toMatchObject({ id, state: "InSync" });
    const done = object({ change: { id: "C1", state: "InSync" } });
    expect(await new Changes(clock).look(done, undefined, CALL_MS)).toMatchObject({ state: "InSync" });
  });

  it("that Route 53 does not know any more is not asked for again", async () => {
    const { clock, look, asked } = setup();
    const old = object({ change: { id: "C0LD", state: "Pending" } });
    expect(await look(old)).toMatchObject({ state: "Pending", failure: { code: "NotFound" } });
    await clock.advance(600_000);
    await look(old);
    expect(asked()).toBe(1);
  });

  it("keeps its state while nobody can be asked, and says why", async () => {
    const { clock, changes, fake, send, look } = setup(1_000);
    changes.sent(object(), await send());
    fake.fail("GetChange", { code: "CallTimeout" }, 1);
    await clock.advance(2_000);
    expect(await look(object())).toMatchObject({ state: "Pending", readings: 1, failure: { code: "CallTimeout" } });
    await clock.advance(2_000);
    expect(await look(object())).toMatchObject({ state: "InSync", failure: undefined });
  });
});
