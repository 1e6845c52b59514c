/** A guard's session driver on a fake clock and a fake API server, with the default timings. */
import { type Lease } from "../../src/api/session-lease.ts";
import { presetTimings } from "../../src/api/timings.ts";
import { assert } from "../../src/lib/assert.ts";
import { readInstant } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noMetrics } from "../../src/lib/metrics.ts";
import { type GuardEffect, SessionDriver } from "../../src/nodeagent/guard/session-driver.ts";
import { rightLeftMs, sessionInForce } from "../../src/nodeagent/guard/session-state.ts";
import { FakeClock } from "../fakes/fake-clock.ts";
import { FakeLeaseApi } from "../fakes/fake-lease-api.ts";

const timings = presetTimings("default");

export function sessionGuard() {
  const clock = new FakeClock();
  const api = new FakeLeaseApi(clock);
  const effects: GuardEffect[] = [];
  const config = {
    node: "n1",
    namespace: "understudy-system",
    lifeId: "life",
    publicKey: "key",
    facts: { bootId: "boot", version: "0", watchdog: "None" as const, interfaces: [] },
    timings,
  };
  const driver = new SessionDriver(config, { kube: api, clock, log: silentLog, metrics: noMetrics }, (effect) => {
    effects.push(effect);
  });
  const ofType = <T extends GuardEffect["type"]>(type: T): Extract<GuardEffect, { type: T }>[] =>
    effects.filter((effect): effect is Extract<GuardEffect, { type: T }> => effect.type === type);
  const session = (): string | undefined => sessionInForce(driver.state, readInstant(clock));
  const lease = (): Lease => {
    const stored = api.stored<Lease>("n1");
    if (stored === undefined) throw new Error("no Lease");
    return stored;
  };
  return {
    clock,
    api,
    driver,
    effects,
    ofType,
    session,
    lease,
    right: () => rightLeftMs(driver.state, readInstant(clock)),
  };
}

export async function holdingGuard(isBusy = true) {
  const guard = sessionGuard();
  guard.driver.dispatch({ type: "started" });
  guard.driver.dispatch({ type: "downProven" });
  await guard.clock.advance(50);
  assert(guard.session() === "n1_life", "the session begins");
  if (isBusy) guard.driver.dispatch({ type: "activity", isBusy: true });
  return guard;
}
