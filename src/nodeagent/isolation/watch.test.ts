import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/fakes/fake-clock.ts";
import { FakeIsolationTargets } from "../../../test/fakes/fake-isolation-targets.ts";
import type { Isolation, IsolationReport } from "../../api/generated/types.ts";
import { type LogFields, type Logger, silentLog } from "../../lib/log.ts";
import { IsolationFollower, IsolationWatch } from "./watch.ts";

const A = "http://a.example/";
const TO_A: Isolation = {
  targets: [{ http: { url: A, method: "HEAD", expectStatus: 200 } }],
  interval: "5s",
  timeout: "2s",
  retries: 1,
};
const TO_B: Isolation = { ...TO_A, targets: [{ ping: { address: "10.0.0.1" } }] };

function setup() {
  const clock = new FakeClock();
  const probe = new FakeIsolationTargets();
  const warnings: LogFields[] = [];
  const log: Logger = { ...silentLog, warn: (_message, fields = {}) => void warnings.push(fields) };
  const watch = new IsolationWatch({ clock, probe, log });
  const follower = () => {
    const told: (IsolationReport | undefined)[] = [];
    return { told, follower: new IsolationFollower(watch, (verdict) => void told.push(verdict)) };
  };
  return { clock, probe, warnings, follower };
}

describe("the watch over isolation targets", () => {
  it("tells the first verdict, and afterwards only what changes", async () => {
    const { clock, probe, follower } = setup();
    const one = follower();
    one.follower.want(TO_A);
    await clock.advance(20_000);
    expect(one.told).toEqual(["Reached"]);
    probe.answers.set(A, "lost");
    await clock.advance(5_000);
    expect(one.told).toEqual(["Reached"]);
    await clock.advance(5_000);
    expect(one.told).toEqual(["Reached", "Lost"]);
    probe.answers.set(A, "reached");
    await clock.advance(5_000);
    expect(one.told).toEqual(["Reached", "Lost", "Reached"]);
  });

  it("asks once per interval however many groups name the same targets, and tells a later one at once", async () => {
    const { clock, probe, follower } = setup();
    const many = Array.from({ length: 100 }, follower);
    for (const { follower: each } of many) each.want(TO_A);
    await clock.advance(12_000);
    expect(probe.asked.get(A)).toBe(3);
    const late = follower();
    late.follower.want({ ...TO_A });
    expect(late.told).toEqual(["Reached"]);
  });

  it("stops asking when nobody follows any more", async () => {
    const { clock, probe, follower } = setup();
    const [one, two] = [follower(), follower()];
    one.follower.want(TO_A);
    two.follower.want(TO_A);
    await clock.advance(100);
    one.follower.close();
    await clock.advance(5_000);
    expect(probe.asked.get(A)).toBe(2);
    two.follower.want(undefined);
    expect(clock.timersPending).toBe(0);
    expect(two.told).toEqual(["Reached", undefined]);
  });

  it("forgets the verdict on former targets when the spec names others", async () => {
    const { clock, probe, follower } = setup();
    probe.answers.set(A, "lost");
    const one = follower();
    one.follower.want(TO_A);
    await clock.advance(6_000);
    one.follower.want(TO_B);
    expect(one.told).toEqual(["NotChecked", "Lost", "NotChecked"]);
    await clock.advance(10);
    expect(one.told.at(-1)).toBe("Reached");
  });

  it("says once in the log why a target cannot be asked", async () => {
    const { clock, probe, warnings, follower } = setup();
    probe.answers.set("10.0.0.1", "unreadable");
    follower().follower.want(TO_B);
    await clock.advance(60_000);
    expect(warnings).toEqual([{ verdict: "NotChecked", troubles: ["ping 10.0.0.1: 10.0.0.1 is unreadable"] }]);
  });
});
